"""Pixels of a label image as runs along its rows, short enough for a line of the ledger."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.flags import Box

Run = tuple[int, int, int, int]
"""Row, first and last (excluded) column in px of the label image, and the label that stands there."""


def runs_of(pixels: NDArray[np.int32], chosen: NDArray[np.bool_], box: Box) -> tuple[Run, ...]:
    """Return some pixels as runs.

    Parameters
    ----------
    pixels
        A part of a label image.
    chosen
        Which of them are meant, of the same shape.
    box
        Where the part lies in the label image.

    Returns
    -------
    tuple
        The runs from top to bottom and from left to right.
    """
    rows, columns = np.nonzero(chosen)
    if not len(rows):
        return ()
    values = pixels[rows, columns]
    breaks = (np.diff(rows) != 0) | (np.diff(columns) != 1) | (np.diff(values) != 0)
    starts = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    stops = np.concatenate([starts[1:], [len(rows)]]) - 1
    top, left = box[0].start, box[1].start
    found = np.stack(
        [rows[starts] + top, columns[starts] + left, columns[stops] + left + 1, values[starts]], axis=1
    )
    return tuple((row, start, stop, label) for row, start, stop, label in found.tolist())


def box_of(runs: Iterable[Run]) -> Box:
    """Return the smallest box around some runs, of which there is at least one."""
    rows, starts, stops, _ = np.array(list(runs)).T
    return slice(int(rows.min()), int(rows.max()) + 1), slice(int(starts.min()), int(stops.max()))


def write_runs(runs: Iterable[Run], pixels: NDArray[np.int32], box: Box) -> None:
    """Put runs in place in a part of a label image, given as its pixels and where they lie."""
    top, left = box[0].start, box[1].start
    for row, start, stop, label in runs:
        pixels[row - top, start - left : stop - left] = label
