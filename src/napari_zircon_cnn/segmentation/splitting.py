"""Touching grains apart: straight cuts from one re-entrant corner to another, or along a dark valley.

The more two bodies narrow towards each other, the more likely they are two grains; a cut may be longer the
darker the line under it is. After each cut the pieces are looked at again.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters

Mask = NDArray[np.uint8]
Floats = NDArray[np.float64]

_STRAIGHT_UM = 1.5
_SHALLOWEST_NOTCH_UM = 3.0
_LEAST_TURN_DEG = 20.0
_LEAST_ARC_UM = 20.0
_SMALLEST_WIDTH_UM = 10.0
_SMALLEST_PIECE_UM2 = 300.0
_FLANK_UM = 8.0
_ONE_CORNER = 0.6
"""A cut with a re-entrant corner at one end only has to be this much shorter."""
_VALLEY_BONUS = 0.5
_SAMPLES = 12
_MOST_PIECES = 500


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Straight cuts that may be tried: their ends as indices on the outline, and how far each may go."""

    ends: NDArray[np.intp]
    lengths: Floats
    limits: Floats


def split(
    body: Mask, light: NDArray[np.uint16], pixel_size_um: float, parameters: AdaptiveParameters
) -> list[Mask]:
    """Cut a body into the grains that touch each other in it.

    Parameters
    ----------
    body
        1 where the body is; its border is 0.
    light
        Brightness above the resin, of the same shape.
    pixel_size_um
        Edge of a pixel.
    parameters
        Of the method.

    Returns
    -------
    list of ndarray
        The pieces, of the same shape; just the body where there is nothing to cut.
    """
    whole: list[Mask] = []
    todo = [body]
    while todo:
        piece = todo.pop()
        parts = None
        if len(whole) + len(todo) < _MOST_PIECES:
            parts = _best_cut(piece, light, pixel_size_um, parameters)
        if parts is None:
            whole.append(piece)
        else:
            todo += parts
    return whole


def _best_cut(
    body: Mask, light: NDArray[np.uint16], um: float, parameters: AdaptiveParameters
) -> tuple[Mask, Mask] | None:
    contours, _ = cv2.findContours(body, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = np.asarray(max(contours, key=len)).reshape(-1, 2)
    notches = _notches(outline, um)
    if not len(notches):
        return None
    width = 2 * float(cv2.distanceTransform(body, cv2.DIST_L2, 5).max())
    tried = _candidates(outline, notches, body, light, width, um, parameters)
    best: tuple[float, tuple[Mask, Mask]] | None = None
    # What the cut leaves over can only be narrower than the body, so most need no trial.
    hoped = tried.limits - (tried.lengths + 1) / width
    for n in np.argsort(-hoped):
        if hoped[n] <= (best[0] if best else 0):
            break
        pieces = _cut(body, outline[tried.ends[n, 0]], outline[tried.ends[n, 1]], um)
        if pieces is not None:
            score = float(tried.limits[n] - (tried.lengths[n] + 1) / pieces[2])
            if score > (best[0] if best else 0):
                best = (score, pieces[:2])
    return best[1] if best else None


def _notches(outline: NDArray[np.int32], um: float) -> NDArray[np.intp]:
    """Return the re-entrant corners of an outline as indices; none if it is nearly convex."""
    hull = np.sort(cv2.convexHull(outline, returnPoints=False).reshape(-1, 1), axis=0)
    if len(hull) < 4:
        return np.zeros(0, np.intp)
    defects = cv2.convexityDefects(outline, hull[::-1].copy())
    if defects is None or not defects.size:
        return np.zeros(0, np.intp)
    if defects.reshape(-1, 4)[:, 3].max() < 256 * _SHALLOWEST_NOTCH_UM / um:
        return np.zeros(0, np.intp)
    corners = cv2.approxPolyDP(outline, _STRAIGHT_UM / um, True).reshape(-1, 2)
    before = corners - np.roll(corners, 1, axis=0)
    after = np.roll(before, -1, axis=0)
    turns = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1))
    inward = corners[turns * np.sign(turns.sum()) < -np.deg2rad(_LEAST_TURN_DEG)]
    matches = (outline[None] == inward[:, None]).all(axis=2)
    return np.asarray(matches.argmax(axis=1), np.intp)


