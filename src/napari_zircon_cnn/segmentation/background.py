"""The brightness of the resin around the grains: it differs from tile to tile and from row to row.

The mosaic is cut into square blocks on a grid that starts at its first pixel. A block's level is a low
percentile of its pixels and, among its neighbours, a low percentile again, so that grains do not count.
Blocks are a few thousandths of the mosaic's size, and any part of their grid can be had by itself.
"""

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_zircon_cnn.mount import Mount

Region = tuple[slice, slice]

GREY_SCALE = 16
"""Grey levels are kept as whole numbers of sixteenths of an 8-bit level, so that sums are exact."""

_BLOCK_UM = 32.0
_CELLS = 4
_LOW_IN_BLOCK = 0.3
_LOW_AMONG_BLOCKS = 25
_NO_LEVEL = 65535
_BLOCK_ROWS_AT_A_TIME = 16


def scaled_grey(mount: Mount, region: Region) -> NDArray[np.uint16]:
    """Return a region's grey values in sixteenths of an 8-bit level."""
    pixels = mount.image[region]
    if pixels.dtype == np.uint8 and mount.white == 255:
        return np.asarray(pixels.astype(np.uint16) << np.uint16(4))
    values = mount.unit_values(region)
    return np.asarray(np.rint(values * np.float32(255 * GREY_SCALE)).astype(np.uint16))


@dataclass(frozen=True, eq=False)
class Background:
    """The resin's brightness around a region.

    Parameters
    ----------
    levels
        One level for each block, in sixteenths of an 8-bit grey level.
    block_px
        Edge of a block.
    first_block
        Row and column of the first level's block on the mosaic's grid of blocks.
    region
        The part of the mosaic that the levels suffice for.
    """

    levels: NDArray[np.float32]
    block_px: int
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
        used = self.levels[rows[0] : rows[-1] + 2]
        wide = used[:, columns] * (1 - column_share) + used[:, columns + 1] * column_share
        rows = rows - rows[0]
        between = wide[rows]
        between *= (1 - row_share)[:, None]
        lower = wide[rows + 1]
        lower *= row_share[:, None]
        between += lower
        between += np.float32(0.5)
        return np.asarray(between.astype(np.uint16))

    def _neighbours(self, side: slice, axis: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        at = (np.arange(side.start, side.stop) + 0.5) / self.block_px - 0.5
        before = np.floor(at).astype(np.int64)
        share = (at - before).astype(np.float32)
        return before - self.first_block[axis] + 1, share


def background_of(mount: Mount, region: Region, width_um: float, pool: Executor | None = None) -> Background:
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

    Returns
    -------
    Background
        Its levels do not depend on the region.
    """
    block = 2 ** round(math.log2(max(_BLOCK_UM / mount.pixel_size_um, _CELLS)))
    reach = max(round(width_um / mount.pixel_size_um / block / 2), 1)
    spans, firsts, insides = [], [], []
    for side, length in zip(region, mount.image.shape, strict=True):
        n_blocks = -(-length // block)
        first, last = side.start // block - 1, (side.stop - 1) // block + 1
        span = (max(first - reach, 0), min(last + reach, n_blocks - 1) + 1)
        spans.append(span)
        firsts.append(first)
        # What lies beyond the mosaic's border is like the block at the border.
        insides.append(np.clip(np.arange(first, last + 1), 0, n_blocks - 1) - span[0])
    starts = range(spans[0][0], spans[0][1], _BLOCK_ROWS_AT_A_TIME)
    parts = (pool.map if pool else map)(
        lambda start: _block_levels(
            mount, block, (start, min(start + _BLOCK_ROWS_AT_A_TIME, spans[0][1])), spans[1]
        ),
        starts,
    )
    levels = np.concatenate(list(parts))
    # Every other block in each direction tells as much, in a quarter of the time.
    others = np.abs(np.arange(-reach, reach + 1)) % 2 == reach % 2
    footprint = np.logical_and.outer(others, others)
    low = ndimage.percentile_filter(levels, _LOW_AMONG_BLOCKS, footprint=footprint, mode="nearest")
    dark = low == _NO_LEVEL
    if dark.any():
        lowest = ndimage.minimum_filter(levels, size=2 * reach + 1, mode="nearest")
        low[dark] = np.where(lowest < _NO_LEVEL, lowest, 0)[dark]
    return Background(low[np.ix_(*insides)].astype(np.float32), block, (firsts[0] + 1, firsts[1] + 1), region)


def _block_levels(
    mount: Mount, block: int, rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.uint16]:
    """Return the level of each block of some rows and columns; those without any light have none."""
    height, width = mount.image.shape
    region = tuple(
        slice(first * block, min(last * block, length))
        for (first, last), length in ((rows, height), (columns, width))
    )
    grey = scaled_grey(mount, (region[0], region[1]))
    n_rows, n_columns = rows[1] - rows[0], columns[1] - columns[0]
    short = (n_rows * block - grey.shape[0], n_columns * block - grey.shape[1])
    if any(short):
        grey = np.pad(grey, ((0, short[0]), (0, short[1])), mode="edge")
    cells: Any = cv2.resize(grey, (n_columns * _CELLS, n_rows * _CELLS), interpolation=cv2.INTER_AREA)
    cells = cells.reshape(n_rows, _CELLS, n_columns, _CELLS).swapaxes(1, 2).reshape(n_rows, n_columns, -1)
    # A mosaic is black where no picture was taken; the resin is not.
    cells = np.sort(np.where(cells == 0, np.uint16(_NO_LEVEL), cells), axis=2)
    lit = (cells < _NO_LEVEL).sum(axis=2)
    chosen = (_LOW_IN_BLOCK * np.maximum(lit - 1, 0)).astype(np.intp)
    return np.asarray(np.take_along_axis(cells, chosen[..., None], axis=2)[..., 0], np.uint16)
