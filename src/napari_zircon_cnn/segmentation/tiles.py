"""A mosaic tile by tile, with an answer that does not depend on the tiles.

Each tile looks at a window somewhat larger than itself. A body of foreground that comes near the window's
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
from napari_zircon_cnn.segmentation.background import GREY_SCALE, Background, Region, background_of
from napari_zircon_cnn.segmentation.foreground import Scale, Window, grown, look_at
from napari_zircon_cnn.segmentation.objects import (
    GAP_UM,
    LOW_SLOPE_PER_UM,
    MARGIN_UM,
    SMALLEST_OBJECT_UM,
    SOBEL_GAIN,
    Body,
    Slopes,
    square,
)
from napari_zircon_cnn.segmentation.splitting import longest_outline

LARGEST_BODY_UM = 3000.0
"""What is longer is a frame of the mosaic or a lit tile, not a grain; a window never has to be larger."""

_MARGIN_UM = 160.0


def margin_px(pixel_size_um: float, parameters: AdaptiveParameters) -> int:
    """Return how far beyond a tile its window and the filters look."""
    return max(round(_MARGIN_UM / pixel_size_um), 1) + Scale.of(pixel_size_um, parameters).reach_px


@dataclass(frozen=True, eq=False)
class View:
    """A window and what follows from it at once, all bodies together.

    Parameters
    ----------
    window
        What is known of its pixels.
    slopes
        The light's slopes to the right and downward, as Sobel's filter gives them.
    steepness
        The steepest slope on a Canny edge at a pixel or beside it; 0 where there is none.
    outlines
        Of the bodies of foreground, as OpenCV gives them: shape (n, 1, 2), x and y in the window.
    """

    window: Window
    slopes: Slopes
    steepness: NDArray[np.uint16]
    outlines: list[NDArray[np.int32]]


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

    def view(self, region: Region) -> View:
        """Look at a part of the mosaic, and find the outlines and slopes in it."""
        window = self.look(region)
        light = window.light.view(np.int16)
        slopes: Any = (cv2.Sobel(light, cv2.CV_16S, 1, 0), cv2.Sobel(light, cv2.CV_16S, 0, 1))
        # No body's contrast is lower, so that edges less steep than this are none of a body.
        contrast = self.parameters.contrast * GREY_SCALE
        edges = _edges(slopes, LOW_SLOPE_PER_UM * contrast * SOBEL_GAIN * self.mount.pixel_size_um)
        steepness: Any = cv2.dilate(edges, square(GAP_UM, self.mount.pixel_size_um))
        found: Any
        found, hierarchy = cv2.findContours(window.mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        # What has a parent is the outline of a hole.
        outer = np.flatnonzero(hierarchy[0, :, 3] < 0).tolist() if found else ()
        return View(window, slopes, steepness, [np.asarray(found[n]).reshape(-1, 2) for n in outer])

    def view_around(self, tile: Region) -> View:
        """Look at a tile and as far around it as most grains reach."""
        return self.view(grown(tile, self.px(_MARGIN_UM), self.mount.image.shape))

    def px(self, length_um: float) -> int:
        """Return a length in whole pixels."""
        return max(round(length_um / self.mount.pixel_size_um), 1)


def _edges(slopes: Slopes, least: float) -> NDArray[np.uint16]:
    """Return the slope along Canny's edges, 0 elsewhere; what is less steep is no edge."""
    steepness = np.zeros(slopes[0].shape, np.uint16)
    edges = cv2.findNonZero(cv2.Canny(*slopes, least, least, L2gradient=True))
    if edges is not None:
        x, y = edges.reshape(-1, 2).T
        steepness[y, x] = np.hypot(slopes[0][y, x], slopes[1][y, x], dtype=np.float32)
    return steepness


def tiles_of(region: Region, tile_px: int) -> list[Region]:
    """Cut a region into tiles, from top to bottom and left to right."""
    rows, columns = (
        [slice(start, min(start + tile_px, side.stop)) for start in range(side.start, side.stop, tile_px)]
        for side in region
    )
    return [(row, column) for row in rows for column in columns]


