"""Which bodies have an outline that is an edge: Canny's, with thresholds that follow each body's contrast."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import GREY_SCALE
from napari_zircon_cnn.segmentation.bodies import SMALLEST_OBJECT_UM, Bodies, LaidOut, square
from napari_zircon_cnn.segmentation.views import GAP_UM, SOBEL_GAIN, low_slope

_HIGH_SLOPE_PER_UM = 0.08
"""Canny's upper threshold as a share of the contrast; a sharp edge in these pictures has 0.1 to 0.15."""
_NEIGHBOUR_UM, _MUCH_BRIGHTER = 12.0, 1.5
_NOISE_STEP_PX, _NOISE_FACTOR, _SURELY_SEEN = 3, 10.0, 3.0


def with_an_edge(bodies: Bodies, pixel_size_um: float, parameters: AdaptiveParameters) -> Bodies:
    """Return the bodies whose outline is an edge and stands out from the noise.

    So much of the outline as the method's `edge_share` says must lie on a Canny edge or beside one. The
    thresholds follow the contrast along the outline, so that a dim grain's edge counts and the soft slope
    of a bright grain's glow does not.

    Parameters
    ----------
    bodies
        Of foreground.
    pixel_size_um
        Edge of a pixel.
    parameters
        Of the method.

    Returns
    -------
    Bodies
        Those of them.
    """
    rows, steepness = bodies.steepness()
    # What has a shorter outline is shorter than any grain, whatever its shape.
    could = rows.lengths >= 2 * SMALLEST_OBJECT_UM / pixel_size_um
    low = low_slope(bodies.contrasts, pixel_size_um)
    could &= rows.count_in(steepness > low[rows.numbers]) >= parameters.edge_share * rows.lengths
    bodies = bodies.chosen(could)
    if len(bodies):
        bodies = bodies.chosen(_have_their_own(bodies, pixel_size_um, parameters))
    # What stands out by far need not be held against the noise.
    is_clear = bodies.contrasts >= _SURELY_SEEN * parameters.contrast * GREY_SCALE
    for n in np.flatnonzero(~is_clear).tolist():
        is_clear[n] = bodies.contrasts[n] >= _NOISE_FACTOR * _noise(bodies, n)
    return bodies.chosen(is_clear)


def _have_their_own(bodies: Bodies, um: float, parameters: AdaptiveParameters) -> NDArray[np.bool_]:
    """Tell which bodies have an edge that is not that of something much brighter beside them."""
    near, beside = square(GAP_UM, um), square(_NEIGHBOUR_UM, um)
    laid = LaidOut(bodies, len(beside))
    lit: Any = cv2.dilate(laid.light * (1 - cv2.dilate(laid.masks, near)), beside)
    rows, steepness = bodies.steepness()
    x, y = (np.concatenate(bodies.outlines) + (laid.sheet.corners - bodies.begin)[rows.numbers]).T
    contrasts, least = bodies.contrasts, parameters.edge_share * rows.lengths
    steepness[lit[y, x] >= (_MUCH_BRIGHTER * contrasts)[rows.numbers]] = 0
    low, high = low_slope(contrasts, um), _HIGH_SLOPE_PER_UM * SOBEL_GAIN * um * contrasts
    have = rows.count_in(steepness > high[rows.numbers]) >= least
    perhaps = rows.count_in(steepness > low[rows.numbers]) >= least
    # What lies between the two thresholds counts where it goes on from what is steeper.
    for n in np.flatnonzero(perhaps & ~have).tolist():
        edges = cv2.dilate(cv2.Canny(*bodies.slopes(n), low[n], high[n], L2gradient=True), near)
        column, row = (bodies.outlines[n] - bodies.begin[n]).T
        own = steepness[rows.starts[n] : rows.starts[n] + rows.lengths[n]] > 0
        have[n] = np.count_nonzero((edges[row, column] > 0) & own) >= least[n]
    return have


def _noise(bodies: Bodies, n: int) -> float:
    """Return by how much the resin around a body differs from one pixel to another, in the median."""
    resin = bodies.view.window.mask[bodies.boxes[n]] == 0
    light = bodies.view.window.light[bodies.boxes[n]].astype(np.int16)
    both = resin[:, _NOISE_STEP_PX:] & resin[:, :-_NOISE_STEP_PX]
    steps = np.abs(light[:, _NOISE_STEP_PX:] - light[:, :-_NOISE_STEP_PX])[both]
    # numpy's own median takes longer than the rest of a small body's work.
    return float(np.partition(steps, len(steps) // 2)[len(steps) // 2]) if len(steps) else 0.0
