"""A mosaic tile by tile, with an answer that does not depend on the tiles.

Each tile looks at a window somewhat larger than itself. A body of foreground that comes near the window's
border is looked at again in a window of its own. It belongs to the tile that holds its first pixel, so that
each body is worked on once, whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import Background, Region, background_of
from napari_zircon_cnn.segmentation.bodies import MARGIN_UM, SMALLEST_OBJECT_UM, Bodies
from napari_zircon_cnn.segmentation.foreground import Scale, Window, grown, look_at
from napari_zircon_cnn.segmentation.splitting import longest_outline
from napari_zircon_cnn.segmentation.views import View, view_of

LARGEST_BODY_UM = 3000.0
"""What is longer is a frame of the mosaic or a lit tile, not a grain; a window never has to be larger."""

_MARGIN_UM = 160.0


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

    def view(self, region: Region) -> View:
        """Look at a part of the mosaic, and find the outlines and slopes in it."""
        return view_of(self.look(region), self.mount.pixel_size_um, self.parameters)

    def view_around(self, tile: Region) -> View:
        """Look at a tile and as far around it as most grains reach."""
        return self.view(grown(tile, self.px(_MARGIN_UM), self.mount.image.shape))

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


def bodies_in(tile: Region, view: View, search: Search) -> Iterator[Bodies]:
    """Yield bodies of foreground whose first pixel within the searched region lies in a tile.

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
    Bodies
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
    wanted = reaches & (is_worth_it | ~is_whole)
    these = np.flatnonzero(wanted & is_whole)
    ends = boxes[these, :2], boxes[these, :2] + boxes[these, 2:]
    bodies = Bodies.of(view, these, ends, margin)
    # Of a body that reaches beyond what is searched, the first pixel within counts.
    here = is_inside[these]
    for n in np.flatnonzero(~here).tolist():
        here[n] = _holds(tile, bodies.first_pixel(n, search.region))
    yield bodies.chosen(here)
    for n in np.flatnonzero(wanted & ~is_whole).tolist():
        body = _looked_at_whole(view.outlines[n], view, search)
        if body is not None and _holds(tile, body.first_pixel(0, search.region)):
            yield body


def _box(outline: NDArray[np.int32], view: View, search: Search) -> Region:
    """Return the part of the mosaic that a body's outline and its margin take up."""
    top, left = (side.start for side in view.window.region)
    x, y, width, height = cv2.boundingRect(outline)
    box = (slice(top + y, top + y + height), slice(left + x, left + x + width))
    return grown(box, search.px(MARGIN_UM), search.mount.image.shape)


def _looked_at_whole(outline: NDArray[np.int32], view: View, search: Search) -> Bodies | None:
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
            number = [one[0].tolist() for one in view.outlines].index(outline[0].tolist())
            x, y, width, height = cv2.boundingRect(outline)
            ends = np.array([[x, y]]), np.array([[x + width, y + height]])
            return Bodies.of(view, np.array([number]), ends, search.px(MARGIN_UM))
        margin *= 2


def _is_within(box: Region, region: Region, shape: tuple[int, ...]) -> bool:
    """Tell whether a box lies inside a region's border, but for where the mosaic itself ends."""
    return all(
        (inner.start > outer.start or outer.start == 0) and (inner.stop < outer.stop or outer.stop == length)
        for inner, outer, length in zip(box, region, shape, strict=True)
    )


def _holds(tile: Region, pixel: tuple[int, int]) -> bool:
    return all(side.start <= at < side.stop for side, at in zip(tile, pixel, strict=True))
