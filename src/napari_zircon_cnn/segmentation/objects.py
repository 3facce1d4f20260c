"""From a connected body of foreground to the grains that it consists of.

Everything here sees the body's own box with a small margin and nothing else, so that its answer cannot
depend on the window that the body was found in.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import GREY_SCALE, Region
from napari_zircon_cnn.segmentation.splitting import split

Mask = NDArray[np.uint8]

LARGEST_HOLE_UM = 200.0
"""A dark core or a crack of this length belongs to the grain around it; larger is what a frame encloses."""

SMALLEST_OBJECT_UM = 10.0
"""What is smaller is noise, and in no table."""

MARGIN_UM = 16.0
"""How far around a body its surroundings are looked at."""

_LOW_SLOPE_PER_UM, _HIGH_SLOPE_PER_UM = 0.05, 0.08
"""Canny's thresholds as shares of the body's contrast; a sharp edge in these pictures has 0.1 to 0.15."""
_SOBEL_GAIN = 8
_NEIGHBOUR_UM, _MUCH_BRIGHTER = 12.0, 1.5
_DIMMEST, _SHARP_PER_UM, _LEAST_DIM_UM2 = 0.22, 0.09, 100.0
_GAP_UM = 2.0
_NOISE_STEP_PX, _NOISE_FACTOR, _SURELY_SEEN = 3, 10.0, 3.0

Slopes = tuple[NDArray[np.int16], NDArray[np.int16]]


def _square(radius_um: float, pixel_size_um: float) -> Mask:
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
    foreground
        1 where this or another body is.
    light, brightest
        As in `foreground.Window`.
    """

    top: int
    left: int
    mask: Mask
    foreground: Mask
    light: NDArray[np.uint16]
    brightest: NDArray[np.uint16]

    def reaches_into(self, region: Region) -> bool:
        """Tell whether a grain of this body could cover a pixel of a region."""
        starts, lengths = (self.top, self.left), self.mask.shape
        return all(
            start < side.stop and start + length > side.start
            for start, length, side in zip(starts, lengths, region, strict=True)
        )


def grains_of(body: Body, pixel_size_um: float, parameters: AdaptiveParameters) -> list[GrainMask]:
    """Return the grains that a body consists of; none where its outline is not an edge."""
    smallest_px = SMALLEST_OBJECT_UM / pixel_size_um
    outline = _outline(body.mask)
    if len(outline) < 2 * smallest_px:
        return []
    contrast = _median(body.brightest[outline[:, 1], outline[:, 0]])
    light = body.light.astype(np.int16)
    slopes: Any = (cv2.Sobel(light, cv2.CV_16S, 1, 0), cv2.Sobel(light, cv2.CV_16S, 0, 1))
    if _edge_share(body, outline, contrast, slopes, pixel_size_um) < parameters.edge_share:
        return []
    # What stands out by far need not be held against the noise.
    doubtful = contrast < _SURELY_SEEN * parameters.contrast * GREY_SCALE
    if doubtful and contrast < _NOISE_FACTOR * _noise(body, light):
        return []
    others = body.foreground & (1 - body.mask)
    closed: Any = cv2.morphologyEx(body.mask, cv2.MORPH_CLOSE, _square(_GAP_UM, pixel_size_um))
    closed &= 1 - others
    filled = _without_holes(closed, LARGEST_HOLE_UM / pixel_size_um)
    pieces = split(filled, body.light, pixel_size_um, parameters)
    pieces = _with_dim_parts(pieces, body, contrast, slopes, pixel_size_um)
    found = []
    for piece in pieces:
        left, top, width, height = cv2.boundingRect(piece)
        mask = np.ascontiguousarray(piece[top : top + height, left : left + width])
        # The rotated box is not needed where the upright one leaves no doubt.
        if max(width, height) >= 2 * smallest_px or _long_side(_outline(mask)) >= smallest_px:
            found.append(GrainMask(body.top + top, body.left + left, mask))
    return found


def _median(values: NDArray[Any]) -> float:
    """Return the upper median; numpy's own takes longer than the rest of a small body's work."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2])


def _outline(mask: Mask) -> NDArray[np.int32]:
    """Return the pixels along the outside of a mask's longest outline as x and y, (n, 2)."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest: Any = max(contours, key=len)
    return np.asarray(longest).reshape(-1, 2)


def _long_side(outline: NDArray[np.int32]) -> float:
    _, sides, _ = cv2.minAreaRect(outline)
    return float(max(sides)) + 1


