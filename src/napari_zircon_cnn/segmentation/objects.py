"""From a connected body of foreground to the grains that it consists of.

Everything here sees the body's own box with a small margin and nothing else, so that its answer cannot
depend on the window that the body was found in.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import GREY_SCALE, Region
from napari_zircon_cnn.segmentation.cuts import Outlined
from napari_zircon_cnn.segmentation.splitting import longest_outline, split

Mask = NDArray[np.uint8]

LARGEST_HOLE_UM = 200.0
"""A dark core or a crack of this length belongs to the grain around it; larger is what a frame encloses."""

SMALLEST_OBJECT_UM = 10.0
"""What is smaller is noise, and in no table."""

MARGIN_UM = 16.0
"""How far around a body its surroundings are looked at."""

_LOW_SLOPE_PER_UM, _HIGH_SLOPE_PER_UM = 0.05, 0.08
"""Canny's thresholds as shares of the body's contrast; a sharp edge in these pictures has 0.1 to 0.15."""
SOBEL_GAIN = 8
_NEIGHBOUR_UM, _MUCH_BRIGHTER = 12.0, 1.5
_DIMMEST, _SHARP_PER_UM, _LEAST_DIM_UM2 = 0.22, 0.09, 100.0
GAP_UM = 2.0
_NOISE_STEP_PX, _NOISE_FACTOR, _SURELY_SEEN = 3, 10.0, 3.0

Slopes = tuple[NDArray[np.int16], NDArray[np.int16]]


@cache
def square(radius_um: float, pixel_size_um: float) -> Mask:
    """Return the square of a radius, at least 1 px, as the filters want it."""
    side = 2 * max(round(radius_um / pixel_size_um), 1) + 1
    return np.ones((side, side), np.uint8)


@dataclass(frozen=True, eq=False)
class GrainMask:
    """A grain's pixels.

    Parameters
    ----------
    top, left
        The mosaic's row and column of the mask's first pixel.
    mask
        1 where the grain is; each side of it holds some of the grain.
    """

    top: int
    left: int
    mask: Mask

    @property
    def first_pixel(self) -> tuple[int, int]:
        """The mosaic's row and column of the grain's first pixel, from top and left."""
        return self.top, self.left + int(self.mask[0].argmax())


@dataclass(frozen=True, eq=False)
class Body:
    """A connected body of foreground and what surrounds it.

    Parameters
    ----------
    top, left
        The mosaic's row and column of the first pixel.
    mask
        1 where the body is.
    outline
        The pixels along its outside as x and y in the mask, shape (n, 2).
    others
        1 where another body is.
    light
        As in `foreground.Window`.
    slopes, contrast, steepness
        As in `tiles.View`.
    """

    top: int
    left: int
    mask: Mask
    outline: NDArray[np.int32]
    others: Mask
    light: NDArray[np.uint16]
    slopes: Slopes
    contrast: float
    steepness: NDArray[np.uint16]

    def reaches_into(self, region: Region) -> bool:
        """Tell whether a grain of this body could cover a pixel of a region."""
        starts, lengths = (self.top, self.left), self.mask.shape
        return all(
            start < side.stop and start + length > side.start
            for start, length, side in zip(starts, lengths, region, strict=True)
        )


def grains_of(
    bodies: Sequence[Body], pixel_size_um: float, parameters: AdaptiveParameters
) -> list[GrainMask]:
    """Return the grains that bodies consist of; none of those whose outline is not an edge."""
    smallest_px = SMALLEST_OBJECT_UM / pixel_size_um
    bodies = [body for body in bodies if _is_grain(body, pixel_size_um, parameters)]
    wholes = [_closed(body, pixel_size_um) for body in bodies]
    found = []
    for body, pieces in zip(bodies, split(wholes, pixel_size_um, parameters), strict=True):
        for piece in _with_dim_parts(pieces, body, pixel_size_um):
            left, top, width, height = cv2.boundingRect(piece)
            mask = np.ascontiguousarray(piece[top : top + height, left : left + width])
            # The rotated box is not needed where the upright one leaves no doubt.
            if max(width, height) >= 2 * smallest_px or _long_side(longest_outline(mask)) >= smallest_px:
                found.append(GrainMask(body.top + top, body.left + left, mask))
    return found


def low_slope(contrast: float, pixel_size_um: float) -> float:
    """Return the slope below which nothing is an edge of a body, as Sobel's filter gives it."""
    return _LOW_SLOPE_PER_UM * contrast * SOBEL_GAIN * pixel_size_um


def _is_grain(body: Body, um: float, parameters: AdaptiveParameters) -> bool:
    """Tell whether a body's outline is an edge and stands out from the noise."""
    # What has a shorter outline is shorter than any grain, whatever its shape.
    if len(body.outline) < 2 * SMALLEST_OBJECT_UM / um:
        return False
    if not _has_edge(body, parameters.edge_share, um):
        return False
    # What stands out by far need not be held against the noise.
    doubtful = body.contrast < _SURELY_SEEN * parameters.contrast * GREY_SCALE
    return not doubtful or body.contrast >= _NOISE_FACTOR * _noise(body)


def _closed(body: Body, um: float) -> Outlined:
    """Return a body without its cracks and holes."""
    closed: Any = cv2.morphologyEx(body.mask, cv2.MORPH_CLOSE, square(GAP_UM, um))
    closed &= 1 - body.others
    outline = longest_outline(closed)
    return Outlined(_without_holes(closed, outline, LARGEST_HOLE_UM / um), outline, body.light)