def bodies_in(tile: Region, view: View, search: Search) -> Iterator[Body]:
    """Yield the bodies of foreground whose first pixel within the searched region lies in a tile.

    Parameters
    ----------
    tile
        Rows and columns of the tile.
    view
        What `Search.view_around` gives for the tile.
    search
        What is searched.

    Yields
    ------
    Body
        Whole, however far it reaches beyond the tile.
    """
    shape, margin = search.mount.image.shape, search.px(MARGIN_UM)
    shortest_px = 2 * search.px(SMALLEST_OBJECT_UM)
    found = np.array([cv2.boundingRect(outline) for outline in view.outlines]).reshape(-1, 4)
    reaches = found[:, 2:].max(axis=1) <= search.px(LARGEST_BODY_UM)
    is_whole = np.ones(len(found), bool)
    for start, size, side, part, length in zip((1, 0), (3, 2), view.window.region, tile, shape, strict=True):
        begin, end = side.start + found[:, start], side.start + found[:, start] + found[:, size]
        reaches &= (begin < part.stop) & (end > part.start)
        # The slopes at the window's border are not those of the mosaic.
        is_whole &= (begin - margin > side.start) | (side.start == 0)
        is_whole &= (end + margin < side.stop) | (side.stop == length)
    for n in np.flatnonzero(reaches).tolist():
        outline = view.outlines[n]
        body: Body | None = None
        if not is_whole[n]:
            body = _looked_at_whole(outline, view, search)
        # A body with a shorter outline is shorter than any grain, whatever its shape.
        elif len(outline) >= shortest_px:
            body = _body(outline, view, search)
        if body is not None and _holds(tile, _first_pixel(body, search.region)):
            yield body


def _box(outline: NDArray[np.int32], view: View, search: Search) -> Region:
    """Return the part of the mosaic that a body's outline and its margin take up."""
    top, left = (side.start for side in view.window.region)
    x, y, width, height = cv2.boundingRect(outline)
    box = (slice(top + y, top + y + height), slice(left + x, left + x + width))
    return grown(box, search.px(MARGIN_UM), search.mount.image.shape)


def _looked_at_whole(outline: NDArray[np.int32], view: View, search: Search) -> Body | None:
    """Return the body that a part of an outline belongs to, however far it reaches, unless it is no grain."""
    shape = search.mount.image.shape
    longest_px, margin = search.px(LARGEST_BODY_UM), search.px(_MARGIN_UM)
    first = np.array([side.start for side in view.window.region[::-1]]) + outline[0]
    while True:
        region = grown(_box(outline, view, search), margin, shape)
        view = search.view(region)
        mask = _filled(view.window.mask, first - [side.start for side in region[::-1]]) >> np.uint8(1)
        outline = longest_outline(mask)
        if max(cv2.boundingRect(outline)[2:]) > longest_px:
            return None
        if _is_within(_box(outline, view, search), region, shape):
            return _body(outline, view, search)
        margin *= 2


def _filled(mask: NDArray[np.uint8], start: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return a mask with a 2 instead of 1 in the body that a pixel (x, y) belongs to."""
    filled = mask.copy()
    cv2.floodFill(filled, None, (int(start[0]), int(start[1])), 2, flags=8)
    return filled


def _body(outline: NDArray[np.int32], view: View, search: Search) -> Body:
    """Return the body in a view that has an outline."""
    rows, columns = _box(outline, view, search)
    top, left = rows.start - view.window.region[0].start, columns.start - view.window.region[1].start
    crop = (slice(top, top + rows.stop - rows.start), slice(left, left + columns.stop - columns.start))
    outline = outline - np.array([left, top], np.int32)
    filled = _filled(view.window.mask[crop], outline[0])
    return Body(
        rows.start,
        columns.start,
        filled >> np.uint8(1),
        outline,
        filled & np.uint8(1),
        view.window.light[crop],
        view.window.brightest[crop],
        (view.slopes[0][crop], view.slopes[1][crop]),
        view.steepness[crop],
    )


def _first_pixel(body: Body, searched: Region) -> tuple[int, int]:
    """Return row and column of a body's first pixel within the searched region, (-1, -1) if it has none."""
    rows, columns = searched
    above, before = max(rows.start - body.top, 0), max(columns.start - body.left, 0)
    within = body.mask[above : rows.stop - body.top, before : columns.stop - body.left]
    if not within.any():
        return -1, -1
    row, column = divmod(int(within.argmax()), within.shape[1])
    return body.top + above + row, body.left + before + column


def _is_within(box: Region, region: Region, shape: tuple[int, ...]) -> bool:
    """Tell whether a box lies inside a region's border, but for where the mosaic itself ends."""
    return all(
        (inner.start > outer.start or outer.start == 0) and (inner.stop < outer.stop or outer.stop == length)
        for inner, outer, length in zip(box, region, shape, strict=True)
    )


def _holds(tile: Region, pixel: tuple[int, int]) -> bool:
    return all(side.start <= at < side.stop for side, at in zip(tile, pixel, strict=True))
