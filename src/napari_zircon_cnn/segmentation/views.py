"""A window of a mosaic and what follows from it at once, all bodies of foreground together."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import GREY_SCALE
from napari_zircon_cnn.segmentation.compiled import compiled
from napari_zircon_cnn.segmentation.foreground import Window
from napari_zircon_cnn.segmentation.ragged import Rows, upper_medians

Slopes = tuple[NDArray[np.int16], NDArray[np.int16]]

GAP_UM = 2.0
"""What is no wider is a crack in a grain, or a step from its outline to the edge beside it."""

SOBEL_GAIN = 8
"""By how much Sobel's filter gives more than the slope per pixel."""

_LOW_SLOPE_PER_UM = 0.05


@dataclass(frozen=True, eq=False)
class View:
    """A window and the bodies in it.

    Parameters
    ----------
    window
        What is known of its pixels.
    slopes
        The light's slopes to the right and downward, as Sobel's filter gives them.
    bodies
        The number of the body of foreground that a pixel is in, from 1; 0 in none.
    outlines
        Of the bodies, as OpenCV gives them: x and y in the window, shape (n, 2) each.
    rows
        Where the pixels of each outline lie in `steepness`.
    contrasts
        By how much each body is brighter than the resin: the median of the brightest along its outline.
    steepness
        Along the outlines the steepest slope on a Canny edge at a pixel or beside it; 0 where there is none.
    """

    window: Window
    slopes: Slopes
    bodies: NDArray[np.int32]
    outlines: list[NDArray[np.int32]]
    rows: Rows
    contrasts: NDArray[np.float64]
    steepness: NDArray[np.uint16]


def low_slope(contrast: Any, pixel_size_um: float) -> Any:
    """Return the slope below which nothing is an edge of a body, as Sobel's filter gives it."""
    return _LOW_SLOPE_PER_UM * SOBEL_GAIN * pixel_size_um * contrast


def view_of(window: Window, pixel_size_um: float, parameters: AdaptiveParameters) -> View:
    """Find the outlines and slopes in a window.

    Parameters
    ----------
    window
        What is known of its pixels.
    pixel_size_um
        Edge of a pixel.
    parameters
        Of the method.

    Returns
    -------
    View
        The bodies, by their outlines.
    """
    light = window.light.view(np.int16)
    slopes: Any = (cv2.Sobel(light, cv2.CV_16S, 1, 0), cv2.Sobel(light, cv2.CV_16S, 0, 1))
    # No body's contrast is lower, so that edges less steep than this are none of a body.
    least = low_slope(parameters.contrast * GREY_SCALE, pixel_size_um)
    right, down = slopes
    edges: Any = cv2.Canny(right, down, least, least, L2gradient=True)
    found: Any
    found, hierarchy = cv2.findContours(window.mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    # What has a parent is the outline of a hole.
    outer = np.flatnonzero(hierarchy[0, :, 3] < 0).tolist() if found else ()
    outlines = [np.asarray(found[n]).reshape(-1, 2) for n in outer]
    bodies: Any = cv2.connectedComponents(window.mask)[1]
    rows = Rows.of(outlines)
    along = np.concatenate([np.zeros((0, 2), np.int32), *outlines])
    brightest = window.brightest[along[:, 1], along[:, 0]]
    contrasts = upper_medians(brightest, rows.numbers, len(outlines)).astype(np.float64)
    steepness = _steepest(edges, slopes, along, max(round(GAP_UM / pixel_size_um), 1))
    return View(window, slopes, bodies, outlines, rows, contrasts, steepness)


@compiled
def _steepest(
    edges: NDArray[np.uint8],
    slopes: Slopes,
    along: NDArray[np.int32],
    radius: int,
) -> NDArray[np.uint16]:
    """Return the steepest slope on an edge in the square around each pixel along outlines."""
    right, down = slopes
    steepest = np.zeros(len(along), np.uint16)
    for n in range(len(along)):
        x, y = along[n]
        most = 0
        for row in range(max(y - radius, 0), min(y + radius + 1, edges.shape[0])):
            for column in range(max(x - radius, 0), min(x + radius + 1, edges.shape[1])):
                if edges[row, column]:
                    across, below = int(right[row, column]), int(down[row, column])
                    most = max(most, across * across + below * below)
        steepest[n] = int(math.sqrt(most))
    return steepest
