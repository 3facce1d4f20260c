"""Many small images side by side in one, so that OpenCV works on all of them in one call."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.background import Region
from napari_zircon_cnn.segmentation.compiled import compiled
from napari_zircon_cnn.segmentation.ragged import Index

Mask = NDArray[np.uint8]
Outline = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Where images lie in one that holds them all.

    Parameters
    ----------
    shape
        Rows and columns of the whole.
    boxes
        Rows and columns of each image in it.
    order
        The numbers of the images, from top to bottom and left to right.
    shelves
        The first row of each shelf of images, from the top.
    keys
        Of each image in `order`: its shelf times the whole's width, and its first column.
    """

    shape: tuple[int, int]
    boxes: list[Region]
    order: Index
    shelves: Index
    keys: Index

    @classmethod
    def of(cls, shapes: Sequence[tuple[int, ...]], gap_px: int) -> "Sheet":
        """Lay out images so far apart that no filter with a reach of less than the gap sees two of them.

        Parameters
        ----------
        shapes
            Rows and columns of each image; there is at least one.
        gap_px
            Distance from each image to the next, and to the border.

        Returns
        -------
        Sheet
            With the tallest images at the top.
        """
        widest = max(columns for _, columns in shapes) + 2 * gap_px
        area = sum((rows + gap_px) * (columns + gap_px) for rows, columns in shapes)
        width = max(widest, math.ceil(math.sqrt(area)))
        order = sorted(range(len(shapes)), key=lambda n: -shapes[n][0])
        boxes: list[Region] = [(slice(0), slice(0))] * len(shapes)
        top, left, bottom = gap_px, gap_px, gap_px
        shelves, keys = [top], []
        for n in order:
            rows, columns = shapes[n]
            if left + columns + gap_px > width:
                top, left = bottom + gap_px, gap_px
                shelves.append(top)
            boxes[n] = (slice(top, top + rows), slice(left, left + columns))
            keys.append((len(shelves) - 1) * width + left)
            bottom = max(bottom, top + rows)
            left += columns + gap_px
        return cls((bottom + gap_px, width), boxes, np.array(order), np.array(shelves), np.array(keys))

    @cached_property
    def corners(self) -> NDArray[np.int32]:
        """Column and row of each image's first pixel, shape (images, 2)."""
        return np.array([(columns.start, rows.start) for rows, columns in self.boxes], np.int32)

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """First column and row, number of columns and of rows of each image, shape (images, 4)."""
        ends = np.array([(columns.stop, rows.stop) for rows, columns in self.boxes], np.int32)
        return np.concatenate([self.corners, ends - self.corners], axis=1)

    def holding(self, images: Iterable[Any], dtype: type[np.generic]) -> NDArray[Any]:
        """Return the whole with an image, or one value, in each box; 0 between them."""
        whole = np.zeros(self.shape, dtype)
        for box, image in zip(self.boxes, images, strict=True):
            whole[box] = image
        return whole

    def cut_from(self, image: NDArray[Any], begin: Index) -> NDArray[Any]:
        """Return the whole with parts of an image, given column and row at which each begins; 0 between."""
        whole = np.zeros(self.shape, image.dtype)
        _copy(image, begin, whole, self.places)
        return whole

    def where(self, image: NDArray[np.int32], begin: Index, values: NDArray[np.int32]) -> Mask:
        """Return the whole with 1 where parts of an image have a value each."""
        whole = np.zeros(self.shape, np.uint8)
        _mark(image, begin, values, whole, self.places)
        return whole

    def owners(self, points: NDArray[Any]) -> Index:
        """Return the images that hold pixels given as x and y, shape (n, 2)."""
        shelf = np.searchsorted(self.shelves, points[:, 1], side="right") - 1
        place = np.searchsorted(self.keys, shelf * self.shape[1] + points[:, 0], side="right") - 1
        return np.asarray(self.order[place])


@compiled
def _copy(image: NDArray[Any], begin: Index, whole: NDArray[Any], places: NDArray[np.int32]) -> None:
    for n in range(len(begin)):
        left, top, width, height = places[n]
        for row in range(height):
            line = image[begin[n, 1] + row, begin[n, 0] : begin[n, 0] + width]
            whole[top + row, left : left + width] = line


@compiled
def _mark(
    image: NDArray[np.int32], begin: Index, values: NDArray[np.int32], whole: Mask, places: NDArray[np.int32]
) -> None:
    for n in range(len(begin)):
        left, top, width, height = places[n]
        for row in range(height):
            line = image[begin[n, 1] + row, begin[n, 0] : begin[n, 0] + width]
            marks = whole[top + row, left : left + width]
            for column in range(width):
                marks[column] = line[column] == values[n]


def filled(sheet: Sheet, masks: Mask, largest_hole_px: float) -> tuple[list[Outline], Mask]:
    """Fill what the longest outline in each image encloses.

    Parameters
    ----------
    sheet
        Where the images are; in each is at least one pixel.
    masks
        1 where something is.
    largest_hole_px
        What is longer is left open.

    Returns
    -------
    outlines : list of ndarray of int32
        The longest outside outline in each image as x and y in the image, shape (n, 2) each.
    filled : ndarray of uint8
        1 where it or what it encloses is.
    """
    found: Any = cv2.findContours(masks, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    owners = sheet.owners(np.array([contour[0, 0] for contour in found]))
    by_length = np.lexsort((-np.array([len(contour) for contour in found]), owners))
    _, first = np.unique(owners[by_length], return_index=True)
    longest = [found[n] for n in by_length[first].tolist()]
    whole: Mask = np.zeros(sheet.shape, np.uint8)
    cv2.fillPoly(whole, longest, 1)
    for box in sheet.boxes:
        if min(side.stop - side.start for side in box) > largest_hole_px:
            _open_holes(whole[box], masks[box], largest_hole_px)
    outlines = [contour[:, 0] - corner for contour, corner in zip(longest, sheet.corners, strict=True)]
    return outlines, whole


def _open_holes(filled: Mask, mask: Mask, largest_px: float) -> None:
    """Take the holes that are longer than that out again."""
    _, holes, stats, _ = cv2.connectedComponentsWithStats(filled & (1 - mask), connectivity=4)
    large = np.flatnonzero(stats[:, 2:4].max(axis=1) > largest_px)
    if len(large) > 1:
        filled[np.isin(holes, large[large > 0])] = 0
