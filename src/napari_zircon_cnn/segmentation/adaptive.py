"""The adaptive segmentation: outlines at half of each grain's own brightness, kept where Canny finds an edge."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import Region, background_of
from napari_zircon_cnn.segmentation.foreground import grown
from napari_zircon_cnn.segmentation.objects import LARGEST_HOLE_UM, GrainMask
from napari_zircon_cnn.segmentation.tiles import LARGEST_BODY_UM, Search, grains_in, tiles_of

_TILE_PX = 1024
_WORKERS = min(os.cpu_count() or 1, 8)


def segment_adaptive(
    mount: Mount,
    parameters: AdaptiveParameters | None = None,
    progress: Progress = silent,
    *,
    tile_px: int = _TILE_PX,
) -> NDArray[np.int32]:
    rows, columns = mount.image.shape
    return _segment(mount, (slice(0, rows), slice(0, columns)), parameters, progress, tile_px)


def segment_region(
    mount: Mount,
    region: Region,
    parameters: AdaptiveParameters | None = None,
    progress: Progress = silent,
    *,
    tile_px: int = _TILE_PX,
) -> NDArray[np.int32]:
    return _segment(mount, region, parameters, progress, tile_px)


def _segment(
    mount: Mount, region: Region, parameters: AdaptiveParameters | None, progress: Progress, tile_px: int
) -> NDArray[np.int32]:
    parameters = parameters or AdaptiveParameters()
    shape = mount.image.shape
    # A grain around a hole may cover the region's border from outside.
    searched = grown(region, round(LARGEST_HOLE_UM / mount.pixel_size_um), shape)
    seen = grown(searched, round(2 * LARGEST_BODY_UM / mount.pixel_size_um), shape)
    with ThreadPoolExecutor(_WORKERS) as pool:
        progress(0.0, "measuring the background")
        search = Search(mount, searched, background_of(mount, seen, parameters.background_um, pool), parameters)
        tiles = tiles_of(searched, tile_px)
        grains: list[GrainMask] = []
        try:
            for n, found in enumerate(pool.map(lambda tile: grains_in(tile, search), tiles)):
                grains += found
                progress(0.1 + 0.8 * (n + 1) / len(tiles), f"{len(grains)} grains so far")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    labels = _painted(grains, region)
    progress(1.0, f"found {labels.max()} grains")
    return labels


def _painted(grains: list[GrainMask], region: Region) -> NDArray[np.int32]:
    top, left = region[0].start, region[1].start
    labels = np.zeros((region[0].stop - top, region[1].stop - left), np.int32)
    # Where one grain lies inside another's outline, the larger one is meant.
    order = sorted(grains, key=lambda grain: (int(grain.mask.sum()), grain.top, grain.left))
    for label, grain in enumerate(order, 1):
        height, width = grain.mask.shape
        y, x = grain.top - top, grain.left - left
        part = labels[max(y, 0) : y + height, max(x, 0) : x + width] if y + height > 0 and x + width > 0 else None
        if part is not None and part.size:
            dy, dx = max(-y, 0), max(-x, 0)
            part[grain.mask[dy : dy + part.shape[0], dx : dx + part.shape[1]] > 0] = label
    present, firsts = np.unique(labels, return_index=True)
    order_of_first = present[np.argsort(firsts, kind="stable")]
    order_of_first = order_of_first[order_of_first > 0]
    numbers = np.zeros(len(order) + 1, np.int32)
    numbers[order_of_first] = np.arange(1, len(order_of_first) + 1)
    return numbers[labels]
