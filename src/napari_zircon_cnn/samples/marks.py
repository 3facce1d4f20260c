"""Marks on the resin of a synthetic mount: charging streaks, polishing scratches, ghosts of buried grains."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.samples.grain_outline import Field

_SCRATCHES_PER_TILE = 0.7
_GHOSTS_PER_TILE = 4.0


@dataclass(frozen=True, eq=False)
class Marks:
    """Where the marks of a mosaic lie.

    Parameters
    ----------
    streaks
        Row, first column, last column and half width of each charging streak in px, shape (n, 4); a streak
        is dark and has a black blob at its first column.
    scratches
        Row and column of one end in px, direction in radians and length in px, shape (n, 4).
    ghosts
        Row, column, half height and half width in px, and brightness relative to the resin, shape (n, 5).
    """

    streaks: NDArray[np.float64]
    scratches: NDArray[np.float64]
    ghosts: NDArray[np.float64]

    def draw(self, signal: Field, first_row: int, background: float) -> None:
        """Draw what lies in a strip of rows.

        Parameters
        ----------
        signal
            Grey levels of the strip, shape (rows, columns); drawn on.
        first_row
            Row of the mosaic that the strip starts with.
        background
            Grey level of the resin; grains lose or gain no more light than the resin does.
        """
        last_row = first_row + len(signal)

        def near(rows: NDArray[np.float64], reach: NDArray[np.float64] | float) -> NDArray[np.bool_]:
            hits: NDArray[np.bool_] = (rows + reach >= first_row) & (rows - reach < last_row)
            return hits

        for streak in self.streaks[near(self.streaks[:, 0], 12)]:
            _draw_streak(signal, streak - (first_row, 0, 0, 0), background)
        for ghost in self.ghosts[near(self.ghosts[:, 0], 2 * self.ghosts[:, 2])]:
            _draw_ghost(signal, ghost - (first_row, 0, 0, 0, 0), background)
        for row, column, way, length in self.scratches[near(self.scratches[:, 0], self.scratches[:, 3])]:
            along = np.arange(length)
            rows = np.rint(row - first_row + np.sin(way) * along).astype(int)
            columns = np.rint(column + np.cos(way) * along).astype(int)
            seen = (rows >= 0) & (rows < len(signal)) & (columns >= 0) & (columns < signal.shape[1])
            signal[rows[seen], columns[seen]] -= 0.3 * background


def scatter_marks(
    rng: np.random.Generator, shape: tuple[int, ...], tile_px: int, streaks_per_tile: float
) -> Marks:
    """Scatter marks over a mosaic.

    Parameters
    ----------
    rng
        Where the randomness comes from.
    shape
        Rows and columns of the mosaic in px.
    tile_px
        Edge of a tile in px.
    streaks_per_tile
        Expected number of charging streaks in a tile.

    Returns
    -------
    Marks
        The marks.
    """
    tiles = shape[0] * shape[1] / tile_px**2

    def places(rate: float) -> NDArray[np.float64]:
        return np.floor(rng.random((rng.poisson(rate * tiles), 2)) * shape[:2])

    streaks = places(streaks_per_tile)
    n = len(streaks)
    ends = streaks[:, 1] + np.floor(tile_px * rng.uniform(0.2, 1.0, n))
    streaks = np.column_stack([streaks, ends, rng.integers(1, 4, n)])
    scratches = places(_SCRATCHES_PER_TILE)
    n = len(scratches)
    scratches = np.column_stack([scratches, rng.uniform(0, np.pi, n), tile_px * rng.uniform(0.1, 1.5, n)])
    ghosts = places(_GHOSTS_PER_TILE)
    n = len(ghosts)
    ghosts = np.column_stack([ghosts, rng.uniform(3, 14, (n, 2)), rng.uniform(-0.25, 0.45, n)])
    return Marks(streaks, scratches, ghosts)


def _window(
    shape: tuple[int, ...], rows: tuple[float, float], columns: tuple[float, float]
) -> tuple[slice, slice]:
    """Return the part of a strip between two rows and two columns, both included."""
    row_part = np.clip([rows[0], rows[1] + 1], 0, shape[0]).astype(int)
    column_part = np.clip([columns[0], columns[1] + 1], 0, shape[1]).astype(int)
    return slice(*row_part.tolist()), slice(*column_part.tolist())


def _away(part: slice, centre: float) -> Field:
    return np.arange(part.start, part.stop, dtype=np.float32) - np.float32(centre)


def _draw_streak(signal: Field, streak: NDArray[np.float64], background: float) -> None:
    row, start, stop, half_width = streak
    part = _window(signal.shape, (row - 10, row + 10), (start - 10, stop))
    down, along = _away(part[0], row)[:, None], _away(part[1], start)
    trail = 0.75 * np.exp(-((down / half_width) ** 2)) * (along >= 0)
    blob = np.hypot(down, along) < 2 + 1.5 * half_width
    signal[part] -= background * np.maximum(trail, blob)


def _draw_ghost(signal: Field, ghost: NDArray[np.float64], background: float) -> None:
    row, column, half_height, half_width, excess = ghost
    part = _window(
        signal.shape,
        (row - 2 * half_height, row + 2 * half_height),
        (column - 2 * half_width, column + 2 * half_width),
    )
    down = _away(part[0], row)[:, None] / half_height
    along = _away(part[1], column) / half_width
    signal[part] += background * excess * np.exp(-((down**2 + along**2) ** 2))
