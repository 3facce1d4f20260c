"""Grains cut out to the size that a network takes."""

from collections.abc import Sequence
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from napari_zircon_cnn.grains import SegmentedMount, pixel_edges
from napari_zircon_cnn.mount import PAPER_PIXEL_SIZE_UM
from napari_zircon_cnn.progress import Progress, silent

_CANVASES_AT_ONCE = 32


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
    side = box_side_px(settings, mount.pixel_size_um)
    places = _places(pixel_edges(segmented.table, which, mount.pixel_size_um), side)
    crops = np.empty((len(which), settings.size_px, settings.size_px, 1), np.float32)
    # A small canvas is enlarged, which would mix it with its neighbour's edge.
    at_once = _CANVASES_AT_ONCE if side >= settings.size_px else 1
    canvases = np.empty((at_once, side, side), np.float32)
    for start in range(0, len(which), at_once):
        progress(start / len(which), f"cut {start} of {len(which)} crops")
        chunk = range(start, min(start + at_once, len(which)))
        canvases.fill(0)
        for canvas, n in zip(canvases, chunk, strict=False):
            top, left, height, width, down, right = places[n]
            source = slice(top, top + height), slice(left, left + width)
            target = canvas[down : down + height, right : right + width]
            target[...] = mount.image[source]
            if settings.masked:
                target *= labels[source] == which[n]
        crops[chunk.start : chunk.stop, :, :, 0] = _shrunk(canvases[: len(chunk)], settings)
    progress(1.0, f"cut {len(which)} crops")
    crops /= np.float32(mount.white)
    return np.clip(crops, 0, 1, out=crops)


def box_side_px(settings: CropSettings, pixel_size_um: float) -> int:
    """Return the edge of the square that is cut around a grain, in px of the mosaic."""
    return max(1, round(settings.box_um / pixel_size_um))


def canvas_corners(edges: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return the mosaic's row and column at the first pixel of squares cut around boxes.

    Parameters
    ----------
    edges
        Top, bottom, left and right of the boxes, shape (n, 4), in px; see `grains.pixel_edges`.
    side
        Edge of the squares in px.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Negative where a square reaches beyond the mosaic.
    """
    places = np.array(_places(edges, side), np.int64).reshape(-1, 6)
    return places[:, :2] - places[:, 4:]


def _places(edges: NDArray[np.int64], side: int) -> list[list[int]]:
    """Return which part of each box falls on a square canvas around its middle, and where on the canvas.

    Each is top, left, height and width in the mosaic, then top and left on the canvas, in px.
    """
    starts, stops = edges[:, 0::2], edges[:, 1::2]
    kept = np.minimum(stops - starts, side)
    first = starts + (stops - starts - kept) // 2
    places: list[list[int]] = np.hstack([first, kept, (side - kept) // 2]).tolist()
    return places


def _shrunk(canvases: NDArray[np.float32], settings: CropSettings) -> NDArray[np.float32]:
    """Return canvases (n, side, side) as crops (n, size_px, size_px).

    One below the other they are resized in one go: the factor is the same, and no point that is
    looked up lies nearer to a canvas's edge than half of its own spacing.
    """
    n, side, _ = canvases.shape
    reference = max(settings.size_px, round(settings.box_um / settings.resampling_um))
    column: Any = canvases.reshape(n * side, side)
    if side > reference:
        column = cv2.resize(column, (reference, n * reference), interpolation=cv2.INTER_AREA)
    size = settings.size_px
    column = cv2.resize(column, (size, n * size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(column).reshape(n, size, size)
