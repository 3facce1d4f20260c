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
Points = NDArray[np.complex128]

_STRAIGHT_UM = 1.5
_SHALLOWEST_NOTCH_UM = 6.0
_LEAST_TURN_DEG = 20.0
_LEAST_ARC_UM = 20.0
_SMALLEST_WIDTH_UM = 10.0
_SMALLEST_PIECE_UM2 = 300.0
_FLANK_UM = 8.0
_LEAST_DETOUR = 1.6
_ARM_UM = 10.0
"""Length of a corner's arms, between which its turn is measured."""
_FLAT_SHARE, _SHARE_PER_DEG, _SHARPEST_DEG = 0.5, 0.01, 90.0
"""The neck ratio holds for corners that turn inward by 50°; it is half of that where one end is flat."""
_VALLEY_BONUS = 0.5
_DEEPEST_VALLEY = 0.5
_SAMPLES = 12
_ALONG = np.linspace(0, 1, _SAMPLES + 2)[1:-1]
_X_PLUS_IY = np.array([1, 1j])
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
    body: Mask,
    outline: NDArray[np.int32],
    light: NDArray[np.uint16],
    pixel_size_um: float,
    parameters: AdaptiveParameters,
) -> list[Mask]:
    """Cut a body into the grains that touch each other in it.

    Parameters
    ----------
    body
        1 where the body is.
    outline
        The pixels along its outside as x and y, shape (n, 2).
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
    whole: list[tuple[Mask, slice, slice]] = []
    todo = [(body, outline, slice(0, body.shape[0]), slice(0, body.shape[1]))]
    while todo:
        piece, outline, rows, columns = todo.pop()
        parts = None
        if len(whole) + len(todo) < _MOST_PIECES:
            parts = _best_cut(piece, outline, light[rows, columns], pixel_size_um, parameters)
        if parts is None:
            whole.append((piece, rows, columns))
        # Each part is worked on in its own box.
        for part in parts or ():
            x, y, width, height = cv2.boundingRect(part)
            top, left = max(y - 1, 0), max(x - 1, 0)
            box = np.ascontiguousarray(part[top : y + height + 1, left : x + width + 1])
            top, left = rows.start + top, columns.start + left
            within = (slice(top, top + box.shape[0]), slice(left, left + box.shape[1]))
            todo.append((box, longest_outline(box), *within))
    if len(whole) == 1:
        return [body]
    pieces = [np.zeros_like(body) for _ in whole]
    for piece, (part, rows, columns) in zip(pieces, whole, strict=True):
        piece[rows, columns] = part
    return pieces


def longest_outline(mask: Mask) -> NDArray[np.int32]:
    """Return the pixels along the outside of a mask's longest outline as x and y, shape (n, 2)."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest: Any = contours[0] if len(contours) == 1 else max(contours, key=len)
    return np.asarray(longest).reshape(-1, 2)


def _best_cut(
    body: Mask,
    outline: NDArray[np.int32],
    light: NDArray[np.uint16],
    um: float,
    parameters: AdaptiveParameters,
) -> tuple[Mask, Mask] | None:
    if cv2.countNonZero(body) < 2 * _SMALLEST_PIECE_UM2 / um**2:
        return None
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
    hull = cv2.convexHull(outline, returnPoints=False)
    hull.sort(axis=0)
    if len(hull) < 4:
        return none
    defects = cv2.convexityDefects(outline, hull[::-1].copy())
    if defects is None or not defects.size:
        return none
    defects = defects.reshape(-1, 4)
    deep = defects[defects[:, 3] >= 256 * _SHALLOWEST_NOTCH_UM / um, :2]
    if not len(deep):
        return none
    corners = _as_complex(cv2.approxPolyDP(outline, _STRAIGHT_UM / um, True).reshape(-1, 2))
    at = np.arange(len(corners))
    steps = corners[at - len(at) + 1] - corners
    turns = _angle(steps * np.conj(steps[at - 1]))
    # OpenCV runs round an outline so that a turn inward is positive.
    inward = corners[turns > np.deg2rad(_LEAST_TURN_DEG)]
    if not len(inward):
        return none
    n = len(outline)
    at = (_as_complex(outline) == inward[:, None]).argmax(axis=1)
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
    n, points = len(outline), _as_complex(outline)
    distance = np.abs(points - points[notches, None])
    arc = np.abs(np.arange(n) - notches[:, None])
    arc = np.minimum(arc, n - arc)
    is_far = arc > _LEAST_ARC_UM / um
    across = np.where(is_far & (arc > _LEAST_DETOUR * distance), distance, np.inf)
    between = np.where(is_far[:, notches] & (notches[:, None] < notches), distance[:, notches], np.inf)
    most_bonus = _VALLEY_BONUS * _DEEPEST_VALLEY
    longest = (neck_ratio * (_FLAT_SHARE + _SHARE_PER_DEG * _SHARPEST_DEG) + most_bonus) * width - 1
    first, second = np.nonzero(between < longest)
    alone = np.flatnonzero(across.min(axis=1) < longest)
    if not len(first) + len(alone):
        return _NO_CANDIDATES
    starts = np.concatenate([notches[first], notches[alone]])
    stops = np.concatenate([notches[second], across[alone].argmin(axis=1)])
    lengths = np.abs(points[starts] - points[stops])
    turns = np.minimum(_inward_turns(points, starts, um), _inward_turns(points, stops, um))
    share = neck_ratio * (_FLAT_SHARE + _SHARE_PER_DEG * turns)
    kept = np.flatnonzero((lengths >= 1) & (lengths + 1 < (share + most_bonus) * width))
    if not len(kept):
        return _NO_CANDIDATES
    starts, stops, lengths, share = starts[kept], stops[kept], lengths[kept], share[kept]
    # A part is no wider than a disc of its area, nor than the body.
    area = _smaller_areas(points, starts, stops) + lengths
    width_at_most = np.minimum(width, 2 * np.sqrt(np.maximum(area, 1) / np.pi) + 2)
    may_be = (lengths + 1 < (share + most_bonus) * width_at_most) & (area > _SMALLEST_PIECE_UM2 / um**2 / 2)
    kept = np.flatnonzero(may_be & _run_inside(points[starts], points[stops], body))
    if not len(kept):
        return _NO_CANDIDATES
    starts, stops, lengths, share = starts[kept], stops[kept], lengths[kept], share[kept]
    valley = _valleys(points[starts], points[stops], body, light, um)
    limits = share + _VALLEY_BONUS * np.minimum(valley, _DEEPEST_VALLEY)
    hopes = limits - (lengths + 1) / width_at_most[kept]
    return _Candidates(np.stack([starts, stops], axis=1), lengths, limits, hopes)


