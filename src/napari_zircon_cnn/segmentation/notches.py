"""The re-entrant corners of outlines, where two grains may touch."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.compiled import compiled

Outline = NDArray[np.int32]
Index = NDArray[np.int64]

_STRAIGHT_UM = 1.5
_SHALLOWEST_NOTCH_UM = 6.0
_LEAST_TURN_DEG = 20.0


def notches_of(outline: Outline, pixel_size_um: float) -> Index:
    """Find the corners that turn inward and lie deep below the convex hull.

    Parameters
    ----------
    outline
        Closed, as OpenCV gives it: x and y of its pixels, shape (n, 2).
    pixel_size_um
        Edge of a pixel.

    Returns
    -------
    ndarray of int, shape (notches,)
        The pixels on the outline.
    """
    bays = _bays(outline, _SHALLOWEST_NOTCH_UM / pixel_size_um)
    if not len(bays):
        return bays[:, 0]
    corners: Any = cv2.approxPolyDP(outline, _STRAIGHT_UM / pixel_size_um, True)
    return _inward_corners(outline, corners.reshape(-1, 2), bays, math.radians(_LEAST_TURN_DEG))


@compiled
def _bays(outline: Outline, shallowest_px: float) -> Index:
    """Return where the outline leaves its convex hull and comes back to it, where it lies that deep below."""
    hull = _hull(outline)
    n = len(outline)
    found = np.empty((len(hull), 2), np.int64)
    n_found = 0
    for k in range(len(hull)):
        begin, end = hull[k], hull[(k + 1) % len(hull)]
        x, y = outline[begin]
        along_x, along_y = outline[end, 0] - x, outline[end, 1] - y
        length = math.hypot(along_x, along_y)
        deepest = 0
        for step in range(1, (end - begin) % n):
            at = (begin + step) % n
            deepest = max(deepest, abs(along_x * (outline[at, 1] - y) - along_y * (outline[at, 0] - x)))
        if length > 0 and deepest >= shallowest_px * length:
            found[n_found] = begin, end
            n_found += 1
    return found[:n_found]


@compiled
def _hull(outline: Outline) -> Index:
    """Return the outline's pixels that are corners of its convex hull, in the outline's order."""
    left, top = outline[:, 0].min(), outline[:, 1].min()
    # Only the first and the last pixel of a row can be a corner.
    ends = np.full((outline[:, 1].max() - top + 1, 2), -1, np.int64)
    for n in range(len(outline)):
        row = outline[n, 1] - top
        if ends[row, 0] < 0:
            ends[row] = n
        elif outline[n, 0] < outline[ends[row, 0], 0]:
            ends[row, 0] = n
        elif outline[n, 0] > outline[ends[row, 1], 0]:
            ends[row, 1] = n
    found = np.zeros(len(outline), np.bool_)
    chain = np.empty(len(ends), np.int64)
    for side in range(2):
        turn = 1 - 2 * side
        length = 0
        for row in range(len(ends)):
            at = ends[row, side]
            if at < 0:
                continue
            x, y = outline[at, 0] - left, outline[at, 1] - top
            while length > 1:
                x0, y0 = outline[chain[length - 2], 0] - left, outline[chain[length - 2], 1] - top
                x1, y1 = outline[chain[length - 1], 0] - left, outline[chain[length - 1], 1] - top
                if turn * ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) < 0:
                    break
                length -= 1
            chain[length] = at
            length += 1
        found[chain[:length]] = True
    return np.flatnonzero(found)


@compiled
def _inward_corners(outline: Outline, corners: Outline, bays: Index, least_turn: float) -> Index:
    """Return the outline's pixels that are corners which turn inward within a bay."""
    found = np.empty(len(corners), np.int64)
    n_found = 0
    n = len(outline)
    for k in range(len(corners)):
        x, y = corners[k]
        x0, y0 = x - corners[k - 1, 0], y - corners[k - 1, 1]
        x1, y1 = corners[(k + 1) % len(corners), 0] - x, corners[(k + 1) % len(corners), 1] - y
        # OpenCV runs round an outline so that a turn inward is positive.
        if math.atan2(x0 * y1 - y0 * x1, x0 * x1 + y0 * y1) <= least_turn:
            continue
        at = 0
        while outline[at, 0] != x or outline[at, 1] != y:
            at += 1
        for begin, end in bays:
            if 0 < (at - begin) % n < (end - begin) % n:
                found[n_found] = at
                n_found += 1
                break
    return found[:n_found]
