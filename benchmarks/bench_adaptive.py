"""The adaptive method: its speed beside bare OpenCV calls, and how it does on random synthetic mounts."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
from bench_segmentation import bare_calls

from napari_zircon_cnn.grains import measure
from napari_zircon_cnn.mount import PAPER_PIXEL_SIZE_UM, Mount, read_mount
from napari_zircon_cnn.samples.synthetic import MountSettings, synthetic_mount
from napari_zircon_cnn.segmentation.adaptive import segment_adaptive, segment_region
from napari_zircon_cnn.segmentation.score import score_labels

SHAPE = (1915, 2801)
"""That of the paper's mosaic QVC028."""

REGION_PX = 1000
ROUNDS = 9
N_MOUNTS = 200
MOUNT_SHAPE = (800, 800)


def adaptive_ratio(mount: Mount | None = None) -> dict[str, float]:
    """Time the whole mount and regions of 1000 x 1000 px in turn; the ratio is that of the medians."""
    mount = mount or synthetic_mount(seed=1, shape=SHAPE).mount
    image = mount.as_uint8()
    middle = [_region_at(mount, (0.5, 0.5))]
    grid = [
        _region_at(mount, (row, column)) for row in np.linspace(0, 1, 4) for column in np.linspace(0, 1, 5)
    ]
    whole: list[float] = []
    bare: list[float] = []
    regions: list[list[float]] = [[] for _ in middle + grid]
    for _ in range(ROUNDS):
        whole.append(_seconds(lambda: segment_adaptive(mount)))
        bare.append(_seconds(lambda: bare_calls(image)))
        for n, region in enumerate(middle + grid):
            regions[n].append(_seconds(partial(segment_region, mount, region)))
    region_s = [median(seconds) for seconds in regions]
    return {
        "ours_s": median(whole),
        "opencv_s": median(bare),
        "ratio": median(whole) / median(bare),
        "region_s": region_s[0],
        "slowest_region_s": max(region_s),
    }


def _region_at(mount: Mount, share: tuple[float, float]) -> tuple[slice, slice]:
    """Return a region by how far down and to the right it lies, as shares of the way."""
    rows, columns = (
        slice(round(part * max(length - REGION_PX, 0)), None)
        for part, length in zip(share, mount.image.shape, strict=True)
    )
    return slice(rows.start, rows.start + REGION_PX), slice(columns.start, columns.start + REGION_PX)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def random_settings(rng: np.random.Generator) -> MountSettings:
    """Return settings around those of the real mosaics, from easy to hard."""
    return MountSettings(
        background=rng.uniform(2, 12),
        noise=rng.uniform(0.5, 4),
        tile_px=rng.uniform(200, 600),
        tile_step=rng.uniform(0, 0.1),
        fading=rng.uniform(0, 0.4),
        streaks_per_tile=rng.uniform(0, 2),
        halo=rng.uniform(0, 0.25),
        porphyry_brightness=rng.uniform(70, 160),
        batholith_brightness=rng.uniform(70, 160),
        porphyry_contrast=rng.uniform(0.5, 1.5),
        batholith_contrast=rng.uniform(0.5, 1.5),
        brightness_spread=rng.uniform(0, 0.3),
        dim_share=rng.uniform(0, 0.15),
        broken_share=rng.uniform(0, 0.5),
        inclusion_rate=rng.uniform(0, 3),
        crack_rate=rng.uniform(0, 0.6),
    )


def robustness(n_mounts: int = N_MOUNTS) -> dict[str, float]:
    """Score the method on random synthetic mounts, objects below its size gate left out on both sides."""
    f1 = []
    for seed in range(n_mounts):
        rng = np.random.default_rng(seed)
        drawn = synthetic_mount(
            seed, MOUNT_SHAPE, touching_share=rng.uniform(0, 0.5), settings=random_settings(rng)
        )
        found = _without_small(segment_adaptive(drawn.mount), drawn.mount)
        f1.append(score_labels(found, _without_small(drawn.labels, drawn.mount)).f1(0.75))
    return {"mean_f1": mean(f1), "lowest_f1": min(f1), "mounts": n_mounts}


def _without_small(labels: np.ndarray, mount: Mount) -> np.ndarray:
    length = measure(labels, mount)["box_length_um"].to_numpy()
    return np.where(np.nan_to_num(length)[labels] >= 25, labels, 0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mosaic", type=Path, help="time this mosaic instead of a synthetic mount")
    parser.add_argument("--pixel-size", type=float, default=PAPER_PIXEL_SIZE_UM, help="of the mosaic, in µm")
    parser.add_argument("--mounts", type=int, default=N_MOUNTS, help="synthetic mounts to score; 0 for none")
    given = parser.parse_args()
    mount = read_mount(given.mosaic, pixel_size_um=given.pixel_size) if given.mosaic else None
    speed = adaptive_ratio(mount)
    rows, columns = mount.image.shape if mount else SHAPE
    print(
        f"adaptive segmentation of {columns} x {rows} px: {speed['ours_s'] * 1e3:.0f} ms against "
        f"{speed['opencv_s'] * 1e3:.0f} ms of the bare OpenCV calls, {speed['ratio']:.1f} times their time; "
        f"a region of {REGION_PX} x {REGION_PX} px: {speed['region_s'] * 1e3:.0f} ms in the middle, "
        f"{speed['slowest_region_s'] * 1e3:.0f} ms where it takes longest",
        flush=True,
    )
    if given.mounts:
        found = robustness(given.mounts)
        print(
            f"F1 at IoU 0.75 on {found['mounts']} random synthetic mounts: mean {found['mean_f1']:.3f}, "
            f"lowest {found['lowest_f1']:.2f}"
        )


if __name__ == "__main__":
    main()
