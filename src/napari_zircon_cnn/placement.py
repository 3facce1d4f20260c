"""Where a network's map of a grain lies on the mount: plain geometry, for windows, pictures and tests.

Pixels are counted as in napari: the centre of pixel i is at i, and it reaches from i - 0.5 to i + 0.5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_zircon_cnn import scratch
from napari_zircon_cnn.crops import CropSettings, box_side_px, canvas_corners
from napari_zircon_cnn.flags import Box
from napari_zircon_cnn.grains import pixel_edges

Pair = tuple[float, float]
"""A value for the rows and one for the columns."""


@dataclass(frozen=True)
class MapGrid:
    """Where the pixels of a map lie on the crop that it was reckoned from.

    Parameters
    ----------
    shape
        Rows and columns of the map.
    offset_px
        Centre of the map's first pixel, in px of the crop.
    step_px
        Distance between the map's pixels, in px of the crop.
    """

    shape: tuple[int, int]
    offset_px: Pair = (0.0, 0.0)
    step_px: Pair = (1.0, 1.0)

    def then(self, shape: tuple[int, int], offset_px: Pair, step_px: Pair) -> "MapGrid":
        """Return the grid of a map reckoned from this one, given where its pixels lie on this one."""
        rows, columns = (
            (ours + step * theirs, step * their_step)
            for ours, step, theirs, their_step in zip(
                self.offset_px, self.step_px, offset_px, step_px, strict=True
            )
        )
        return MapGrid(shape, (rows[0], columns[0]), (rows[1], columns[1]))


@dataclass(frozen=True)
class Placement:
    """Where a map, or a crop, lies on the mosaic.

    Parameters
    ----------
    shape
        Rows and columns of the map.
    origin_px
        Centre of the map's first pixel, in px of the mosaic.
    step_px
        Edges of a pixel of the map, in px of the mosaic.
    """

    shape: tuple[int, int]
    origin_px: Pair
    step_px: Pair

    @property
    def affine(self) -> NDArray[np.float64]:
        """The matrix (3, 3) from row and column of the map to those of the mosaic."""
        matrix = np.diag([*self.step_px, 1.0])
        matrix[:2, 2] = self.origin_px
        return matrix

    @property
    def edges_px(self) -> tuple[float, float, float, float]:
        """Top, bottom, left and right edge of what the map covers, in px of the mosaic."""
        (top, bottom), (left, right) = (
            (origin - step / 2, origin + (n - 0.5) * step)
            for origin, step, n in zip(self.origin_px, self.step_px, self.shape, strict=True)
        )
        return top, bottom, left, right

    def edges_um(self, pixel_size_um: float) -> tuple[float, float, float, float]:
        """Return top, bottom, left and right edge in µm, in the frame of the grain table."""
        top, bottom, left, right = (edge * pixel_size_um for edge in self.edges_px)
        return top, bottom, left, right

    def of_map(self, grid: MapGrid) -> "Placement":
        """Return where a map reckoned from this crop lies."""
        placed = MapGrid(self.shape, self.origin_px, self.step_px).then(
            grid.shape, grid.offset_px, grid.step_px
        )
        return Placement(placed.shape, placed.offset_px, placed.step_px)


def place_crops(
    table: pd.DataFrame,
    which: Sequence[int] | NDArray[np.int64],
    settings: CropSettings,
    pixel_size_um: float,
) -> list[Placement]:
    """Return where the crops of grains lie on the mosaic; `crops.cut_crops` cuts them there.

    Parameters
    ----------
    table
        The grain table.
    which
        The labels of the grains.
    settings
        The geometry of the crops.
    pixel_size_um
        Edge of the mosaic's pixels in µm.

    Returns
    -------
    list of Placement
        One for each grain. A crop may reach beyond the mosaic, where it is black.
    """
    side = box_side_px(settings, pixel_size_um)
    step = side / settings.size_px
    # Resizing keeps edges in place, not the centres of the first pixels.
    inward = step / 2 - 0.5
    return [
        Placement((settings.size_px,) * 2, (row + inward, column + inward), (step, step))
        for row, column in canvas_corners(pixel_edges(table, which, pixel_size_um), side).tolist()
    ]


def layer_transform(
    placement: Placement,
    scale: ArrayLike,
    translate: ArrayLike,
    rotate: ArrayLike | None = None,
    shear: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scale and translation that lay a map over the mount where the mount's layer is moved.

    Parameters
    ----------
    placement
        Where the map lies on the mosaic.
    scale, translate
        Those of the mount's layer, shape (2,).
    rotate
        The rotation matrix of the mount's layer, shape (2, 2).
    shear
        The shear of the mount's layer.

    Returns
    -------
    tuple of ndarray
        Scale and translation of the map's layer, shape (2,) each. Its `rotate`, `shear`, `affine`,
        `units` and `axis_labels` are those of the mount's layer.

    Notes
    -----
    napari takes a pixel to the world by scale, shear, rotation, translation and affine, in that
    order. Only the first and the fourth differ between a layer and one that covers a part of it.
    """
    turned = np.eye(2) if rotate is None else np.asarray(rotate, np.float64)
    linear = turned @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag(np.asarray(scale, np.float64))
    return (
        np.asarray(scale, np.float64) * placement.step_px,
        np.asarray(translate, np.float64) + linear @ placement.origin_px,
    )


def sample_map(values: NDArray[np.float32], placement: Placement, box: Box) -> NDArray[np.float32]:
    """Return a map's values at the pixels of a part of the mosaic.

    Parameters
    ----------
    values
        The map, shape (rows, columns).
    placement
        Where it lies.
    box
        The part of the mosaic.

    Returns
    -------
    ndarray of float32
        The values, bilinear between the map's pixels; beyond the map those of its edge.
    """
    rows, columns = (
        ((np.arange(part.start, part.stop) - origin) / step).astype(np.float32)
        for part, origin, step in zip(box, placement.origin_px, placement.step_px, strict=True)
    )
    at_columns, at_rows = np.meshgrid(columns, rows)
    sampled: Any = cv2.remap(
        np.ascontiguousarray(values, np.float32),
        at_columns,
        at_rows,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(sampled)


def paint_maps(
    labels: NDArray[np.int32],
    which: Iterable[int],
    boxes: Iterable[Box],
    maps: Iterable[NDArray[np.float32]],
    placements: Iterable[Placement],
) -> NDArray[np.float32]:
    """Return one image of the mount's shape with each grain's map inside its outline, and 0 around.

    Parameters
    ----------
    labels
        The label image.
    which, boxes
        The grains and their bounding boxes.
    maps, placements
        Each grain's map, shape (rows, columns), and where it lies.

    Returns
    -------
    ndarray of float32, shape of the label image
        The image; only the boxes of the grains are ever looked at. A large one lies in a temporary file.
    """
    image: NDArray[np.float32] = scratch.zeros(labels.shape, np.float32)
    for label, box, values, placement in zip(which, boxes, maps, placements, strict=True):
        part = image[box]
        np.copyto(part, sample_map(values, placement, box), where=labels[box] == label)
    return image
