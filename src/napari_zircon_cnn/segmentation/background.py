"""The brightness of the resin around the grains: it differs from tile to tile and from row to row.

The mosaic is cut into square blocks on a grid around its middle, so that a turned mosaic has the same blocks.
A block's level is a low percentile of its pixels and, among its neighbours, a low percentile again, so that
grains do not count. Blocks are a few thousandths of the mosaic's size, and any part of their grid can be had
by itself.
"""

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.scratch import release
from napari_zircon_cnn.segmentation.compiled import compiled

Region = tuple[slice, slice]

GREY_SCALE = 16
"""Grey levels are kept as whole numbers of sixteenths of an 8-bit level, so that sums are exact."""

_BLOCK_UM = 32.0
_CELLS = 4
_LOW_IN_BLOCK = 0.3
_LOW_AMONG_BLOCKS = 25
_NO_LEVEL = 65535
_BLOCK_ROWS_AT_A_TIME, _LOW_ROWS_AT_A_TIME = 16, 64


def scaled_grey(mount: Mount, region: Region) -> NDArray[np.uint16]:
    """Return a region's grey values in sixteenths of an 8-bit level."""
    pixels = mount.image[region]
    if pixels.dtype == np.uint8 and mount.white == 255:
        return np.asarray(pixels.astype(np.uint16) << np.uint16(4))
    values = mount.unit_values(region)
    return np.asarray(np.rint(values * np.float32(255 * GREY_SCALE)).astype(np.uint16))


