"""From connected bodies of foreground to the grains that they consist of.

Everything here sees a body's own box with a small margin and nothing else, so that its answer cannot
depend on the window that the body was found in. Many bodies are worked on together, on sheets that hold
them side by side, since a call of OpenCV's costs more than its work for one.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.bodies import (
    LARGEST_HOLE_UM,
    SMALLEST_OBJECT_UM,
    Bodies,
    GrainMask,
    LaidOut,
    square,
)
from napari_zircon_cnn.segmentation.cuts import Outlined
from napari_zircon_cnn.segmentation.dim_parts import with_dim_parts
from napari_zircon_cnn.segmentation.edges import with_an_edge
from napari_zircon_cnn.segmentation.sheets import filled
from napari_zircon_cnn.segmentation.splitting import longest_outline, split
from napari_zircon_cnn.segmentation.views import GAP_UM


def grains_of(bodies: Bodies, pixel_size_um: float, parameters: AdaptiveParameters) -> list[GrainMask]:
    """Return the grains that bodies consist of; none of those whose outline is not an edge."""
    smallest_px = SMALLEST_OBJECT_UM / pixel_size_um
    top, left = (side.start for side in bodies.view.window.region)
    bodies = with_an_edge(bodies, pixel_size_um, parameters)
    if not len(bodies):
        return []
    found = []
    laid = LaidOut(bodies, 2 * len(square(GAP_UM, pixel_size_um)))
    parts = [split(body, pixel_size_um, parameters) for body in _closed(laid, pixel_size_um)]
    for box, pieces in zip(bodies.boxes, with_dim_parts(laid, parts, pixel_size_um), strict=True):
        for piece in pieces:
            x, y, width, height = cv2.boundingRect(piece)
            mask = np.ascontiguousarray(piece[y : y + height, x : x + width])
            # The rotated box is not needed where the upright one leaves no doubt.
            if max(width, height) >= 2 * smallest_px or _long_side(longest_outline(mask)) >= smallest_px:
                found.append(GrainMask(top + box[0].start + y, left + box[1].start + x, mask))
    return found


def _closed(laid: LaidOut, um: float) -> list[Outlined]:
    """Return bodies without their cracks and holes."""
    bodies, sheet = laid.bodies, laid.sheet
    closed: Any = cv2.morphologyEx(laid.masks, cv2.MORPH_CLOSE, square(GAP_UM, um))
    closed &= 1 - laid.others
    outlines, whole = filled(sheet, closed, LARGEST_HOLE_UM / um)
    light = bodies.view.window.light
    return [
        Outlined(whole[place], outline, light[box])
        for box, place, outline in zip(bodies.boxes, sheet.boxes, outlines, strict=True)
    ]


def _long_side(outline: NDArray[np.int32]) -> float:
    _, sides, _ = cv2.minAreaRect(outline)
    return float(max(sides)) + 1
