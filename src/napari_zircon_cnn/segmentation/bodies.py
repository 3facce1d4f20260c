"""Connected bodies of foreground with their surroundings, and a grain's pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.background import Region
from napari_zircon_cnn.segmentation.ragged import Index, Rows
from napari_zircon_cnn.segmentation.sheets import Sheet
from napari_zircon_cnn.segmentation.views import Slopes, View

Mask = NDArray[np.uint8]

LARGEST_HOLE_UM = 200.0
"""A dark core or a crack of this length belongs to the grain around it; larger is what a frame encloses."""

SMALLEST_OBJECT_UM = 10.0
"""What is smaller is noise, and in no table."""

MARGIN_UM = 16.0
"""How far around a body its surroundings are looked at."""


@cache
def square(radius_um: float, pixel_size_um: float) -> Mask:
    """Return the square of a radius, at least 1 px, as the filters want it."""
    side = 2 * max(round(radius_um / pixel_size_um), 1) + 1
    return np.ones((side, side), np.uint8)


@dataclass(frozen=True, eq=False)
class GrainMask:
    """A grain's pixels.

    Parameters
    ----------
    top, left
        The mosaic's row and column of the mask's first pixel.
    mask
        1 where the grain is; each side of it holds some of the grain.
    """

    top: int
    left: int
    mask: Mask

    @property
    def first_pixel(self) -> tuple[int, int]:
        """The mosaic's row and column of the grain's first pixel, from top and left."""
        return self.top, self.left + int(self.mask[0].argmax())


@dataclass(frozen=True, eq=False)
class Bodies:
    """Bodies of foreground in a window, each in a box with what surrounds it.

    Parameters
    ----------
    view
        The window and all bodies in it.
    numbers
        Which of the view's bodies these are, rising.
    begin, end
        First column and row of each box in the window and those behind its last, shape (n, 2).
    """

    view: View
    numbers: Index
    begin: Index
    end: Index

    @classmethod
    def of(cls, view: View, numbers: Index, boxes: tuple[Index, Index], margin_px: int) -> "Bodies":
        """Return some of a view's bodies, given their bounding boxes; the margin ends with the view."""
        size = view.bodies.shape[::-1]
        begin, end = np.maximum(boxes[0] - margin_px, 0), np.minimum(boxes[1] + margin_px, size)
        return cls(view, numbers, begin, end)

    def __len__(self) -> int:
        return len(self.numbers)

    def chosen(self, which: NDArray[np.bool_] | slice) -> "Bodies":
        """Return some of them."""
        return Bodies(self.view, self.numbers[which], self.begin[which], self.end[which])

    def reach_into(self, region: Region) -> NDArray[np.bool_]:
        """Tell which could have a grain that covers a pixel of a region of the mosaic."""
        corner = [side.start for side in self.view.window.region[::-1]]
        first, last = ([getattr(side, end) for side in region[::-1]] for end in ("start", "stop"))
        return np.asarray(((self.begin + corner < last) & (self.end + corner > first)).all(axis=1))

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """How many rows and columns the boxes have."""
        return [(rows, columns) for columns, rows in (self.end - self.begin).tolist()]

    @cached_property
    def boxes(self) -> list[Region]:
        """The rows and columns of the window that the boxes cover."""
        ends = zip(self.begin.tolist(), self.end.tolist(), strict=True)
        return [(slice(top, bottom), slice(left, right)) for (left, top), (right, bottom) in ends]

    @cached_property
    def outlines(self) -> list[NDArray[np.int32]]:
        """The pixels along the outside of each as x and y in the window, shape (n, 2)."""
        return [self.view.outlines[n] for n in self.numbers.tolist()]

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """The number of each in the view's `bodies`."""
        x, y = np.array([outline[0] for outline in self.outlines]).reshape(-1, 2).T
        return np.asarray(self.view.bodies[y, x], np.int32)

    @property
    def contrasts(self) -> NDArray[np.float64]:
        """By how much each is brighter than the resin, as in `View`."""
        return self.view.contrasts[self.numbers]

    def steepness(self) -> tuple[Rows, NDArray[np.uint16]]:
        """Return the layout of the outlines behind each other, and `View.steepness` along them."""
        rows, index = self.view.rows.taken(self.numbers)
        return rows, self.view.steepness[index]

    def mask(self, n: int) -> NDArray[np.bool_]:
        """Return where one of them is, in its box."""
        return np.asarray(self.view.bodies[self.boxes[n]] == self.labels[n])

    def slopes(self, n: int) -> Slopes:
        """Return the slopes in the box of one of them."""
        right, down = self.view.slopes
        return right[self.boxes[n]], down[self.boxes[n]]

    def first_pixel(self, n: int, searched: Region) -> tuple[int, int]:
        """Return the mosaic's row and column of one's first pixel in a region, (-1, -1) if it has none."""
        top, left = (
            box.start + side.start for box, side in zip(self.boxes[n], self.view.window.region, strict=True)
        )
        rows, columns = searched
        above, before = max(rows.start - top, 0), max(columns.start - left, 0)
        within = self.mask(n)[above : rows.stop - top, before : columns.stop - left]
        if not within.any():
            return -1, -1
        row, column = divmod(int(within.argmax()), within.shape[1])
        return top + above + row, left + before + column

    def batches(self, bodies: int, pixels: int) -> Iterator["Bodies"]:
        """Yield so many at a time that neither they nor their boxes' pixels are many more than that."""
        areas = (self.end - self.begin).prod(axis=1)
        share = np.cumsum(np.maximum(areas / pixels, 1 / bodies)).astype(np.intp)
        limits = [0, *(np.flatnonzero(np.diff(share)) + 1).tolist(), len(self)]
        for start, stop in pairwise(limits):
            if stop > start:
                yield self.chosen(slice(start, stop))


@dataclass(frozen=True, eq=False)
class LaidOut:
    """Bodies side by side on a sheet.

    Parameters
    ----------
    bodies
        At least one.
    gap_px
        How far apart their boxes lie.
    """

    bodies: Bodies
    gap_px: int

    @cached_property
    def sheet(self) -> Sheet:
        """Where the boxes lie."""
        return Sheet.of(self.bodies.shapes, self.gap_px)

    @cached_property
    def masks(self) -> Mask:
        """1 where each body is in its box."""
        return self.sheet.where(self.bodies.view.bodies, self.bodies.begin, self.bodies.labels)

    @cached_property
    def others(self) -> Mask:
        """1 where another body is in the box of one."""
        return self.sheet.cut_from(self.bodies.view.window.mask, self.bodies.begin) ^ self.masks

    @cached_property
    def light(self) -> NDArray[np.uint16]:
        """Brightness above the resin."""
        return self.sheet.cut_from(self.bodies.view.window.light, self.bodies.begin)
