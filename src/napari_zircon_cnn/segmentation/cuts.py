"""Straight cuts across bodies that may be two grains: from one notch to another, or straight across."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.compiled import compiled
from napari_zircon_cnn.segmentation.notches import Index, Outline

Mask = NDArray[np.uint8]
Floats = NDArray[np.float64]

SMALLEST_PIECE_UM2 = 300.0
"""No cut leaves a smaller piece."""

_LEAST_ARC_UM = 20.0
_FLANK_UM = 8.0
_LEAST_DETOUR = 1.6
_ARM_UM = 10.0
"""Length of a corner's arms, between which its turn is measured."""
_FLAT_SHARE, _SHARE_PER_DEG, _SHARPEST_DEG = 0.5, 0.01, 90.0
"""The neck ratio holds for corners that turn inward by 50°; it is half of that where one end is flat."""
_VALLEY_BONUS = 0.5
_DEEPEST_VALLEY = 0.5
_MOST_BONUS = _VALLEY_BONUS * _DEEPEST_VALLEY
_SAMPLES = 12


@dataclass(frozen=True, eq=False)
class Outlined:
    """A body that may be cut.

    Parameters
    ----------
    mask
        1 where it is.
    outline
        The pixels along its outside as x and y, shape (n, 2).
    light
        Brightness above the resin, of the mask's shape.
    """

    mask: Mask
    outline: Outline
    light: NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Cuts:
    """Straight cuts that may be tried, in the order in which to try them.

    Parameters
    ----------
    ends
        First and last pixel of each on the body's outline, shape (cuts, 2).
    lengths
        In px.
    limits
        The longest that each may be, as a share of the narrower part's width.
    """

    ends: Index
    lengths: Floats
    limits: Floats


def cuts_of(body: Outlined, notches: Index, width_px: float, um: float, neck_ratio: float) -> Cuts:
    """Find the cuts of a body that could be short enough.

    Parameters
    ----------
    body
        The body.
    notches
        Pixels on its outline.
    width_px
        Diameter of the largest disc within it.
    um
        Edge of a pixel.
    neck_ratio
        As in the method's parameters.

    Returns
    -------
    Cuts
        Those first that would be furthest below their limit if the parts were as wide as they can be.
    """
    longest = (neck_ratio * (_FLAT_SHARE + _SHARE_PER_DEG * _SHARPEST_DEG) + _MOST_BONUS) * width_px - 1
    chords = _short_chords(body.outline, notches, longest, _LEAST_ARC_UM / um)
    mask, light = np.ascontiguousarray(body.mask), np.ascontiguousarray(body.light)
    ends, found = _hopeful((mask, light), body.outline, chords, (width_px, um), neck_ratio)
    order = np.argsort(-found[:, 2], kind="stable")
    return Cuts(ends[order], found[order, 0], found[order, 1])


@compiled
def _short_chords(outline: Outline, notches: Index, longest_px: float, least_arc_px: float) -> Index:
    """Return first and last pixel of the chords between notches, and from each notch straight across."""
    n = len(outline)
    found = np.empty((len(notches) * (len(notches) + 1), 2), np.int64)
    n_found = 0
    for one in notches:
        for other in notches:
            arc = min(abs(one - other), n - abs(one - other))
            if one < other and arc > least_arc_px and _distance(outline, one, other) < longest_px:
                found[n_found] = one, other
                n_found += 1
    for one in notches:
        shortest, opposite = longest_px, -1
        for other in range(n):
            arc = min(abs(one - other), n - abs(one - other))
            if arc > least_arc_px:
                distance = _distance(outline, one, other)
                if distance < shortest and arc > _LEAST_DETOUR * distance:
                    shortest, opposite = distance, other
        if opposite >= 0:
            found[n_found] = one, opposite
            n_found += 1
    return found[:n_found]


