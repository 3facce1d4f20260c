"""The paper's segmentation: Canny edges, one dilation, external contours, a size gate."""

from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, silent


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CannyParameters:
    """Parameters of the preset `nathwani2023`; the defaults are the paper's.

    All lengths are in pixels, as in the paper, whatever the pixel size of the mount.

    Parameters
    ----------
    low_threshold, high_threshold
        Canny's hysteresis thresholds on the gradient of the 8-bit image.
    aperture_px
        Size of the Sobel kernel.
    dilation_px
        Edge of the square that the edges are dilated with once.
    min_side_px, max_side_px
        A grain's bounding box is wider and higher than the first and narrower and lower than
        the second, strictly.
    """

    low_threshold: Annotated[float, Field(ge=0)] = 20.0
    high_threshold: Annotated[float, Field(ge=0)] = 255.0
    aperture_px: Literal[3, 5, 7] = 3
    dilation_px: Annotated[int, Field(ge=1, le=99)] = 4
    min_side_px: Annotated[int, Field(ge=0)] = 40
    max_side_px: Annotated[int, Field(ge=1)] = 90

    @model_validator(mode="after")
    def _ordered(self) -> "CannyParameters":
        if self.low_threshold > self.high_threshold:
            raise ValueError("low_threshold must not exceed high_threshold")
        if self.min_side_px + 1 >= self.max_side_px:
            raise ValueError("max_side_px must exceed min_side_px by two or more, or no box fits between")
        return self


def segment_canny(
    mount: Mount, parameters: CannyParameters | None = None, progress: Progress = silent
) -> NDArray[np.int32]:
    """Segment a mount as Nathwani et al. (2023) did.

    Parameters
    ----------
    mount
        The mosaic.
    parameters
        The paper's by default.
    progress
        Told of each step.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        The label image: 0 is background, 1 to n the filled outlines of the kept grains from
        top to bottom. What the size gate drops is not in it.

    Raises
    ------
    ZirconError
        Where the mosaic is smaller than the smallest grain that would be kept.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, section 2.1 and notebook.
    """
    parameters = parameters or CannyParameters()
    smallest = parameters.min_side_px + 1
    if min(mount.image.shape) < smallest:
        raise ZirconError(
            f"The mosaic of {mount.sample} has {mount.image.shape[1]} x {mount.image.shape[0]} px, less than "
            f"the smallest grain that is kept ({smallest} x {smallest} px); "
            "give the whole mosaic or lower min_side_px."
        )
    progress(0.0, "finding edges")
    edges = cv2.Canny(
        mount.as_uint8(),
        parameters.low_threshold,
        parameters.high_threshold,
        apertureSize=parameters.aperture_px,
    )
    progress(0.5, "closing outlines")
    square = np.ones((parameters.dilation_px, parameters.dilation_px), np.uint8)
    edges = cv2.dilate(edges, square)
    contours, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    del edges
    progress(0.8, "keeping grains by size")
    kept = []
    for contour in contours:
        left, top, width, height = cv2.boundingRect(contour)
        if all(parameters.min_side_px < side < parameters.max_side_px for side in (width, height)):
            kept.append((top, left, contour))
    kept.sort(key=lambda found: found[:2])
    labels = np.zeros(mount.image.shape, np.int32)
    for label, (_, _, contour) in enumerate(kept, start=1):
        cv2.drawContours(labels, [contour], 0, label, thickness=cv2.FILLED)
    progress(1.0, f"{len(kept)} grains found")
    return labels
