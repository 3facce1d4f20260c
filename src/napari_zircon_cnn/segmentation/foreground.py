"""What is brighter than half of its neighbourhood's brightest: a test of each pixel by its surroundings.

Nothing here looks further than `reach_px`, so that a pixel's answer is the same in any window that holds it.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import GREY_SCALE, Background, Region, scaled_grey

_BLUR_UM = 1.4


@dataclass(frozen=True)
class Scale:
    """The filters' sizes at a mount's pixel size.

    Parameters
    ----------
    blur_px
        Standard deviation of the smoothing.
    edge_px
        Radius of the disc in which the brightest pixel is looked for.
    """

    blur_px: float
    edge_px: int

    @classmethod
    def of(cls, pixel_size_um: float, parameters: AdaptiveParameters) -> "Scale":
        """Return the sizes at a pixel size."""
        return cls(_BLUR_UM / pixel_size_um, max(round(parameters.edge_um / pixel_size_um), 2))

    @property
    def blur_reach_px(self) -> int:
        """How far the smoothing looks."""
        return max(math.ceil(3 * self.blur_px), 1)

    @property
    def reach_px(self) -> int:
        """How far a pixel's answer looks."""
        return self.edge_px + self.blur_reach_px + 1


@dataclass(frozen=True, eq=False)
class Window:
    """What is known of each pixel of a part of the mosaic, in sixteenths of an 8-bit grey level.

    Parameters
    ----------
    region
        The part of the mosaic.
    light
        Smoothed brightness above the resin.
    brightest
        The brightest that lies within the edge's width, above the resin.
    mask
        1 where the light is more than half of the brightest, and the contrast suffices.
    """

    region: Region
    light: NDArray[np.uint16]
    brightest: NDArray[np.uint16]
    mask: NDArray[np.uint8]


def look_at(
    mount: Mount, region: Region, background: Background, scale: Scale, parameters: AdaptiveParameters
) -> Window:
    """Tell foreground from background in a part of the mosaic.

    Parameters
    ----------
    mount
        The mosaic.
    region
        The part, with starts and stops within the mosaic.
    background
        The resin's brightness, measured for a region that includes this one and the filters' reach.
    scale
        The filters' sizes.
    parameters
        The method's parameters.

    Returns
    -------
    Window
        What is known of the pixels; it does not depend on the region.
    """
    reach = scale.reach_px
    outer = grown(region, reach, mount.image.shape)
    inner = tuple(
        slice(side.start - wide.start, side.stop - wide.start)
        for side, wide in zip(region, outer, strict=True)
    )
    grey = scaled_grey(mount, outer)
    resin = background.within(outer)
    size = 2 * scale.blur_reach_px + 1
    light: Any = cv2.subtract(cv2.GaussianBlur(grey, (size, size), scale.blur_px)[inner], resin[inner])
    # Specks of a single pixel are detector noise; they would set the measure around them.
    sound = cv2.subtract(cv2.medianBlur(grey, 3), resin)
    brightest: Any = cv2.dilate(sound, _disc(scale.edge_px))
    brightest = brightest[inner]
    mask = light * np.uint16(2) > brightest
    mask &= brightest > int(parameters.contrast * GREY_SCALE)
    return Window(region, light, brightest, mask.view(np.uint8))


def _disc(radius_px: int) -> NDArray[np.uint8]:
    """Return a disc that is the same turned by 90°, which OpenCV's is not."""
    rows, columns = np.indices((2 * radius_px + 1, 2 * radius_px + 1)) - radius_px
    return (rows**2 + columns**2 <= radius_px**2 + 1).astype(np.uint8)


def grown(region: Region, by_px: int, shape: tuple[int, ...]) -> Region:
    """Return a region with a margin, as far as the mosaic goes."""
    rows, columns = (
        slice(max(side.start - by_px, 0), min(side.stop + by_px, length))
        for side, length in zip(region, shape, strict=True)
    )
    return rows, columns
