"""The adaptive segmentation: outlines at half of a grain's brightness, kept where Canny finds an edge."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn import scratch
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import Region, background_of
from napari_zircon_cnn.segmentation.bodies import LARGEST_HOLE_UM, MARGIN_UM, Bodies, GrainMask
from napari_zircon_cnn.segmentation.compiled import compiled
from napari_zircon_cnn.segmentation.foreground import grown
from napari_zircon_cnn.segmentation.objects import grains_of
from napari_zircon_cnn.segmentation.tiles import Search, bodies_in, margin_px, tiles_of

T = TypeVar("T")
R = TypeVar("R")

_TILE_PX = 1024
_WORKERS = min(os.cpu_count() or 1, 8)
_BODIES_AT_A_TIME, _PIXELS_AT_A_TIME = 128, 2**21
_PAINTED_PX = 2**26
_RELEASE_EVERY = 4096


def segment_adaptive(
    mount: Mount,
    parameters: AdaptiveParameters | None = None,
    progress: Progress = silent,
    *,
    tile_px: int = _TILE_PX,
) -> NDArray[np.int32]:
    """Find the grains of a mount.

    Parameters
    ----------
    mount
        The mosaic.
    parameters
        The defaults serve all mosaics.
    progress
        Told after each tile; may raise `Cancelled`.
    tile_px
        Edge of the tiles that the mosaic is worked through in. The labels do not depend on it.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        The label image: 0 is background, 1 to n the grains by their first pixels, from top to bottom
        and then from left to right. Objects below the size gate are in it too; `size_gate` names them.

    Raises
    ------
    ZirconError
        Where the mosaic is smaller than the smallest grain.

    Notes
    -----
    A pixel is foreground where it is brighter than half of the brightest pixel near it, both above the
    resin. A connected body of foreground is kept where Canny's edge detector finds its outline (Canny 1986,
    doi:10.1109/TPAMI.1986.4767851), with thresholds that follow the body's own contrast, and is cut where
    two grains touch. Dim parts with an edge of their own are added; a glow has none.
    """
    parameters = parameters or AdaptiveParameters()
    rows, columns = mount.image.shape
    um = mount.pixel_size_um
    if max(rows, columns) * um < parameters.smallest_grain_um:
        raise ZirconError(
            f"The mosaic of {mount.sample} has {columns} x {rows} px ({columns * um:g} x {rows * um:g} µm), "
            f"less than the smallest grain that is kept ({parameters.smallest_grain_um:g} µm); "
            "give the whole mosaic, or look whether the pixel size is right."
        )
    return _segment(mount, (slice(0, rows), slice(0, columns)), parameters, progress, tile_px)


def segment_region(
    mount: Mount,
    region: Region,
    parameters: AdaptiveParameters | None = None,
    progress: Progress = silent,
    *,
    tile_px: int = _TILE_PX,
) -> NDArray[np.int32]:
    """Find the grains in a part of a mount.

    Parameters
    ----------
    mount
        The mosaic.
    region
        Rows and columns, as slices without step; negative and missing ends are meant as in any slice.
    parameters, progress, tile_px
        As in `segment_adaptive`.

    Returns
    -------
    ndarray of int32
        The label image of the region. Each grain has the pixels that it has in the whole mount's label
        image, as far as they lie in the region; the labels themselves count from 1.
    """
    rows, columns = (
        slice(*side.indices(length)[:2]) for side, length in zip(region, mount.image.shape, strict=True)
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return np.zeros(mount.image[rows, columns].shape, np.int32)
    return _segment(mount, (rows, columns), parameters, progress, tile_px)


def _segment(
    mount: Mount, region: Region, parameters: AdaptiveParameters | None, progress: Progress, tile_px: int
) -> NDArray[np.int32]:
    parameters = parameters or AdaptiveParameters()
    shape = mount.image.shape
    # A grain reaches a little beyond its body's foreground, and a small region may lie in a hole of one.
    beyond_px = math.ceil(MARGIN_UM / mount.pixel_size_um)
    hole_px = math.ceil(LARGEST_HOLE_UM / mount.pixel_size_um)
    if all(side.stop - side.start <= hole_px + 2 * beyond_px for side in region):
        beyond_px += hole_px
    searched = grown(region, beyond_px, shape)
    seen = grown(searched, margin_px(mount.pixel_size_um, parameters), shape)
    with ThreadPoolExecutor(_WORKERS) as pool:
        progress(0.0, "measuring the background")
        background = background_of(mount, seen, parameters.background_um, pool, part_of(progress, 0.0, 0.1))
        search = Search(mount, searched, background, parameters)
        tiles = tiles_of(searched, tile_px)

        def bodies_of(tile: Region) -> list[Bodies]:
            found = bodies_in(tile, search.view_around(tile), search)
            inside = [bodies.chosen(bodies.reach_into(region)) for bodies in found]
            return [
                batch for bodies in inside for batch in bodies.batches(_BODIES_AT_A_TIME, _PIXELS_AT_A_TIME)
            ]

        def batches() -> Iterator[Bodies]:
            for n, found in enumerate(_ahead(pool, bodies_of, tiles), 1):
                yield from found
                scratch.release(mount.image)
                progress(0.1 + 0.85 * n / len(tiles), f"{len(grains)} grains so far")

        grains: list[GrainMask] = []
        work = partial(grains_of, pixel_size_um=mount.pixel_size_um, parameters=parameters)
        for found in _ahead(pool, work, batches()):
            grains += found
    labels, n_grains = _painted(grains, region, part_of(progress, 0.95, 1.0))
    progress(1.0, f"found {n_grains} grains")
    return labels


def _ahead(pool: ThreadPoolExecutor, work: Callable[[T], R], todo: Iterable[T]) -> Iterator[R]:
    """Yield the work's results in order, with no more under way than there are workers."""
    waiting: deque[Future[R]] = deque()
    try:
        for part in todo:
            waiting.append(pool.submit(work, part))
            if len(waiting) > _WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _painted(
    grains: list[GrainMask], region: Region, progress: Progress = silent
) -> tuple[NDArray[np.int32], int]:
    """Return the label image of a region and its number of grains; labels follow the first pixels."""
    rows, columns = region
    labels = scratch.zeros((rows.stop - rows.start, columns.stop - columns.start), np.int32)
    areas = {id(grain): cv2.countNonZero(grain.mask) for grain in grains}
    grains = sorted(grains, key=lambda grain: (*grain.first_pixel, areas[id(grain)]))
    places = [(grain.top - rows.start, grain.left - columns.start) for grain in grains]
    drawn: set[int] = set()
    # Band by band, so that of a large label image few pages are in use at once.
    for band in scratch.row_blocks(labels.shape, _PAINTED_PX):
        reaching = [
            label
            for label, (grain, (top, _)) in enumerate(zip(grains, places, strict=True), 1)
            if top < band.stop and top + len(grain.mask) > band.start
        ]
        # Where one grain lies inside another's outline, the larger one is meant.
        for label in sorted(reaching, key=lambda n: (-areas[id(grains[n - 1])], n)):
            top, left = places[label - 1]
            if _paint(labels[band], grains[label - 1].mask, (top - band.start, left), label):
                drawn.add(label)
        scratch.release(labels)
        progress(band.stop / len(labels), f"{len(grains)} grains, drawing them")
    for number, label in enumerate(sorted(drawn), 1):
        if number != label:
            _renumber(labels, grains[label - 1].mask, places[label - 1], label, number)
        if number % _RELEASE_EVERY == 0:
            scratch.release(labels)
    scratch.release(labels)
    return labels, len(drawn)


@compiled
def _paint(labels: NDArray[np.int32], mask: NDArray[np.uint8], place: tuple[int, int], label: int) -> bool:
    """Give a label to those pixels of a mask that have none; tell whether there are any."""
    top, left = place
    is_drawn = False
    for row in range(max(-top, 0), min(len(mask), len(labels) - top)):
        line, marks = labels[top + row], mask[row]
        for column in range(max(-left, 0), min(mask.shape[1], labels.shape[1] - left)):
            if marks[column] and line[left + column] == 0:
                line[left + column] = label
                is_drawn = True
    return is_drawn


@compiled
def _renumber(
    labels: NDArray[np.int32], mask: NDArray[np.uint8], place: tuple[int, int], label: int, number: int
) -> None:
    """Give another label to those pixels of a mask that have one."""
    top, left = place
    for row in range(max(-top, 0), min(len(mask), len(labels) - top)):
        line = labels[top + row]
        for column in range(max(-left, 0), min(mask.shape[1], labels.shape[1] - left)):
            if line[left + column] == label:
                line[left + column] = number