def _median(values: NDArray[Any]) -> float:
    """Return the upper median; numpy's own takes longer than the rest of a small body's work."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2])


def _long_side(outline: NDArray[np.int32]) -> float:
    _, sides, _ = cv2.minAreaRect(outline)
    return float(max(sides)) + 1


def _has_edge(body: Body, least_share: float, um: float) -> bool:
    """Tell whether so much of a body's outline lies on a Canny edge or beside one.

    The thresholds follow the contrast along the outline, so that a dim grain's edge counts and the soft
    slope of a bright grain's glow does not.
    """
    steepness, least = body.steepness, least_share * len(body.outline)
    low, high = low_slope(body.contrast, um), _HIGH_SLOPE_PER_UM * body.contrast * SOBEL_GAIN * um
    if np.count_nonzero(steepness > low) < least:
        return False
    x, y = body.outline[:, 0], body.outline[:, 1]
    # Where much brighter pixels lie beside the body, the edge is another's.
    brighter = _MUCH_BRIGHTER * body.contrast
    if cv2.minMaxLoc(body.light, 1 - body.mask)[1] > brighter:
        beyond = body.light * (1 - cv2.dilate(body.mask, square(GAP_UM, um)))
        lit = cv2.dilate(beyond, square(_NEIGHBOUR_UM, um))[y, x]
        steepness = np.where(lit < brighter, steepness, np.uint16(0))
    if np.count_nonzero(steepness > high) >= least:
        return True
    if np.count_nonzero(steepness > low) < least:
        return False
    # What lies between the two thresholds counts where it goes on from what is steeper.
    edges = cv2.dilate(cv2.Canny(*body.slopes, low, high, L2gradient=True), square(GAP_UM, um))
    return bool(np.count_nonzero((edges[y, x] > 0) & (steepness > 0)) >= least)


def _noise(body: Body) -> float:
    """Return by how much the resin around a body differs from one pixel to another, in the median."""
    resin, light = (body.mask | body.others) == 0, body.light.astype(np.int16)
    both = resin[:, _NOISE_STEP_PX:] & resin[:, :-_NOISE_STEP_PX]
    steps = np.abs(light[:, _NOISE_STEP_PX:] - light[:, :-_NOISE_STEP_PX])[both]
    return _median(steps) if len(steps) else 0.0


def _with_dim_parts(pieces: list[Mask], body: Body, um: float) -> list[Mask]:
    """Return a body's pieces with the dim parts that an edge of their own parts from the resin.

    A glow has no such edge. A part goes to the piece that it touches most.
    """
    near = square(GAP_UM, um)
    dimmest = int(_DIMMEST * body.contrast)
    whole = sum(pieces[1:], pieces[0]) | body.others & (body.light > 2 * dimmest)
    dim: Any = (body.light > dimmest) & (1 - whole)
    if cv2.countNonZero(dim) < _LEAST_DIM_UM2 / um**2:
        return pieces
    dim = cv2.morphologyEx(dim, cv2.MORPH_OPEN, near)
    grown_by: dict[int, list[tuple[Region, Mask]]] = {}
    for box, part in _sharp_parts(dim, whole, body, um):
        around: Any = cv2.dilate(part, near)
        contacts = [cv2.countNonZero(around & piece[box]) for piece in pieces]
        if max(contacts):
            grown_by.setdefault(contacts.index(max(contacts)), []).append((box, part))
    for n_piece, added in grown_by.items():
        piece = pieces[n_piece].copy()
        for box, part in added:
            piece[box] |= part
        closed: Any = cv2.morphologyEx(piece, cv2.MORPH_CLOSE, near)
        closed = closed & (1 - whole) | piece
        pieces[n_piece] = _without_holes(closed, longest_outline(closed), LARGEST_HOLE_UM / um)
    return pieces


def _sharp_parts(dim: Mask, whole: Mask, body: Body, um: float) -> Iterator[tuple[Region, Mask]]:
    """Yield the dim parts that have a sharp edge towards the resin, each in its box with 1 px around it."""
    least_px = _LEAST_DIM_UM2 / um**2
    height, width = dim.shape
    outlines, _ = cv2.findContours(dim, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    beside_resin: Any = None
    for outline in outlines:
        x, y, w, h = cv2.boundingRect(outline)
        # What reaches the border of the box goes on beyond it.
        if w * h < least_px or min(x, y) == 0 or x + w == width or y + h == height:
            continue
        box = (slice(y - 1, y + h + 1), slice(x - 1, x + w + 1))
        part = np.zeros((h + 2, w + 2), np.uint8)
        cv2.fillPoly(part, [outline], 1, offset=(1 - x, 1 - y))
        part &= dim[box]
        if cv2.countNonZero(part) < least_px:
            continue
        if beside_resin is None:
            beside_resin = cv2.dilate(1 - (dim | whole), square(GAP_UM, um))
        rim = (part & beside_resin[box]).view(bool)
        if not rim.any():
            continue
        slope = np.hypot(body.slopes[0][box][rim], body.slopes[1][box][rim], dtype=np.float32)
        if _median(slope) > _SHARP_PER_UM * um * SOBEL_GAIN * _median(body.light[box][part.view(bool)]):
            yield box, part


def _without_holes(mask: Mask, outline: NDArray[np.int32], largest_px: float) -> Mask:
    filled: Mask = np.zeros_like(mask)
    cv2.fillPoly(filled, [outline], 1)
    if min(mask.shape) > largest_px:
        _, holes, stats, _ = cv2.connectedComponentsWithStats(filled & (1 - mask), connectivity=4)
        large = np.flatnonzero(stats[:, 2:4].max(axis=1) > largest_px)
        if len(large) > 1:
            filled[np.isin(holes, large[large > 0])] = 0
    return filled