def _as_complex(pixels: NDArray[Any]) -> Points:
    """Return pixels as numbers x + iy, so that the angle between two steps is that of their quotient."""
    return np.asarray(pixels @ _X_PLUS_IY)


def _angle(numbers: Points) -> Floats:
    """Return the angles of complex numbers; numpy's own function takes several times as long."""
    return np.arctan2(numbers.imag, numbers.real)


def _inward_turns(outline: Points, at: NDArray[np.intp], um: float) -> Floats:
    """Return by how many degrees an outline turns inward at some of its pixels."""
    arm = max(round(_ARM_UM / um), 2)
    here = outline[at]
    turns = _angle((outline[(at + arm) % len(outline)] - here) * np.conj(here - outline[at - arm]))
    return np.minimum(np.maximum(np.degrees(turns), 0), _SHARPEST_DEG)


def _smaller_areas(outline: Points, starts: NDArray[np.intp], stops: NDArray[np.intp]) -> Floats:
    """Return the areas that chords cut off from an outline, on the smaller side."""
    # The area between an outline and its first pixel, swept from that pixel on.
    outline = outline - outline[0]
    swept = np.zeros(len(outline))
    np.cumsum((np.conj(outline[:-1]) * outline[1:]).imag, out=swept[1:])
    low, high = np.minimum(starts, stops), np.maximum(starts, stops)
    area = np.abs(swept[high] - swept[low] + (np.conj(outline[high]) * outline[low]).imag) / 2
    return np.asarray(np.minimum(area, abs(swept[-1]) / 2 - area))


def _along(starts: Points, stops: Points) -> Points:
    """Return points along lines, shape (lines, points); their ends are left out."""
    return np.asarray(starts[:, None] + _ALONG * (stops - starts)[:, None])


def _pixels(points: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of the pixels that points lie in."""
    nearest = np.rint(points)
    return nearest.imag.astype(np.intp), nearest.real.astype(np.intp)


def _run_inside(starts: Points, stops: Points, body: Mask) -> NDArray[np.bool_]:
    """Tell which lines run inside a body from one end to the other."""
    return np.asarray(body[_pixels(_along(starts, stops))].all(axis=1))


def _valleys(starts: Points, stops: Points, body: Mask, light: NDArray[np.uint16], um: float) -> Floats:
    """Return by how much a body is darker under lines than on both sides of them."""
    reach = max(round(_FLANK_UM / um), 2)
    across = 1j * (stops - starts) / np.abs(stops - starts)
    beside = across[:, None, None] * np.arange(-reach, reach + 1)
    rows, columns = _pixels(_along(starts, stops)[..., None] + beside)
    framed: Any = cv2.copyMakeBorder(light * body, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    profile = framed[rows + reach, columns + reach]
    bottom = profile[..., reach - reach // 2 : reach + reach // 2 + 1].min(axis=2).sum(axis=1)
    flanks = np.minimum(profile[..., :reach].max(axis=2), profile[..., reach + 1 :].max(axis=2)).sum(axis=1)
    return np.asarray(1 - bottom / np.maximum(flanks, _SAMPLES))


def _cut(
    body: Mask, start: NDArray[np.int32], stop: NDArray[np.int32], um: float
) -> tuple[Mask, Mask, float] | None:
    """Return the two parts of a body beside a line and the narrower one's width, unless one is tiny."""
    knife = body.copy()
    cv2.line(knife, start.tolist(), stop.tolist(), 0, 1, cv2.LINE_4)
    contours, _ = cv2.findContours(knife, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if len(contours) < 2:
        return None
    parts = []
    for contour in contours:
        part = np.zeros_like(knife)
        cv2.fillPoly(part, [contour], 1)
        part &= knife
        column, row = contour.reshape(-1, 2)[0].tolist()
        parts.append((-cv2.countNonZero(part), row, column, part))
    parts.sort(key=lambda part: part[:3])
    if -parts[1][0] < _SMALLEST_PIECE_UM2 / um**2:
        return None
    one, other = parts[0][3], parts[1][3]
    depth = cv2.distanceTransform(knife, cv2.DIST_L2, 5)
    width = 2 * min(cv2.minMaxLoc(depth, mask)[1] for mask in (one, other))
    if width < _SMALLEST_WIDTH_UM / um:
        return None
    # The pixels under the line, and crumbs beside it, go to the nearer part.
    wider: Any = cv2.dilate(one, np.ones((3, 3), np.uint8))
    one = wider & body & (1 - other)
    return one, body & (1 - one), width