def _edge_share(body: Body, outline: NDArray[np.int32], contrast: float, slopes: Slopes, um: float) -> float:
    """Return the share of an outline that lies on a Canny edge or beside one.

    The thresholds follow the contrast along the outline, so that a dim grain's edge counts and the soft
    slope of a bright grain's glow does not.
    """
    x, y = outline[:, 0], outline[:, 1]
    steep = contrast * _SOBEL_GAIN * um
    edges = cv2.Canny(*slopes, _LOW_SLOPE_PER_UM * steep, _HIGH_SLOPE_PER_UM * steep, L2gradient=True)
    own = cv2.dilate(edges, _square(_GAP_UM, um))[y, x] > 0
    # Where much brighter pixels lie beside the body, the edge is another's.
    beyond = body.light * (1 - cv2.dilate(body.mask, _square(_GAP_UM, um)))
    if cv2.minMaxLoc(beyond)[1] > _MUCH_BRIGHTER * contrast:
        beside = cv2.dilate(beyond, _square(_NEIGHBOUR_UM, um))
        own &= beside[y, x] < _MUCH_BRIGHTER * contrast
    return float(np.count_nonzero(own)) / len(outline)


def _noise(body: Body, light: NDArray[np.int16]) -> float:
    """Return by how much the resin around a body differs from one pixel to another, in the median."""
    resin = body.foreground == 0
    both = resin[:, _NOISE_STEP_PX:] & resin[:, :-_NOISE_STEP_PX]
    steps = np.abs(light[:, _NOISE_STEP_PX:] - light[:, :-_NOISE_STEP_PX])[both]
    return _median(steps) if len(steps) else 0.0


def _with_dim_parts(pieces: list[Mask], body: Body, contrast: float, slopes: Slopes, um: float) -> list[Mask]:
    """Return a body's pieces with the dim parts that an edge of their own parts from the resin.

    A glow has no such edge. A part goes to the piece that it touches most.
    """
    square, least_px = _square(_GAP_UM, um), _LEAST_DIM_UM2 / um**2
    others = body.foreground & (1 - body.mask)
    dimmest = int(_DIMMEST * contrast)
    others &= body.light > 2 * dimmest
    whole = sum(pieces[1:], pieces[0]) | others
    dim = (body.light > dimmest) & (1 - whole)
    dim = cv2.morphologyEx(dim, cv2.MORPH_OPEN, square)
    if cv2.countNonZero(dim) < least_px:
        return pieces
    height, width = dim.shape
    _, parts, stats, _ = cv2.connectedComponentsWithStats(dim, connectivity=8)
    large = [
        (label, x, y, w, h)
        for label, (x, y, w, h, area) in enumerate(stats.tolist())
        if label and area >= least_px and x and y and x + w < width and y + h < height
    ]
    if not large:
        return pieces
    resin = cv2.dilate(1 - (dim | whole), square)
    grown_by: dict[int, list[tuple[slice, slice, NDArray[np.bool_]]]] = {}
    for label, x, y, w, h in large:
        box = (slice(y - 1, y + h + 1), slice(x - 1, x + w + 1))
        part = parts[box] == label
        rim = part & (resin[box] > 0)
        if not rim.any():
            continue
        around: Any = cv2.dilate(part.view(np.uint8), square)
        contacts = [int(np.count_nonzero(around & piece[box])) for piece in pieces]
        slope = np.hypot(slopes[0][box][rim], slopes[1][box][rim], dtype=np.float32)
        is_sharp = _median(slope) > _SHARP_PER_UM * um * _SOBEL_GAIN * _median(body.light[box][part])
        if max(contacts) and is_sharp:
            grown_by.setdefault(contacts.index(max(contacts)), []).append((*box, part))
    for n_piece, added in grown_by.items():
        piece = pieces[n_piece].copy()
        for rows, columns, part in added:
            piece[rows, columns][part] = 1
        closed: Any = cv2.morphologyEx(piece, cv2.MORPH_CLOSE, square)
        closed = closed & (1 - whole) | piece
        pieces[n_piece] = _without_holes(closed, LARGEST_HOLE_UM / um)
    return pieces


def _without_holes(mask: Mask, largest_px: float) -> Mask:
    filled: Mask = np.zeros_like(mask)
    cv2.drawContours(filled, [_outline(mask)[:, None]], -1, 1, cv2.FILLED)
    if min(mask.shape) > largest_px:
        _, holes, stats, _ = cv2.connectedComponentsWithStats(filled & (1 - mask), connectivity=4)
        large = np.flatnonzero(stats[:, 2:4].max(axis=1) > largest_px)
        filled[np.isin(holes, large[large > 0])] = 0
    return filled
