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
    MARGIN_UM,
    SMALLEST_OBJECT_UM,
    Body,
    Slopes,
    low_slope,
    square,
)
from napari_zircon_cnn.segmentation.ragged import Rows
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
    bodies
        The number of the body of foreground that a pixel is in, from 1; 0 in none.
    outlines
        Of the bodies, as OpenCV gives them: x and y in the window, shape (n, 2) each.
    contrasts
        By how much each body is brighter than the resin: the median of the brightest along its outline.
    steepness
        Along each outline the steepest slope on a Canny edge at a pixel or beside it; 0 where there is none.
    """

    window: Window
    slopes: Slopes
    bodies: NDArray[np.int32]
    outlines: list[NDArray[np.int32]]
    contrasts: NDArray[np.float64]
    steepness: list[NDArray[np.uint16]]


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
        least = low_slope(self.parameters.contrast * GREY_SCALE, self.mount.pixel_size_um)
        steepness: Any = cv2.dilate(_edges(slopes, least), square(GAP_UM, self.mount.pixel_size_um))
        found: Any
        found, hierarchy = cv2.findContours(window.mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        # What has a parent is the outline of a hole.
        outer = np.flatnonzero(hierarchy[0, :, 3] < 0).tolist() if found else ()
        outlines = [np.asarray(found[n]).reshape(-1, 2) for n in outer]
        bodies: Any = cv2.connectedComponents(window.mask)[1]
        if not outlines:
            return View(window, slopes, bodies, [], np.zeros(0), [])
        x, y = np.concatenate(outlines).T
        rows = Rows.of(outlines)
        contrasts = _medians(window.brightest[y, x], rows)
        return View(window, slopes, bodies, outlines, contrasts, np.split(steepness[y, x], rows.starts[1:]))

    def view_around(self, tile: Region) -> View:
        """Look at a tile and as far around it as most grains reach."""
        return self.view(grown(tile, self.px(_MARGIN_UM), self.mount.image.shape))

    def px(self, length_um: float) -> int:
        """Return a length in whole pixels."""
        return max(round(length_um / self.mount.pixel_size_um), 1)


def _edges(slopes: Slopes, least: float) -> NDArray[np.uint16]:
    """Return the slope along Canny's edges, 0 elsewhere; what is less steep is no edge."""
    steepness = np.zeros(slopes[0].shape, np.uint16)
    at = np.flatnonzero(cv2.Canny(*slopes, least, least, L2gradient=True) > 0)
    right, down = (slope.ravel()[at].astype(np.int32) for slope in slopes)
    steepness.ravel()[at] = np.sqrt((right * right + down * down).astype(np.float32))
    return steepness


def _medians(values: NDArray[np.uint16], rows: Rows) -> NDArray[np.float64]:
    """Return the upper median of each row."""
    in_order = np.sort(rows.numbers.astype(np.int64) << 16 | values)
    return np.asarray(in_order[rows.starts + rows.lengths // 2] & 0xFFFF, np.float64)


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
    if not view.outlines:
        return
    shape, margin = search.mount.image.shape, search.px(MARGIN_UM)
    corner = np.array([side.start for side in view.window.region[::-1]])
    boxes = np.array([cv2.boundingRect(outline) for outline in view.outlines])
    begin, end = boxes[:, :2] + corner, boxes[:, :2] + boxes[:, 2:] + corner
    # An outline begins with the body's first pixel; a body may reach beyond the region, though.
    first = np.array([outline[0] for outline in view.outlines]) + corner
    reaches = boxes[:, 2:].max(axis=1) <= search.px(LARGEST_BODY_UM)
    is_inside = np.ones(len(boxes), bool)
    is_held = np.ones(len(boxes), bool)
    is_whole = np.ones(len(boxes), bool)
    sides = zip(view.window.region[::-1], tile[::-1], search.region[::-1], shape[::-1], strict=True)
    for axis, (side, part, searched, length) in enumerate(sides):
        reaches &= (begin[:, axis] < part.stop) & (end[:, axis] > part.start)
        is_inside &= (begin[:, axis] >= searched.start) & (end[:, axis] <= searched.stop)
        is_held &= (first[:, axis] >= part.start) & (first[:, axis] < part.stop)
        # The slopes at the window's border are not those of the mosaic.
        is_whole &= (begin[:, axis] - margin > side.start) | (side.start == 0)
        is_whole &= (end[:, axis] + margin < side.stop) | (side.stop == length)
    # A body with a shorter outline is shorter than any grain, whatever its shape.
    lengths = np.array([len(outline) for outline in view.outlines])
    is_worth_it = (lengths >= 2 * search.px(SMALLEST_OBJECT_UM)) & ~(is_inside & ~is_held)
    for n in np.flatnonzero(reaches & (is_worth_it | ~is_whole)).tolist():
        body = _body(n, view, search) if is_whole[n] else _looked_at_whole(view.outlines[n], view, search)
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
        x, y = first - [side.start for side in region[::-1]]
        mask = (view.bodies == view.bodies[y, x]).view(np.uint8)
        outline = longest_outline(mask)
        if max(cv2.boundingRect(outline)[2:]) > longest_px:
            return None
        if _is_within(_box(outline, view, search), region, shape):
            start = outline[0].tolist()
            return _body([one[0].tolist() for one in view.outlines].index(start), view, search)
        margin *= 2


def _body(n: int, view: View, search: Search) -> Body:
    """Return a body of a view."""
    outline = view.outlines[n]
    rows, columns = _box(outline, view, search)
    top, left = rows.start - view.window.region[0].start, columns.start - view.window.region[1].start
    crop = (slice(top, top + rows.stop - rows.start), slice(left, left + columns.stop - columns.start))
    mask = (view.bodies[crop] == view.bodies[outline[0, 1], outline[0, 0]]).view(np.uint8)
    return Body(
        rows.start,
        columns.start,
        mask,
        outline - np.array([left, top], np.int32),
        view.window.mask[crop] ^ mask,
        view.window.light[crop],
        (view.slopes[0][crop], view.slopes[1][crop]),
        float(view.contrasts[n]),
        view.steepness[n],
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
