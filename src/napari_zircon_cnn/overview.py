"""A picture of a whole mosaic with the outlines of its grains, small enough for a page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.figures import viridis
from napari_zircon_cnn.flags import Box
from napari_zircon_cnn.grains import SegmentedMount, existing, pixel_boxes
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.scratch import release

LONG_SIDE_PX = 1600
"""Long side of the picture."""

UNCLASSIFIED_COLOUR = (255, 255, 255)
REJECTED_COLOUR = (165, 165, 165)

_LARGEST_MAGNIFICATION = 4.0
_ROWS_AT_A_TIME = 64
_PIXELS_AT_A_TIME = 2**25
# CL responses lie mostly near black: without a gamma a dim grain cannot be told from the resin.
_GAMMA = 0.7
_BRIGHTEST_PERCENTILE = 99.9
# A pale rim in the line's own hue: viridis starts with a purple that black would swallow.
_CASING_TINT = 0.4
_DASH_PX = 5.0
_WIDEST_LINE_PX = 3
_GRAIN_PX_PER_LINE_PX = 14.0
# Fixed-point coordinates for OpenCV: lines fall where they belong to 1/16 of a pixel.
_SHIFT = 4


@dataclass(frozen=True, eq=False)
class Overview:
    """A mosaic made small, with its grains outlined.

    Parameters
    ----------
    picture
        Red, green and blue, shape (rows, columns, 3).
    scale
        Pixels of the picture for one pixel of the mosaic.
    """

    picture: NDArray[np.uint8]
    scale: float


@dataclass(frozen=True)
class ScaleBar:
    """A scale bar of a round length.

    Parameters
    ----------
    length_um
        1, 2 or 5 times a power of ten.
    share
        The bar's length as a share of the picture's width.
    """

    length_um: float
    share: float

    @property
    def text(self) -> str:
        """The length with its unit: mm from 1000 µm on."""
        return f"{self.length_um / 1000:g} mm" if self.length_um >= 1000 else f"{self.length_um:g} µm"


def scale_bar(mount: Mount, at_most: float = 0.2) -> ScaleBar:
    """Return the longest round scale bar that takes no more than a share of the mosaic's width.

    Parameters
    ----------
    mount
        The mosaic.
    at_most
        The largest share of the width.

    Returns
    -------
    ScaleBar
        Its length in µm and as a share of the width.
    """
    width_um = mount.image.shape[1] * mount.pixel_size_um
    power = 10.0 ** math.floor(math.log10(at_most * width_um))
    length_um = max(step * power for step in (1, 2, 5) if step * power <= at_most * width_um)
    return ScaleBar(length_um, length_um / width_um)


def draw_overview(segmented: SegmentedMount, long_side_px: int = LONG_SIDE_PX) -> Overview:
    """Draw a mosaic with the outlines of its grains.

    An outline is viridis by the grain's probability, white where the grain was not classified,
    and dashed grey where it was rejected.

    Parameters
    ----------
    segmented
        The mosaic with its label image and grain table.
    long_side_px
        Long side of the picture.

    Returns
    -------
    Overview
        The picture; a small mosaic is magnified up to four times.
    """
    shape = segmented.mount.image.shape
    scale = min(_LARGEST_MAGNIFICATION, long_side_px / max(shape))
    picture = np.repeat(_small_mosaic(segmented.mount, scale)[..., None], 3, axis=2)
    which = existing(segmented.table)
    table = segmented.table.loc[which]
    probabilities = table["probability"].to_numpy(np.float64)
    colours = viridis(np.nan_to_num(probabilities))
    colours[np.isnan(probabilities)] = UNCLASSIFIED_COLOUR
    rejected = (table["status"] == REJECTED).to_numpy()
    width = _line_width(_typical_size_px(segmented, which) * scale)
    outlines = [
        [_scaled(outline, scale) for outline in outlines]
        for outlines in _outlines(segmented.labels, which, segmented)
    ]
    for grain in np.flatnonzero(rejected):
        dashes = [dash for outline in outlines[grain] for dash in _dashes(outline)]
        _draw(picture, dashes, REJECTED_COLOUR, 1, closed=False)
    accepted = np.flatnonzero(~rejected)
    for grain in accepted:
        casing = colours[grain] + _CASING_TINT * (255.0 - colours[grain])
        _draw(picture, outlines[grain], tuple(casing.tolist()), width + 2)
    for grain in accepted:
        _draw(picture, outlines[grain], tuple(colours[grain].tolist()), width)
    return Overview(picture, scale)


def _small_mosaic(mount: Mount, scale: float) -> NDArray[np.uint8]:
    """Return the mosaic made small and bright enough to see dim grains, as uint8."""
    rows, columns = mount.image.shape
    target = max(1, round(rows * scale)), max(1, round(columns * scale))
    small = np.empty(target, np.float32)
    step = min(_ROWS_AT_A_TIME, max(int(_PIXELS_AT_A_TIME * scale / columns), 1)) if scale < 1 else target[0]
    # Strip by strip, so that of a large mosaic there is never a second copy.
    for start in range(0, target[0], step):
        stop = min(start + step, target[0])
        source = slice(start * rows // target[0], max(stop * rows // target[0], 1))
        strip = mount.unit_values((source, slice(None)))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small[start:stop] = cv2.resize(strip, (target[1], stop - start), interpolation=method)
        release(mount.image)
    return _brightened(small)


def _brightened(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    lit = grey[grey > 0]
    if not lit.size:
        return np.zeros(grey.shape, np.uint8)
    brightest = np.float32(np.percentile(lit, _BRIGHTEST_PERCENTILE))
    stretched = np.clip(grey / brightest, 0, 1) ** np.float32(_GAMMA)
    bright: NDArray[np.uint8] = np.rint(255 * stretched).astype(np.uint8)
    return bright


def _typical_size_px(segmented: SegmentedMount, which: NDArray[np.int64]) -> float:
    if not len(which):
        return 0.0
    diameters_um = segmented.table.loc[which, "equivalent_diameter_um"]
    return float(diameters_um.median()) / segmented.mount.pixel_size_um


def _line_width(grain_px: float) -> int:
    return int(np.clip(grain_px / _GRAIN_PX_PER_LINE_PX, 1, _WIDEST_LINE_PX))


def _outlines(
    labels: NDArray[np.int32], which: NDArray[np.int64], segmented: SegmentedMount
) -> Iterator[list[NDArray[np.float64]]]:
    """Yield each grain's outlines, one for each of its pieces, shape (n, 2) as x and y in mosaic pixels."""
    boxes: list[Box] = pixel_boxes(segmented.table, which, segmented.mount.pixel_size_um)
    for label, box in zip(which, boxes, strict=True):
        mask = (labels[box] == label).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        corner = np.array([box[1].start, box[0].start])
        yield [np.asarray(contour)[:, 0] + corner.astype(np.float64) for contour in contours]


def _scaled(outline: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    # A pixel's centre lies half a pixel from its edge, in the mosaic and in the picture.
    return (outline + 0.5) * scale - 0.5


def _dashes(outline: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return every other stretch of a closed outline."""
    closed = np.concatenate([outline, outline[:1]])
    steps = np.hypot(*np.diff(closed, axis=0).T)
    distance = np.concatenate([[0.0], np.cumsum(steps)])
    ends = np.arange(0.0, distance[-1] + _DASH_PX, _DASH_PX)
    points = np.stack([np.interp(ends, distance, closed[:, axis]) for axis in (0, 1)], axis=1)
    return [points[start : start + 2] for start in range(0, len(points) - 1, 2)]


def _draw(
    picture: NDArray[np.uint8],
    lines: list[NDArray[np.float64]],
    colour: tuple[Any, ...],
    width: int,
    *,
    closed: bool = True,
) -> None:
    fixed = [np.rint(line * 2**_SHIFT).astype(np.int32) for line in lines]
    cv2.polylines(picture, fixed, closed, colour, width, cv2.LINE_AA, _SHIFT)
