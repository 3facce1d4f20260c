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
from napari_zircon_cnn.segmentation.splitting import split

Mask = NDArray[np.uint8]

LARGEST_HOLE_UM = 200.0
"""A dark core or a crack of this length belongs to the grain around it; larger is what a frame encloses."""

SMALLEST_OBJECT_UM = 10.0
"""What is smaller is noise, and in no table."""

MARGIN_PX = 8
_LOW_SLOPE, _HIGH_SLOPE = 0.10, 0.16
_SOBEL_GAIN = 8


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


@dataclass(frozen=True, eq=False)
class Body:
    """A connected body of foreground and what surrounds it.

    Parameters
    ----------
    top, left
        The mosaic's row and column of the first pixel.
    mask
        1 where the body is.
    light, brightest
        As in `foreground.Window`.
    """

    top: int
    left: int
    mask: Mask
    foreground: Mask
    light: NDArray[np.uint16]
    brightest: NDArray[np.uint16]


def grains_of(body: Body, pixel_size_um: float, parameters: AdaptiveParameters) -> list[GrainMask]:
    """Return the grains that a body consists of; none where its outline is not an edge."""
    smallest_px = SMALLEST_OBJECT_UM / pixel_size_um
    outline = _outline(body.mask)
    if len(outline) < 2 * smallest_px or _edge_share(body, outline) < parameters.edge_share:
        return []
    filled = _without_holes(wider := _enclosed(body, outline), _outline(wider), LARGEST_HOLE_UM / pixel_size_um)
    pieces = split(filled, body.light, pixel_size_um, parameters)
    found = []
    for piece in pieces:
        rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
        if len(rows) == 0 or max(len(rows), len(columns)) < smallest_px / 1.5:
            continue
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        mask = np.ascontiguousarray(piece[box])
        if _long_side(_outline(mask)) >= smallest_px:
            found.append(GrainMask(body.top + int(rows[0]), body.left + int(columns[0]), mask))
    return found


def _outline(mask: Mask) -> NDArray[np.int32]:
    """Return the pixels along the outside of a mask's longest outline as x and y, (n, 2)."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest: Any = max(contours, key=len)
    return np.asarray(longest).reshape(-1, 2)


def _long_side(outline: NDArray[np.int32]) -> float:
    _, sides, _ = cv2.minAreaRect(outline)
    return float(max(sides)) + 1


def _edge_share(body: Body, outline: NDArray[np.int32]) -> float:
    """Return the share of an outline that lies on a Canny edge or beside one.

    The thresholds follow the contrast along the outline, so that a dim grain's edge counts and the soft
    slope of a bright grain's glow does not.
    """
    x, y = outline[:, 0], outline[:, 1]
    contrast = float(np.median(body.brightest[y, x])) * _SOBEL_GAIN
    light = body.light.astype(np.int16)
    slope_x = cv2.Sobel(light, cv2.CV_16S, 1, 0)
    slope_y = cv2.Sobel(light, cv2.CV_16S, 0, 1)
    edges = cv2.Canny(
        slope_x, slope_y, _LOW_SLOPE * contrast, _HIGH_SLOPE * contrast, L2gradient=True
    )
    edges = cv2.dilate(edges, np.ones((3, 3), np.uint8))
    # Where much brighter pixels lie beside the body, the edge is another's.
    beside = cv2.dilate(body.light, np.ones((13, 13), np.uint8))[y, x]
    own = (edges[y, x] > 0) & (beside < 1.5 / _SOBEL_GAIN * contrast)
    return float(np.count_nonzero(own)) / len(outline)


def _enclosed(body: Body, outline: NDArray[np.int32]) -> Mask:
    """Return a body without bays that are too narrow to be seen."""
    others = body.foreground & (1 - body.mask)
    return cv2.morphologyEx(body.mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) & (1 - others)


def _without_holes(mask: Mask, outline: NDArray[np.int32], largest_px: float) -> Mask:
    filled: Mask = np.zeros_like(mask)
    cv2.drawContours(filled, [outline[:, None]], -1, 1, cv2.FILLED)
    if min(mask.shape) > largest_px:
        _, holes, stats, _ = cv2.connectedComponentsWithStats(filled & (1 - mask), connectivity=4)
        large = np.flatnonzero(stats[:, 2:4].max(axis=1) > largest_px)
        filled[np.isin(holes, large[large > 0])] = 0
    return filled
