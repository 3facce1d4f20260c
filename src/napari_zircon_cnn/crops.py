"""Grains cut out to the size that a network takes."""

from collections.abc import Sequence
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from napari_zircon_cnn.grains import SegmentedMount, pixel_boxes
from napari_zircon_cnn.mount import PAPER_PIXEL_SIZE_UM
from napari_zircon_cnn.progress import Progress, silent

_REPORT_EVERY = 1000


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CropSettings:
    """The geometry of a crop; the defaults are those of Nathwani et al. (2023).

    Parameters
    ----------
    box_um
        Edge of the square, in µm, that is cut around the middle of a grain's bounding box.
    size_px
        Edge of the crop that the network takes.
    masked
        Whether all that is not the grain itself is black. Otherwise its whole bounding box is
        kept, as in the paper.
    resampling_um
        Pixel size that a finer mosaic is averaged to before the crop is made small, so that
        one grain gives one crop whatever the mosaic's pixel size.
    """

    box_um: Annotated[float, Field(gt=0, le=10_000)] = 180.0
    size_px: Annotated[int, Field(ge=8, le=1024)] = 32
    masked: bool = False
    resampling_um: Annotated[float, Field(gt=0, le=1000)] = PAPER_PIXEL_SIZE_UM


def cut_crops(
    segmented: SegmentedMount,
    which: Sequence[int] | NDArray[np.int64],
    settings: CropSettings | None = None,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Cut grains out of a mount.

    The bounding box is cut or padded with black about its middle to `box_um`, then resized
    with bilinear interpolation and no smoothing, as the paper's pipeline does.

    Parameters
    ----------
    segmented
        The mosaic with its label image and grain table.
    which
        The labels of the grains, shape (n,).
    settings
        The paper's geometry by default.
    progress
        Told of the grains cut; may raise `Cancelled`.

    Returns
    -------
    ndarray of float32, shape (n, size_px, size_px, 1)
        The crops, in the order of `which`; black is 0, the mount's white is 1.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, section 2.1.
    """
    settings = settings or CropSettings()
    mount, labels = segmented.mount, segmented.labels
    side = max(1, round(settings.box_um / mount.pixel_size_um))
    crops = np.empty((len(which), settings.size_px, settings.size_px, 1), np.float32)
    canvas = np.zeros((side, side), np.float32)
    boxes = pixel_boxes(segmented.table, which, mount.pixel_size_um)
    for n, (label, box) in enumerate(zip(which, boxes, strict=True)):
        source, target = _centred(box, side)
        canvas.fill(0)
        canvas[target] = mount.image[source]
        if settings.masked:
            canvas[target] *= labels[source] == label
        _shrink(canvas, settings, crops[n, :, :, 0])
        if n % _REPORT_EVERY == 0:
            progress(n / len(which), f"cut {n} of {len(which)} crops")
    progress(1.0, f"cut {len(which)} crops")
    crops /= np.float32(mount.white)
    return np.clip(crops, 0, 1, out=crops)


def _centred(box: tuple[slice, slice], side: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return which part of a box falls on a square canvas around its middle, and where on the canvas."""
    source, target = [], []
    for extent in box:
        length = extent.stop - extent.start
        kept = min(length, side)
        start = extent.start + (length - kept) // 2
        source.append(slice(start, start + kept))
        target.append(slice((side - kept) // 2, (side - kept) // 2 + kept))
    return (source[0], source[1]), (target[0], target[1])


def _shrink(canvas: NDArray[Any], settings: CropSettings, crop: NDArray[np.float32]) -> None:
    reference = max(settings.size_px, round(settings.box_um / settings.resampling_um))
    if canvas.shape[0] > reference:
        canvas = np.asarray(cv2.resize(canvas, (reference, reference), interpolation=cv2.INTER_AREA))
    cv2.resize(canvas, (settings.size_px, settings.size_px), dst=crop, interpolation=cv2.INTER_LINEAR)
