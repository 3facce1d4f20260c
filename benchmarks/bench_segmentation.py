"""Speed and memory of the paper's preset beside the bare OpenCV calls that it is made of."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.segmentation.nathwani2023 import segment_canny

SPEED_SHAPE = (4000, 4000)
MEMORY_SHAPE = (20_000, 20_000)
ROUNDS = 15


def bare_calls(image: NDArray[np.uint8]) -> int:
    """Count the paper's grains with OpenCV alone; no label image comes out."""
    edges = cv2.dilate(cv2.Canny(image, 20, 255), np.ones((4, 4), np.uint8))
    contours, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [cv2.boundingRect(contour) for contour in contours]
    return sum(40 < width < 90 and 40 < height < 90 for _, _, width, height in boxes)


def segmentation_ratio(mount: Mount | None = None) -> dict[str, float]:
    """Time both in turn; the ratio is that of the medians."""
    mount = mount or synthetic_mount(seed=1, shape=SPEED_SHAPE).mount
    if segment_canny(mount).max() != bare_calls(mount.as_uint8()):
        raise AssertionError("both must find the same grains")
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(lambda: segment_canny(mount)))
        bare.append(_seconds(lambda: bare_calls(mount.as_uint8())))
    return {"ours_s": median(ours), "opencv_s": median(bare), "ratio": median(ours) / median(bare)}


def segmentation_memory() -> dict[str, float]:
    """Measure a fresh process's peak memory with and without the segmentation."""
    n_pixels = MEMORY_SHAPE[0] * MEMORY_SHAPE[1]
    without, with_segmentation = (_peak_bytes(segment=segment) for segment in (False, True))
    return {
        "pixels": n_pixels,
        "image_peak_gib": without / 2**30,
        "peak_gib": with_segmentation / 2**30,
        "bytes_per_pixel_beyond_the_image": (with_segmentation - without) / n_pixels,
    }


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak_bytes(*, segment: bool) -> int:
    done = subprocess.run(
        [sys.executable, __file__, "segment" if segment else "image"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


def _report_own_peak(*, segment: bool) -> None:
    # Tiles of one drawn mount: drawing the whole would need memory of its own.
    tile = synthetic_mount(seed=2, shape=(2000, 2000)).mount.image
    mount = Mount(np.tile(tile, (MEMORY_SHAPE[0] // 2000, MEMORY_SHAPE[1] // 2000)), 2.0, "large")
    if segment:
        print(segment_canny(mount).max())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    _report_own_peak(segment=sys.argv[1] == "segment")
