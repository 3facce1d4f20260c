"""Straight cuts across bodies that may be two grains: from one notch to another, or straight across."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.notches import Points, angle, as_complex
from napari_zircon_cnn.segmentation.ragged import Index, Rows

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
_SAMPLES = 12
_ALONG = np.linspace(0, 1, _SAMPLES + 2)[1:-1]


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
    outline: NDArray[np.int32]
    light: NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Cuts:
    """Straight cuts that may be tried, in the order in which to try them.

    Parameters
    ----------
    bodies
        The body that each cuts, rising.
    ends
        First and last pixel of each on its body's outline, shape (cuts, 2).
    lengths
        In px.
    limits
        The longest that each may be, as a share of the narrower part's width.
    """

    bodies: Index
    ends: Index
    lengths: Floats
    limits: Floats


def cuts_of(
    bodies: Sequence[Outlined], notches: tuple[Index, Index], widths: Floats, um: float, neck_ratio: float
) -> Cuts:
    """Find the cuts that could be short enough.

    Parameters
    ----------
    bodies
        The bodies.
    notches
        Body and pixel on its outline of each notch, by rising body.
    widths
        Diameter of the largest disc within each body, in px.
    um
        Edge of a pixel.
    neck_ratio
        As in the method's parameters.

    Returns
    -------
    Cuts
        For each body those first that would be furthest below their limit if the parts were as wide as
        they can be.
    """
    outlines = Rows.of(body.outline for body in bodies)
    points = as_complex(np.concatenate([body.outline for body in bodies]))
    most_bonus = _VALLEY_BONUS * _DEEPEST_VALLEY
    longest = (neck_ratio * (_FLAT_SHARE + _SHARE_PER_DEG * _SHARPEST_DEG) + most_bonus) * widths - 1
    of, starts, stops = _short_chords(outlines, points, notches, longest, um)
    lengths = np.abs(points[starts] - points[stops])
    turns = [_inward_turns(outlines, points, of, at, um) for at in (starts, stops)]
    limits = neck_ratio * (_FLAT_SHARE + _SHARE_PER_DEG * np.minimum(*turns))
    # A part is no wider than a disc of its area, nor than the body.
    area = _smaller_areas(outlines, points, of, starts, stops) + lengths
    narrower = np.minimum(widths[of], 2 * np.sqrt(np.maximum(area, 1) / np.pi) + 2)
    kept = (lengths >= 1) & (lengths + 1 < (limits + most_bonus) * narrower)
    kept &= area > SMALLEST_PIECE_UM2 / um**2 / 2
    kept[kept] = _run_inside(bodies, of[kept], points[starts[kept]], points[stops[kept]])
    of, starts, stops, lengths, limits, narrower = (
        values[kept] for values in (of, starts, stops, lengths, limits, narrower)
    )
    valley = _valleys(bodies, of, points[starts], points[stops], um)
    limits += _VALLEY_BONUS * np.minimum(valley, _DEEPEST_VALLEY)
    hopes = limits - (lengths + 1) / narrower
    order = np.lexsort((-hopes, of))
    order = order[hopes[order] > 0]
    ends = np.stack([starts, stops], axis=1) - outlines.starts[of, None]
    return Cuts(of[order], ends[order], lengths[order], limits[order])


def _short_chords(
    outlines: Rows, points: Points, notches: tuple[Index, Index], longest: Floats, um: float
) -> tuple[Index, Index, Index]:
    """Return body, first and last point of the chords between notches, and from each straight across."""
    of, at = notches
    at = at + outlines.starts[of]
    across, other = outlines.taken(of)
    is_far, distance = _chords(outlines, points, (of[across.numbers], at[across.numbers], other), um)
    distance[~is_far] = np.inf
    shortest = across.least_in(distance)
    alone = np.flatnonzero(shortest < longest[of])
    opposite = other[across.first_in(distance == shortest[across.numbers])]
    some, n_notches = np.unique(of, return_counts=True)
    between, index = Rows(n_notches).taken(np.searchsorted(some, of))
    first, second = at[between.numbers], at[index]
    earlier = first < second
    first, second, both = first[earlier], second[earlier], of[between.numbers][earlier]
    is_far, distance = _chords(outlines, points, (both, first, second), um, least_detour=0.0)
    kept = is_far & (distance < longest[both])
    return (
        np.concatenate([both[kept], of[alone]]),
        np.concatenate([first[kept], at[alone]]),
        np.concatenate([second[kept], opposite[alone]]),
    )


def _chords(
    outlines: Rows,
    points: Points,
    chords: tuple[Index, Index, Index],
    um: float,
    least_detour: float = _LEAST_DETOUR,
) -> tuple[NDArray[np.bool_], Floats]:
    """Tell which chords are far shorter than the way along the outline, and how long each is."""
    of, one, other = chords
    distance = np.abs(points[one] - points[other])
    arc = np.abs(one - other)
    arc = np.minimum(arc, outlines.lengths[of] - arc)
    return (arc > _LEAST_ARC_UM / um) & (arc > least_detour * distance), distance


def _inward_turns(outlines: Rows, points: Points, of: Index, at: Index, um: float) -> Floats:
    """Return by how many degrees outlines turn inward at some of their pixels."""
    arm = max(round(_ARM_UM / um), 2)
    here = points[at]
    behind, ahead = (points[outlines.shifted(at, of, by)] for by in (-arm, arm))
    turns = angle((ahead - here) * np.conj(here - behind))
    return np.minimum(np.maximum(np.degrees(turns), 0), _SHARPEST_DEG)


def _smaller_areas(outlines: Rows, points: Points, of: Index, starts: Index, stops: Index) -> Floats:
    """Return the areas that chords cut off from their outlines, on the smaller side."""
    points = points - points[outlines.starts][outlines.numbers]
    # The area between an outline and its first pixel, swept from that pixel on; it lies at 0.
    swept = np.zeros(len(points))
    np.cumsum((np.conj(points[:-1]) * points[1:]).imag, out=swept[1:])
    low, high = np.minimum(starts, stops), np.maximum(starts, stops)
    area = np.abs(swept[high] - swept[low] + (np.conj(points[high]) * points[low]).imag) / 2
    ends = outlines.starts + outlines.lengths - 1
    whole = np.abs(swept[ends] - swept[outlines.starts]) / 2
    return np.asarray(np.minimum(area, whole[of] - area))


def _run_inside(bodies: Sequence[Outlined], of: Index, starts: Points, stops: Points) -> NDArray[np.bool_]:
    """Tell which lines run inside their bodies from one end to the other."""
    masks = _Images([body.mask for body in bodies])
    return np.asarray(masks.at(of, _along(starts, stops)).all(axis=1))


def _valleys(bodies: Sequence[Outlined], of: Index, starts: Points, stops: Points, um: float) -> Floats:
    """Return by how much bodies are darker under lines than on both sides of them."""
    reach = max(round(_FLANK_UM / um), 2)
    across = 1j * (stops - starts) / np.abs(stops - starts)
    beside = across[:, None, None] * np.arange(-reach, reach + 1)
    crossed, of = np.unique(of, return_inverse=True)
    lit = _Images([bodies[n].light * bodies[n].mask for n in crossed])
    profile = lit.at(of, _along(starts, stops)[..., None] + beside)
    bottom = profile[..., reach - reach // 2 : reach + reach // 2 + 1].min(axis=2).sum(axis=1)
    flanks = np.minimum(profile[..., :reach].max(axis=2), profile[..., reach + 1 :].max(axis=2)).sum(axis=1)
    return np.asarray(1 - bottom / np.maximum(flanks, _SAMPLES))


def _along(starts: Points, stops: Points) -> Points:
    """Return points along lines, shape (lines, points); their ends are left out."""
    return np.asarray(starts[:, None] + _ALONG * (stops - starts)[:, None])


class _Images:
    """Images of different sizes, in which many points are looked up at once.

    Parameters
    ----------
    images
        The images.
    """

    def __init__(self, images: Sequence[NDArray[Any]]) -> None:
        self._starts = Rows(np.array([image.size for image in images], np.intp)).starts
        self._shapes = np.array([image.shape for image in images], np.intp).reshape(-1, 2)
        self._values = np.concatenate([image.ravel() for image in images] or [np.zeros(0, np.uint8)])

    def at(self, of: Index, points: Points) -> NDArray[Any]:
        """Return the values at points x + iy, the first axis of which goes with the images; 0 beyond them."""
        nearest = np.rint(points)
        rows, columns = nearest.imag.astype(np.intp), nearest.real.astype(np.intp)
        each = (len(of),) + (1,) * (points.ndim - 1)
        heights, widths = (side[of].reshape(each) for side in self._shapes.T)
        inside = (rows >= 0) & (rows < heights) & (columns >= 0) & (columns < widths)
        index = self._starts[of].reshape(each) + rows * widths + columns
        values = self._values[np.where(inside, index, 0)]
        values[~inside] = 0
        return values
