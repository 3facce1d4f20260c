"""A mosaic tile by tile, with an answer that does not depend on the tiles.

Each tile looks at a window somewhat larger than itself. A body of foreground that reaches the window's
border is looked at again in a window of its own. It belongs to the tile that holds its first pixel, so that
each body is worked on once, whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import Background, Region, background_of
from napari_zircon_cnn.segmentation.foreground import Scale, Window, grown, look_at
from napari_zircon_cnn.segmentation.objects import MARGIN_UM, SMALLEST_OBJECT_UM, Body

LARGEST_BODY_UM = 3000.0
"""What is longer is a frame of the mosaic or a lit tile, not a grain; a window never has to be larger."""

_MARGIN_UM = 160.0
_LEFT, _TOP, _WIDTH, _HEIGHT, _AREA = range(5)


def margin_px(pixel_size_um: float, parameters: AdaptiveParameters) -> int:
    """Return how far beyond a tile its window and the filters look."""
    return max(round(_MARGIN_UM / pixel_size_um), 1) + Scale.of(pixel_size_um, parameters).reach_px


@dataclass(frozen=True, eq=False)
class Search:
    """What the search for grains in any part of a mosaic needs.

    Parameters
    ----------
    mount
        The mosaic.
    region
        The part that is searched; a body that reaches into it is found.
    background
        The resin's brightness in the part and `margin_px` around it.
    parameters
        The method's parameters.
    """

    mount: Mount
    region: Region
    background: Background
    parameters: AdaptiveParameters

    @property
    def scale(self) -> Scale:
        """The filters' sizes."""
        return Scale.of(self.mount.pixel_size_um, self.parameters)

    def look(self, region: Region) -> Window:
        """Tell foreground from background in a part of the mosaic, which may lie beyond what is searched."""
        background = self.background
        around = grown(region, self.scale.reach_px, self.mount.image.shape)
        if not background.covers(around):
            background = background_of(self.mount, around, self.parameters.background_um)
        return look_at(self.mount, region, background, self.scale, self.parameters)

    def px(self, length_um: float) -> int:
        """Return a length in whole pixels."""
        return max(round(length_um / self.mount.pixel_size_um), 1)


def tiles_of(region: Region, tile_px: int) -> list[Region]:
    """Cut a region into tiles, from top to bottom and left to right."""
    rows, columns = (
        [slice(start, min(start + tile_px, side.stop)) for start in range(side.start, side.stop, tile_px)]
        for side in region
    )
    return [(row, column) for row in rows for column in columns]


def bodies_in(tile: Region, search: Search) -> list[Body]:
    """Return the bodies of foreground whose first pixel within the searched region lies in a tile."""
    region = grown(tile, search.px(_MARGIN_UM), search.mount.image.shape)
    window = search.look(region)
    return [body for body, first in _bodies(window, tile, search) if _holds(tile, first)]


def _bodies(window: Window, tile: Region, search: Search) -> Iterator[tuple[Body, tuple[int, int]]]:
    labels, stats = _connected(window.mask)
    top, left = (side.start for side in window.region)
    begins = stats[:, [_TOP, _LEFT]] + (top, left)
    ends = begins + stats[:, [_HEIGHT, _WIDTH]]
    cut = np.zeros(len(stats), bool)
    margin = search.px(MARGIN_UM)
    here = np.ones(len(stats), bool)
    for axis, (side, part, length) in enumerate(
        zip(window.region, tile, search.mount.image.shape, strict=True)
    ):
        here &= (begins[:, axis] < part.stop) & (ends[:, axis] > part.start)
        cut |= (begins[:, axis] < side.start + margin) & (side.start > 0)
        cut |= (ends[:, axis] > side.stop - margin) & (side.stop < length)
    # A body of fewer pixels is shorter than any grain, whatever its shape.
    large = stats[:, _AREA] >= search.px(SMALLEST_OBJECT_UM)
    here &= stats[:, [_WIDTH, _HEIGHT]].max(axis=1) <= search.px(LARGEST_BODY_UM)
    here[0] = False
    for label in np.flatnonzero(here & (large | cut)):
        box = grown(
            (slice(begins[label, 0], ends[label, 0]), slice(begins[label, 1], ends[label, 1])),
            margin,
            search.mount.image.shape,
        )
        if cut[label]:
            row = stats[label, _TOP]
            seed = (top + row, left + int((labels[row] == label).argmax()))
            whole = _looked_at_whole(box, seed, search)
            if whole is not None:
                yield whole
        else:
            yield _body(window, labels, int(label), box, search.region)


def _looked_at_whole(
    box: Region, seed: tuple[int, int], search: Search
) -> tuple[Body, tuple[int, int]] | None:
    """Return the body that a pixel belongs to, however far it reaches, unless it is no grain."""
    shape = search.mount.image.shape
    largest_px = search.px(LARGEST_BODY_UM)
    margin = search.px(_MARGIN_UM)
    while True:
        region = grown(box, margin, shape)
        window = search.look(region)
        labels, stats = _connected(window.mask)
        top, left = (side.start for side in region)
        label = int(labels[seed[0] - top, seed[1] - left])
        x, y, width, height, _ = stats[label]
        if max(width, height) > largest_px:
            return None
        body = (slice(top + y, top + y + height), slice(left + x, left + x + width))
        box = grown(body, search.px(MARGIN_UM), shape)
        if all(
            (inner.start > outer.start or outer.start == 0)
            and (inner.stop < outer.stop or outer.stop == length)
            for inner, outer, length in zip(box, region, shape, strict=True)
        ):
            return _body(window, labels, label, box, search.region)
        margin *= 2


def _connected(mask: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the labels of a mask's bodies, and their boxes and areas as OpenCV gives them."""
    found: Any = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    return found[1], found[2]


def _body(
    window: Window, labels: NDArray[np.int32], label: int, box: Region, searched: Region
) -> tuple[Body, tuple[int, int]]:
    """Return a body of a window and its first pixel within the searched region."""
    top, left = (side.start for side in window.region)
    rows, columns = box
    crop = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    mask = (labels[crop] == label).view(np.uint8)
    body = Body(
        rows.start, columns.start, mask, window.mask[crop], window.light[crop], window.brightest[crop]
    )
    above, before = (max(part.start - side.start, 0) for side, part in zip(box, searched, strict=True))
    within = mask[above : searched[0].stop - rows.start, before : searched[1].stop - columns.start]
    if not within.any():
        return body, (-1, -1)
    row, column = divmod(int(within.argmax()), within.shape[1])
    return body, (rows.start + above + row, columns.start + before + column)


def _holds(tile: Region, pixel: tuple[int, int]) -> bool:
    return all(side.start <= at < side.stop for side, at in zip(tile, pixel, strict=True))