@dataclass(frozen=True)
class _Grid:
    """The blocks along one side of a mosaic; their border or their middle is the side's middle.

    A side of an odd number of pixels has its middle in a pixel: blocks then begin and end in the middle of
    pixels, and count half of each.

    Parameters
    ----------
    length
        The side, in px.
    block_px
        Edge of a block, a power of two.
    """

    length: int
    block_px: int

    @property
    def is_odd(self) -> bool:
        """Whether blocks begin in the middle of pixels."""
        return bool(self.length % 2)

    @property
    def n_blocks(self) -> int:
        """How many blocks cover the side."""
        return max(-(-(self.length - self.is_odd) // self.block_px), 1)

    @property
    def before_px(self) -> int:
        """How far the first block begins before the mosaic, in whole pixels."""
        return (self.n_blocks * self.block_px - (self.length - self.is_odd)) // 2

    def at(self, pixels: slice) -> NDArray[np.float64]:
        """Return where the pixels' middles lie, counted in blocks from the middle of the first one."""
        middles = np.arange(pixels.start, pixels.stop) + 0.5 * (1 - self.is_odd)
        return (middles + self.before_px) / self.block_px - 0.5

    def pixels_of(self, first: int, last: int) -> tuple[slice, tuple[int, int]]:
        """Return the pixels of some blocks, and how many lack before and behind them in the mosaic."""
        start, stop = (n * self.block_px - self.before_px for n in (first, last))
        stop += self.is_odd
        inside = slice(max(start, 0), min(stop, self.length))
        return inside, (inside.start - start, stop - inside.stop)


@dataclass(frozen=True, eq=False)
class Background:
    """The resin's brightness around a region.

    Parameters
    ----------
    levels
        One level for each block, in sixteenths of an 8-bit grey level.
    grids
        The grid's rows and columns of blocks.
    first_block
        Row and column of the first level's block on the grid.
    region
        The part of the mosaic that the levels suffice for.
    """

    levels: NDArray[np.float32]
    grids: tuple[_Grid, _Grid]
    first_block: tuple[int, int]
    region: Region

    def covers(self, region: Region) -> bool:
        """Tell whether the levels suffice for a region."""
        return all(
            known.start <= side.start and side.stop <= known.stop
            for known, side in zip(self.region, region, strict=True)
        )

    def within(self, region: Region) -> NDArray[np.uint16]:
        """Return the brightness at each pixel of a region, interpolated between the blocks' centres."""
        (rows, row_share), (columns, column_share) = (
            self._neighbours(side, axis) for axis, side in enumerate(region)
        )
        return _interpolated(self.levels, rows, row_share, columns, column_share)

    def _neighbours(self, side: slice, axis: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        at = self.grids[axis].at(side)
        before = np.floor(at).astype(np.int64)
        share = (at - before).astype(np.float32)
        return before - self.first_block[axis], share


@compiled
def _interpolated(
    levels: NDArray[np.float32],
    rows: NDArray[np.int64],
    row_share: NDArray[np.float32],
    columns: NDArray[np.int64],
    column_share: NDArray[np.float32],
) -> NDArray[np.uint16]:
    """Return levels between four of them, rounded, given the one before and the way to the one behind it."""
    found = np.empty((len(rows), len(columns)), np.uint16)
    one = np.float32(1)
    for n in range(len(rows)):
        above, below = levels[rows[n]], levels[rows[n] + 1]
        line = above * (one - row_share[n]) + below * row_share[n] + np.float32(0.5)
        for m in range(len(columns)):
            share = column_share[m]
            found[n, m] = int(line[columns[m]] * (one - share) + line[columns[m] + 1] * share)
    return found


def background_of(
    mount: Mount,
    region: Region,
    width_um: float,
    pool: Executor | None = None,
    progress: Progress = silent,
) -> Background:
    """Measure the resin's brightness for a region.

    Parameters
    ----------
    mount
        The mosaic.
    region
        The part of the mosaic that will be asked for, with starts and stops within the mosaic.
    width_um
        Width of the neighbourhood that a level is taken from.
    pool
        Works on several parts at once, if given.
    progress
        Told of each band of rows; may raise `Cancelled`.

    Returns
    -------
    Background
        Its levels do not depend on the region.
    """
    block = 2 ** round(math.log2(max(_BLOCK_UM / mount.pixel_size_um, _CELLS)))
    reach = max(round(width_um / mount.pixel_size_um / block / 2), 1)
    grids = _Grid(mount.image.shape[0], block), _Grid(mount.image.shape[1], block)
    spans, firsts, insides = [], [], []
    for side, grid in zip(region, grids, strict=True):
        places = grid.at(side)
        first, last = math.floor(places[0]), math.floor(places[-1]) + 1
        span = (max(first - reach, 0), min(last + reach, grid.n_blocks - 1) + 1)
        spans.append(span)
        firsts.append(first)
        # What lies beyond the mosaic's border is like the block at the border.
        insides.append(np.clip(np.arange(first, last + 1), 0, grid.n_blocks - 1) - span[0])
    starts = range(spans[0][0], spans[0][1], _BLOCK_ROWS_AT_A_TIME)

    def levels_from(start: int) -> NDArray[np.uint16]:
        return _block_levels(mount, grids, (start, min(start + _BLOCK_ROWS_AT_A_TIME, spans[0][1])), spans[1])

    waiting = [pool.submit(levels_from, start) for start in starts] if pool else []
    parts = []
    try:
        for n, start in enumerate(starts):
            parts.append(waiting[n].result() if pool else levels_from(start))
            release(mount.image)
            progress((n + 1) / len(starts), "measuring the background")
    finally:
        for future in waiting:
            future.cancel()
    low = _low_among(np.concatenate(parts), reach, pool)
    return Background(low[np.ix_(*insides)].astype(np.float32), grids, (firsts[0], firsts[1]), region)


def _low_among(levels: NDArray[np.uint16], reach: int, pool: Executor | None) -> NDArray[np.uint16]:
    """Return for each block a low percentile of the levels around it, as far as the reach."""
    from scipy import ndimage

    # Every other block in each direction tells as much, in a quarter of the time.
    others = np.abs(np.arange(-reach, reach + 1)) % 2 == reach % 2
    footprint = np.logical_and.outer(others, others)
    padded = np.pad(levels, reach, mode="edge")

    def low_from(start: int) -> NDArray[np.uint16]:
        around = padded[start : start + _LOW_ROWS_AT_A_TIME + 2 * reach]
        low = ndimage.percentile_filter(around, _LOW_AMONG_BLOCKS, footprint=footprint)
        dark = low == _NO_LEVEL
        if dark.any():
            lowest = ndimage.minimum_filter(around, size=2 * reach + 1)
            low[dark] = np.where(lowest < _NO_LEVEL, lowest, 0)[dark]
        return np.asarray(low[reach:-reach, reach:-reach])

    starts = range(0, len(levels), _LOW_ROWS_AT_A_TIME)
    return np.concatenate(list(pool.map(low_from, starts) if pool else map(low_from, starts)))


def _block_levels(
    mount: Mount, grids: tuple[_Grid, _Grid], rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.uint16]:
    """Return the level of each block of some rows and columns; those without any light have none."""
    (row_pixels, row_lack), (column_pixels, column_lack) = (
        grid.pixels_of(*span) for grid, span in zip(grids, (rows, columns), strict=True)
    )
    grey = scaled_grey(mount, (row_pixels, column_pixels))
    if any((*row_lack, *column_lack)):
        grey = np.pad(grey, (row_lack, column_lack), mode="edge")
    # The mean of a box that begins half a pixel on is that of the two boxes beside it.
    if grids[0].is_odd:
        grey = _mean(grey[:-1], grey[1:])
    if grids[1].is_odd:
        grey = _mean(grey[:, :-1], grey[:, 1:])
    n_rows, n_columns = rows[1] - rows[0], columns[1] - columns[0]
    cells: Any = cv2.resize(grey, (n_columns * _CELLS, n_rows * _CELLS), interpolation=cv2.INTER_AREA)
    cells = cells.reshape(n_rows, _CELLS, n_columns, _CELLS).swapaxes(1, 2).reshape(n_rows, n_columns, -1)
    # A mosaic is black where no picture was taken; the resin is not.
    cells = np.sort(np.where(cells == 0, np.uint16(_NO_LEVEL), cells), axis=2)
    lit = (cells < _NO_LEVEL).sum(axis=2)
    chosen = (_LOW_IN_BLOCK * np.maximum(lit - 1, 0)).astype(np.intp)
    return np.asarray(np.take_along_axis(cells, chosen[..., None], axis=2)[..., 0], np.uint16)


def _mean(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the mean of two arrays of grey values, which are far from the type's limit."""
    return np.asarray((one + other + np.uint16(1)) >> np.uint16(1))
