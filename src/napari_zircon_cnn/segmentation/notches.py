"""The re-entrant corners of outlines, where two grains may touch."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.ragged import Index, Rows

Points = NDArray[np.complex128]

_STRAIGHT_UM = 1.5
_SHALLOWEST_NOTCH_UM = 6.0
_LEAST_TURN_DEG = 20.0
_NONE = np.zeros(0, np.intp)


def as_complex(pixels: NDArray[Any]) -> Points:
    """Return pixels as numbers x + iy, so that the angle between two steps is that of their quotient."""
    return np.ascontiguousarray(pixels, np.float64).view(np.complex128)[:, 0]


def angle(numbers: Points) -> NDArray[np.float64]:
    """Return the angles of complex numbers; numpy's own function takes several times as long."""
    return np.arctan2(numbers.imag, numbers.real)


def notches_of(outlines: Sequence[NDArray[np.int32]], pixel_size_um: float) -> tuple[Index, Index]:
    """Find the corners that turn inward and lie deep below the convex hull.

    Parameters
    ----------
    outlines
        Closed outlines as OpenCV gives them, x and y of their pixels, shape (n, 2) each.
    pixel_size_um
        Edge of a pixel.

    Returns
    -------
    outline : ndarray of int, shape (notches,)
        The outline that each notch is on, rising.
    at : ndarray of int, shape (notches,)
        Its pixel on that outline.
    """
    numbers, defects = _deep_defects(outlines, pixel_size_um)
    if not len(numbers):
        return _NONE, _NONE
    corners = [
        cv2.approxPolyDP(outlines[n], _STRAIGHT_UM / pixel_size_um, True).reshape(-1, 2) for n in numbers
    ]
    polygons, places = Rows.of(corners), as_complex(np.concatenate(corners))
    before, behind = polygons.around()
    steps = places[behind] - places
    # OpenCV runs round an outline so that a turn inward is positive.
    inward = np.flatnonzero(angle(steps * np.conj(steps[before])) > np.deg2rad(_LEAST_TURN_DEG))
    if not len(inward):
        return _NONE, _NONE
    of = polygons.numbers[inward]
    lines = [outlines[n] for n in numbers]
    pixels, index = Rows.of(lines).taken(of)
    is_corner = as_complex(np.concatenate(lines))[index] == places[inward][pixels.numbers]
    at = pixels.first_in(is_corner) - pixels.starts
    spans, index = Rows.of(defects).taken(of)
    ends = np.concatenate(defects)[index]
    low, high = ends.min(axis=1), ends.max(axis=1)
    # A defect's ends are given in the hull's order; of the two ways round the shorter one is meant.
    wraps = 2 * (high - low) > Rows.of(lines).lengths[of][spans.numbers]
    between = (at[spans.numbers] > low) & (at[spans.numbers] < high)
    deep = spans.any_in(between != wraps)
    return np.asarray(numbers)[of[deep]], at[deep]


def _deep_defects(
    outlines: Sequence[NDArray[np.int32]], um: float
) -> tuple[list[int], list[NDArray[np.int32]]]:
    """Return the outlines that are far from convex, and where on each the defects begin and end."""
    numbers, found = [], []
    least = 256 * _SHALLOWEST_NOTCH_UM / um
    for n, outline in enumerate(outlines):
        hull = cv2.convexHull(outline, returnPoints=False)
        if len(hull) < 4:
            continue
        hull.sort(axis=0)
        defects = cv2.convexityDefects(outline, hull[::-1].copy())
        if defects is not None and defects.size and defects[..., 3].max() >= least:
            defects = defects.reshape(-1, 4)
            numbers.append(n)
            found.append(np.asarray(defects[defects[:, 3] >= least, :2], np.int32))
    return numbers, found