@compiled
def _hopeful(
    images: tuple[Mask, NDArray[np.uint16]],
    outline: Outline,
    chords: Index,
    scale: tuple[float, float],
    neck_ratio: float,
) -> tuple[Index, Floats]:
    """Return the chords that may be cuts; of each its length, its limit and by how much it may be below.

    The images are the body's mask and light, the scale its width in px and the edge of a pixel in µm.
    """
    mask, light = images
    width_px, um = scale
    ends = np.empty((len(chords), 2), np.int64)
    found = np.empty((len(chords), 3))
    n_found = 0
    swept = _swept_areas(outline)
    arm = max(round(_ARM_UM / um), 2)
    reach = max(round(_FLANK_UM / um), 2)
    for start, stop in chords:
        length = _distance(outline, start, stop)
        turn = min(_inward_turn(outline, start, arm), _inward_turn(outline, stop, arm))
        limit = neck_ratio * (_FLAT_SHARE + _SHARE_PER_DEG * turn)
        # A part is no wider than a disc of its area, nor than the body.
        area = _smaller_area(outline, swept, start, stop) + length
        narrower = min(width_px, 2 * math.sqrt(max(area, 1.0) / math.pi) + 2)
        if length < 1 or length + 1 >= (limit + _MOST_BONUS) * narrower:
            continue
        if area <= SMALLEST_PIECE_UM2 / um**2 / 2 or not _runs_inside(mask, outline, start, stop):
            continue
        valley = _valley(mask, light, outline, (start, stop), reach)
        limit += _VALLEY_BONUS * min(valley, _DEEPEST_VALLEY)
        hope = limit - (length + 1) / narrower
        if hope > 0:
            ends[n_found] = start, stop
            found[n_found] = length, limit, hope
            n_found += 1
    return ends[:n_found], found[:n_found]


@compiled
def _distance(outline: Outline, one: int, other: int) -> float:
    return math.hypot(outline[one, 0] - outline[other, 0], outline[one, 1] - outline[other, 1])


@compiled
def _inward_turn(outline: Outline, at: int, arm: int) -> float:
    """Return by how many degrees an outline turns inward at one of its pixels."""
    x, y = outline[at]
    behind, ahead = outline[(at - arm) % len(outline)], outline[(at + arm) % len(outline)]
    x0, y0, x1, y1 = x - behind[0], y - behind[1], ahead[0] - x, ahead[1] - y
    turn = math.degrees(math.atan2(x0 * y1 - y0 * x1, x0 * x1 + y0 * y1))
    return min(max(turn, 0.0), _SHARPEST_DEG)


@compiled
def _swept_areas(outline: Outline) -> Index:
    """Return twice the area between an outline and its first pixel, swept from that pixel to each."""
    swept = np.zeros(len(outline), np.int64)
    x, y = outline[0]
    for n in range(1, len(outline)):
        x0, y0, x1, y1 = outline[n - 1, 0] - x, outline[n - 1, 1] - y, outline[n, 0] - x, outline[n, 1] - y
        swept[n] = swept[n - 1] + x0 * y1 - y0 * x1
    return swept


@compiled
def _smaller_area(outline: Outline, swept: Index, start: int, stop: int) -> float:
    """Return the area that a chord cuts off from its outline, on the smaller side."""
    low, high = min(start, stop), max(start, stop)
    x, y = outline[0]
    x0, y0, x1, y1 = outline[high, 0] - x, outline[high, 1] - y, outline[low, 0] - x, outline[low, 1] - y
    area = abs(swept[high] - swept[low] + x0 * y1 - y0 * x1) / 2
    return float(min(area, abs(swept[-1]) / 2 - area))


@compiled
def _runs_inside(mask: Mask, outline: Outline, start: int, stop: int) -> bool:
    """Tell whether a line runs inside its body from one end to the other."""
    for n in range(1, _SAMPLES + 1):
        x, y = _on_the_way(outline, start, stop, n)
        if not mask[int(np.rint(y)), int(np.rint(x))]:
            return False
    return True


@compiled
def _valley(
    mask: Mask, light: NDArray[np.uint16], outline: Outline, ends: tuple[int, int], reach: int
) -> float:
    """Return by how much a body is darker under a line than on both sides of it."""
    length = _distance(outline, ends[0], ends[1])
    along_x = (outline[ends[1], 0] - outline[ends[0], 0]) / length
    along_y = (outline[ends[1], 1] - outline[ends[0], 1]) / length
    under, flanks = 0, 0
    for n in range(1, _SAMPLES + 1):
        x, y = _on_the_way(outline, ends[0], ends[1], n)
        darkest, brightest = 2**16, np.zeros(2, np.int64)
        for step in range(-reach, reach + 1):
            row, column = int(np.rint(y + step * along_x)), int(np.rint(x - step * along_y))
            lit = 0
            if 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and mask[row, column]:
                lit = int(light[row, column])
            if abs(step) <= reach // 2:
                darkest = min(darkest, lit)
            if step != 0:
                side = 0 if step < 0 else 1
                brightest[side] = max(brightest[side], lit)
        under += darkest
        flanks += brightest.min()
    return 1 - under / max(flanks, _SAMPLES)


@compiled
def _on_the_way(outline: Outline, start: int, stop: int, n: int) -> tuple[float, float]:
    """Return the n-th of the samples on a line, as x and y; its ends are none of them."""
    share = n / (_SAMPLES + 1)
    x, y = outline[start]
    return x + share * (outline[stop, 0] - x), y + share * (outline[stop, 1] - y)
