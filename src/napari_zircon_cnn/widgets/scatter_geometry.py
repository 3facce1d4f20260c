"""Where the points of a scatter lie in its widget, and which of them a line encloses."""

import math

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRect

RIM_PX = 8
"""Room that is left for markers on the rim."""


def inside_polygon(places: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which places lie inside a polygon, where a loop of its line in another one is outside.

    Parameters
    ----------
    places
        Shape (n, 2).
    corners
        Shape (m, 2); the last is joined with the first.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether a ray to the right crosses the line an odd number of times.
    """
    inside = np.zeros(len(places), bool)
    x, y = places.T
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        spans = (y0 > y) != (y1 > y)
        if spans.any():
            inside ^= spans & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def seen_from(values: NDArray[np.float64], view_deg: tuple[float, float]) -> NDArray[np.float64]:
    """Turn points of three dimensions as they are seen from a side.

    Parameters
    ----------
    values
        Shape (n, 3).
    view_deg
        How far around the third axis, and how far from above.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        To the right, up, and away from the eye.
    """
    across, up = (math.radians(angle) for angle in view_deg)
    x, y, z = values.T
    right = x * math.cos(across) + y * math.sin(across)
    away = -x * math.sin(across) + y * math.cos(across)
    return np.column_stack(
        [right, z * math.cos(up) + away * math.sin(up), away * math.cos(up) - z * math.sin(up)]
    )


def solid_places(
    values: NDArray[np.float64], view_deg: tuple[float, float], place: QRect
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return where points of three dimensions are seen, at one scale from all sides.

    Parameters
    ----------
    values
        Shape (n, 3).
    view_deg
        As for `seen_from`.
    place
        Where they have room, in px.

    Returns
    -------
    tuple
        Their places (x, y) in px, shape (n, 2), and their order from the farthest to the nearest.
    """
    if not len(values):
        return np.empty((0, 2)), np.empty(0, np.int64)
    centred = values - (values.min(axis=0) + values.max(axis=0)) / 2
    seen = seen_from(centred, view_deg)
    radius = float(np.linalg.norm(centred, axis=1).max()) or 1.0
    centre, room = _room(place)
    places = centre + seen[:, :2] * (1, -1) * room.min() / (2 * radius)
    return places, np.argsort(-seen[:, 2], kind="stable")


def flat_places(values: NDArray[np.float64], place: QRect) -> NDArray[np.float64]:
    """Return where points of two dimensions lie in a rectangle that they fill.

    Parameters
    ----------
    values
        Shape (n, 2).
    place
        The rectangle, in px.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Their places (x, y) in px.
    """
    if not len(values):
        return np.empty((0, 2))
    low, high = values.min(axis=0), values.max(axis=0)
    centre, room = _room(place)
    scale = room / np.where(high > low, high - low, 1.0)
    return np.asarray(centre + (values - (low + high) / 2) * scale * (1, -1), np.float64)


def _room(place: QRect) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centre and the size of what is left beside markers on the rim."""
    size = np.array([place.width(), place.height()], np.float64)
    return np.array([place.left(), place.top()]) + size / 2, np.maximum(size - 2 * RIM_PX, 1.0)
