"""The outline of a grain along the edges of its pixels, exactly."""

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int64]
"""Corners (x, y) in px, shape (n, 2), each once; a pixel reaches from its index to the next."""
Polygon = list[Ring]
"""The outer ring, then those of the holes."""


def polygons_of(mask: NDArray[np.bool_]) -> list[Polygon]:
    """Return the outline of a grain's pixels.

    Parameters
    ----------
    mask
        The grain's pixels, shape (rows, columns).

    Returns
    -------
    list of Polygon
        One polygon for each part that hangs together by edges of pixels, from top to bottom. No
        ring touches itself; the shoelace formula over x and y gives an outer ring a positive area
        and a hole a negative one, and their sum is the number of pixels.
    """
    from scipy import ndimage

    rings, starts = _closed_lines(mask)
    parts, n_parts = ndimage.label(mask)
    outer: list[Polygon] = [[] for _ in range(n_parts)]
    holes: list[list[Ring]] = [[] for _ in range(n_parts)]
    for ring, (row, column) in zip(rings, starts, strict=True):
        part = int(parts[row, column]) - 1
        for simple in _simple_rings(ring):
            (outer if doubled_area(simple) > 0 else holes)[part].append(simple)
    return [[*ring, *inside] for ring, inside in zip(outer, holes, strict=True)]


def doubled_area(ring: NDArray[np.number]) -> float:
    """Return twice the signed area of a ring, in px²."""
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _closed_lines(mask: NDArray[np.bool_]) -> tuple[list[Ring], list[tuple[int, int]]]:
    """Return the lines around the pixels, each with one of the pixels that it goes around.

    They run with the pixels on the right hand, as the screen shows them, and where two pixels meet
    only at a corner each line stays with its own.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    level_ends, level_inside = _runs(np.diff(padded, axis=0)[:, 1:-1], 1)
    # A line down the screen is one along it in the mirrored mask, where right is left.
    mirrored_ends, mirrored_inside = _runs(np.diff(padded, axis=1)[1:-1].T, -1)
    upright_ends, upright_inside = mirrored_ends[..., ::-1], mirrored_inside[..., ::-1]
    level = _keys(level_ends, level_inside, padded)
    upright = _keys(upright_ends, upright_inside, padded)
    to_upright = _which(upright[:, 0], level[:, 1])
    to_level = _which(level[:, 0], upright[:, 1])
    following = to_level[to_upright].tolist()
    is_new = [True] * len(following)
    rings, pixels = [], []
    for start in range(len(following)):
        at, line = start, []
        while is_new[at]:
            is_new[at] = False
            line.append(at)
            at = following[at]
        if line:
            rings.append(level_ends[line].reshape(-1, 2))
            column, row = level_inside[start, 0].tolist()
            pixels.append((row, column))
    return rings, pixels


def _runs(steps: NDArray[np.int8], way: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the straight edges along the lines of a grid, in the direction in which they are run through.

    Parameters
    ----------
    steps
        Shape (lines, pixels along them); 1 where the grain begins behind a line, -1 where it ends
        there, else 0.
    way
        1 where edges at which the grain begins are run through towards higher numbers, else -1.

    Returns
    -------
    tuple
        Of each edge the start and the end, (n, 2, 2), and the grain's pixel beside the start and
        that beside the end, (n, 2, 2); x before y.
    """
    n_lines, n_along = steps.shape
    closed = np.zeros((n_lines, n_along + 2), np.int8)
    closed[:, 1:-1] = steps
    lines, breaks = np.nonzero(np.diff(closed, axis=1))
    values = closed[lines, breaks + 1]
    # Where one edge ends and the next begins at once there is a single break for both.
    is_start = values != 0
    is_stop = closed[lines, breaks] != 0
    low, high, line, begins = breaks[is_start], breaks[is_stop], lines[is_start], values[is_start] > 0
    forward = begins == (way > 0)
    behind = np.where(begins, line, line - 1)
    start, end = np.where(forward, low, high), np.where(forward, high, low)
    first, last = np.where(forward, low, high - 1), np.where(forward, high - 1, low)
    ends = np.stack([np.stack([start, line], axis=1), np.stack([end, line], axis=1)], axis=1)
    inside = np.stack([np.stack([first, behind], axis=1), np.stack([last, behind], axis=1)], axis=1)
    return ends, inside


def _keys(ends: NDArray[np.int64], inside: NDArray[np.int64], padded: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return a number for each end of each edge, which only the edge that goes on from there shares."""
    x, y = ends[..., 0], ends[..., 1]
    corner = padded[y, x], padded[y, x + 1], padded[y + 1, x], padded[y + 1, x + 1]
    only_diagonal = (corner[0] == corner[3]) & (corner[1] == corner[2]) & (corner[0] != corner[1])
    is_lower = inside[..., 1] == y
    return np.asarray(2 * (y * padded.shape[1] + x) + (only_diagonal & is_lower))


def _which(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of the wanted keys stands; each stands there once."""
    order = np.argsort(keys)
    return order[np.searchsorted(keys[order], wanted)]


def _simple_rings(ring: Ring) -> list[Ring]:
    """Cut a ring where it comes back to a corner, so that no part meets itself."""
    if len(np.unique(ring, axis=0)) == len(ring):
        return [ring]
    rings: list[Ring] = []
    path: list[tuple[int, int]] = []
    seen: dict[tuple[int, int], int] = {}
    for x, y in ring.tolist():
        corner = (x, y)
        if corner in seen:
            loop = path[seen[corner] :]
            rings.append(np.array(loop))
            for left in loop:
                del seen[left]
            del path[-len(loop) :]
        seen[corner] = len(path)
        path.append(corner)
    return [*rings, np.array(path)]