def _candidates(
    outline: NDArray[np.int32],
    notches: NDArray[np.intp],
    body: Mask,
    light: NDArray[np.uint16],
    width: float,
    um: float,
    parameters: AdaptiveParameters,
) -> _Candidates:
    """Return the cuts between notches, and from each notch straight across, that could be short enough."""
    n = len(outline)
    gaps = (outline[None] - outline[notches][:, None]).astype(np.float64)
    distance = np.hypot(gaps[..., 0], gaps[..., 1])
    arc = np.abs(np.arange(n)[None] - notches[:, None])
    arc = np.minimum(arc, n - arc)
    first, second = np.triu_indices(len(notches), 1)
    across = np.where(arc > np.maximum(_LEAST_ARC_UM / um, 1.6 * distance), distance, np.inf)
    ends = np.concatenate(
        [
            np.stack([notches[first], notches[second]], axis=1),
            np.stack([notches, across.argmin(axis=1)], axis=1),
        ]
    )
    lengths = np.concatenate([distance[first, notches[second]], across.min(axis=1)])
    arcs = np.concatenate([arc[first, notches[second]], np.full(len(notches), n)])
    share = parameters.neck_ratio * np.where(np.arange(len(ends)) < len(first), 1.0, _ONE_CORNER)
    short = (lengths >= 1) & (arcs > _LEAST_ARC_UM / um) & (lengths + 1 < width * (share + _VALLEY_BONUS))
    ends, lengths, share = ends[short], lengths[short], share[short]
    inside, valley = _valleys(outline[ends[:, 0]], outline[ends[:, 1]], body, light, um)
    limits = share + _VALLEY_BONUS * valley
    return _Candidates(ends[inside], lengths[inside], limits[inside])


def _valleys(
    starts: NDArray[np.int32], stops: NDArray[np.int32], body: Mask, light: NDArray[np.uint16], um: float
) -> tuple[NDArray[np.bool_], Floats]:
    """Tell which lines run inside a body, and by how much it is darker under them than on both sides."""
    along = np.linspace(0, 1, _SAMPLES + 2)[1:-1]
    direction = (stops - starts).astype(np.float64)
    points = starts[:, None] + along[:, None] * direction[:, None]
    x, y = np.rint(points[..., 0]).astype(np.intp), np.rint(points[..., 1]).astype(np.intp)
    inside = body[y, x].all(axis=1)
    reach = max(round(_FLANK_UM / um), 2)
    offsets = np.arange(-reach, reach + 1)
    normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1) / np.hypot(*direction.T)[:, None]
    spread = points[:, :, None] + offsets[:, None] * normal[:, None, None]
    x = np.clip(np.rint(spread[..., 0]), 0, body.shape[1] - 1).astype(np.intp)
    y = np.clip(np.rint(spread[..., 1]), 0, body.shape[0] - 1).astype(np.intp)
    profile = (light[y, x] * body[y, x]).astype(np.float64)
    bottom = profile[..., np.abs(offsets) <= reach // 2].min(axis=2).mean(axis=1)
    flanks = np.minimum(profile[..., offsets < 0].max(axis=2), profile[..., offsets > 0].max(axis=2))
    return inside, 1 - bottom / np.maximum(flanks.mean(axis=1), 1)


def _cut(
    body: Mask, start: NDArray[np.int32], stop: NDArray[np.int32], um: float
) -> tuple[Mask, Mask, float] | None:
    """Return the two parts of a body beside a line and the narrower one's width, unless one is tiny."""
    knife = body.copy()
    cv2.line(knife, start.tolist(), stop.tolist(), 0, 1, cv2.LINE_4)
    n, parts, stats, _ = cv2.connectedComponentsWithStats(knife, connectivity=8)
    if n < 3:
        return None
    first, second = np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:2] + 1
    if stats[second, cv2.CC_STAT_AREA] < _SMALLEST_PIECE_UM2 / um**2:
        return None
    one, other = ((parts == label).view(np.uint8) for label in (first, second))
    depth = cv2.distanceTransform(knife, cv2.DIST_L2, 5)
    width = 2 * min(cv2.minMaxLoc(depth, mask)[1] for mask in (one, other))
    if width < _SMALLEST_WIDTH_UM / um:
        return None
    # The pixels under the line, and crumbs beside it, go to the nearer part.
    one = cv2.dilate(one, np.ones((3, 3), np.uint8)) & body & (1 - other)
    return one, body & (1 - one), width
