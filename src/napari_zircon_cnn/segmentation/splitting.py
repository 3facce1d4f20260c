"""Touching grains apart: straight cuts from one re-entrant corner to another, or along a dark valley.

The more two bodies narrow towards each other, the more likely they are two grains; a cut may be longer the
darker the line under it is. After each cut the pieces are looked at again.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters

Mask = NDArray[np.uint8]
Floats = NDArray[np.float64]

_STRAIGHT_UM = 1.5
_SHALLOWEST_NOTCH_UM = 6.0
_LEAST_TURN_DEG = 20.0
_LEAST_ARC_UM = 20.0
_SMALLEST_WIDTH_UM = 10.0
_SMALLEST_PIECE_UM2 = 300.0
_FLANK_UM = 8.0
_ARM_UM = 10.0
"""Length of a corner's arms, between which its turn is measured."""
_FLAT_SHARE, _SHARE_PER_DEG, _SHARPEST_DEG = 0.5, 0.01, 90.0
"""The neck ratio holds for corners that turn inward by 50°; it is half of that where one end is flat."""
_VALLEY_BONUS = 0.5
_DEEPEST_VALLEY = 0.5
_SAMPLES = 12
_MOST_PIECES = 500


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Straight cuts that may be tried.

    Parameters
    ----------
    ends
        First and last pixel of each as indices on the outline, shape (n, 2).
    lengths
        In px.
    limits
        The longest that each may be, as a share of the narrower part's width.
    hopes
        By how much each is below its limit if the parts are as wide as they can be.
    """

    ends: NDArray[np.intp]
    lengths: Floats
    limits: Floats
    hopes: Floats


_NO_CANDIDATES = _Candidates(np.zeros((0, 2), np.intp), np.zeros(0), np.zeros(0), np.zeros(0))


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
        # A piece of a large cluster is worked on in its own box.
        x, y, width, height = cv2.boundingRect(piece)
        box = (slice(max(y - 1, 0), y + height + 1), slice(max(x - 1, 0), x + width + 1))
        parts = None
        if len(whole) + len(todo) < _MOST_PIECES:
            parts = _best_cut(np.ascontiguousarray(piece[box]), light[box], pixel_size_um, parameters)
        if parts is None:
            whole.append(piece)
        for part in parts or ():
            todo.append(np.zeros_like(body))
            todo[-1][box] = part
    return whole


def _best_cut(
    body: Mask, light: NDArray[np.uint16], um: float, parameters: AdaptiveParameters
) -> tuple[Mask, Mask] | None:
    contours, _ = cv2.findContours(body, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline: NDArray[np.int32] = np.asarray(max(contours, key=len), np.int32).reshape(-1, 2)
    notches = _notches(outline, um)
    if not len(notches):
        return None
    width = 2 * cv2.minMaxLoc(cv2.distanceTransform(body, cv2.DIST_L2, 5))[1]
    tried = _candidates(outline, notches, body, light, width=width, um=um, neck_ratio=parameters.neck_ratio)
    for n in np.argsort(-tried.hopes):
        if tried.hopes[n] <= 0:
            break
        pieces = _cut(body, outline[tried.ends[n, 0]], outline[tried.ends[n, 1]], um)
        if pieces is not None and (tried.lengths[n] + 1) / pieces[2] < tried.limits[n]:
            return pieces[:2]
    return None


def _notches(outline: NDArray[np.int32], um: float) -> NDArray[np.intp]:
    """Return the re-entrant corners of an outline as indices; none if it is nearly convex."""
    none = np.zeros(0, np.intp)
    hull = np.sort(cv2.convexHull(outline, returnPoints=False).reshape(-1, 1), axis=0)
    if len(hull) < 4:
        return none
    defects = cv2.convexityDefects(outline, hull[::-1].copy())
    if defects is None or not defects.size:
        return none
    defects = defects.reshape(-1, 4)
    deep = defects[defects[:, 3] >= 256 * _SHALLOWEST_NOTCH_UM / um, :2]
    if not len(deep):
        return none
    corners = cv2.approxPolyDP(outline, _STRAIGHT_UM / um, True).reshape(-1, 2)
    # OpenCV runs round an outline so that a turn inward has a positive cross product.
    closed = np.concatenate([corners[-1:], corners, corners[:1]]).astype(np.float64)
    steps = closed[1:] - closed[:-1]
    before, after = steps[:-1], steps[1:]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turns = np.arctan2(cross, before[:, 0] * after[:, 0] + before[:, 1] * after[:, 1])
    inward = corners[turns > np.deg2rad(_LEAST_TURN_DEG)]
    if not len(inward):
        return none
    at = (outline[None] == inward[:, None]).all(axis=2).argmax(axis=1)
    n = len(outline)
    low, high = deep.min(axis=1), deep.max(axis=1)
    # A defect's ends are given in the hull's order; of the two ways round the shorter one is meant.
    wraps = high - low > n / 2
    between = (at[:, None] > low) & (at[:, None] < high)
    return np.asarray(at[(between != wraps).any(axis=1)], np.intp)


def _candidates(
    outline: NDArray[np.int32],
    notches: NDArray[np.intp],
    body: Mask,
    light: NDArray[np.uint16],
    *,
    width: float,
    um: float,
    neck_ratio: float,
) -> _Candidates:
    """Return the cuts between notches, and from each notch straight across, that could be short enough."""
    n = len(outline)
    gaps = (outline[None] - outline[notches][:, None]).astype(np.float64)
    distance = np.hypot(gaps[..., 0], gaps[..., 1])
    arc = np.abs(np.arange(n) - notches[:, None])
    arc = np.minimum(arc, n - arc)
    least_arc = _LEAST_ARC_UM / um
    first, second = np.nonzero((notches[:, None] < notches) & (arc[:, notches] > least_arc))
    distance_across = np.where(arc > np.maximum(least_arc, 1.6 * distance), distance, np.inf)
    across = distance_across.argmin(axis=1)
    starts = np.concatenate([notches[first], notches])
    stops = np.concatenate([notches[second], across])
    lengths = np.concatenate(
        [distance[first, notches[second]], distance_across[np.arange(len(notches)), across]]
    )
    turns = _inward_turns(outline, np.concatenate([notches, across]), um)
    n_notches = len(notches)
    turns = np.minimum(
        np.concatenate([turns[first], turns[:n_notches]]), np.concatenate([turns[second], turns[n_notches:]])
    )
    share = neck_ratio * (_FLAT_SHARE + _SHARE_PER_DEG * turns)
    best_limit = share + _VALLEY_BONUS * _DEEPEST_VALLEY
    kept = np.flatnonzero((lengths >= 1) & (lengths + 1 < best_limit * width))
    if not len(kept):
        return _NO_CANDIDATES
    starts, stops, lengths, share = starts[kept], stops[kept], lengths[kept], share[kept]
    # A part is no wider than a disc of its area, nor than the body.
    area = _smaller_areas(outline, starts, stops) + lengths
    width_at_most = np.minimum(width, 2 * np.sqrt(np.maximum(area, 1) / np.pi) + 2)
    kept = np.flatnonzero(
        (lengths + 1 < best_limit[kept] * width_at_most) & (area > _SMALLEST_PIECE_UM2 / um**2 / 2)
    )
    if not len(kept):
        return _NO_CANDIDATES
    starts, stops, lengths = starts[kept], stops[kept], lengths[kept]
    inside, valley = _valleys(outline[starts], outline[stops], body, light, um)
    limits = share[kept] + _VALLEY_BONUS * np.minimum(valley, _DEEPEST_VALLEY)
    hopes = np.where(inside, limits - (lengths + 1) / width_at_most[kept], -1)
    return _Candidates(np.stack([starts, stops], axis=1), lengths, limits, hopes)


def _inward_turns(outline: NDArray[np.int32], at: NDArray[np.intp], um: float) -> Floats:
    """Return by how many degrees an outline turns inward at some of its pixels."""
    arm = max(round(_ARM_UM / um), 2)
    here = outline[at]
    before, after = here - outline[at - arm], outline[(at + arm) % len(outline)] - here
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    dot = before[:, 0] * after[:, 0] + before[:, 1] * after[:, 1]
    return np.asarray(np.clip(np.degrees(np.arctan2(cross, dot)), 0, _SHARPEST_DEG))


def _smaller_areas(outline: NDArray[np.int32], starts: NDArray[np.intp], stops: NDArray[np.intp]) -> Floats:
    """Return the areas that chords cut off from an outline, on the smaller side."""
    x, y = outline[:, 0].astype(np.float64), outline[:, 1].astype(np.float64)
    swept = np.zeros(len(x) + 1)
    np.cumsum(x[:-1] * y[1:] - x[1:] * y[:-1], out=swept[1:-1])
    swept[-1] = swept[-2] + x[-1] * y[0] - x[0] * y[-1]
    low, high = np.minimum(starts, stops), np.maximum(starts, stops)
    area = np.abs(swept[high] - swept[low] + x[high] * y[low] - x[low] * y[high]) / 2
    return np.asarray(np.minimum(area, abs(swept[-1]) / 2 - area))


def _valleys(
    starts: NDArray[np.int32], stops: NDArray[np.int32], body: Mask, light: NDArray[np.uint16], um: float
) -> tuple[NDArray[np.bool_], Floats]:
    """Tell which lines run inside a body, and by how much it is darker under them than on both sides."""
    along = np.linspace(0, 1, _SAMPLES + 2)[1:-1]
    direction = (stops - starts).astype(np.float64)
    points = starts[:, None] + along[:, None] * direction[:, None]
    x, y = np.rint(points[..., 0]).astype(np.intp), np.rint(points[..., 1]).astype(np.intp)
    inside = np.asarray(body[y, x].all(axis=1))
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
    wider: Any = cv2.dilate(one, np.ones((3, 3), np.uint8))
    one = wider & body & (1 - other)
    return one, body & (1 - one), width
