"""Label image and mount to the grain table: row i of the table is label i."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops

from napari_zircon_cnn.columns import COLUMNS, MEASURED, PROBABILITY_PREFIX, REJECTED, UNREVIEWED, Kind
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, silent

Box = tuple[slice, slice]

_EMPTY: dict[Kind, Any] = {"number": math.nan, "flag": False, "text": ""}
_DTYPES: dict[Kind, str] = {"number": "float64", "flag": "bool", "text": "str"}
_PERCENTILES = (5, 25, 50, 75, 95)
_REPORT_EVERY = 50


@dataclass(eq=False)
class SegmentedMount:
    """A mount with the truth about its grains.

    Parameters
    ----------
    mount
        The mosaic.
    labels
        The label image, shape (rows, columns) of the mosaic; 0 is background.
    table
        The grain table; row i is label i.
    """

    mount: Mount
    labels: NDArray[np.int32]
    table: pd.DataFrame


def empty_rows(index: pd.Index, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Return rows that hold no grain.

    Parameters
    ----------
    index
        The labels of the rows.
    columns
        Names of all columns; by default those of `columns.COLUMNS`. Any other is a number.

    Returns
    -------
    DataFrame
        A number is NaN, a flag False, a text "".
    """
    kinds = {column.name: column.kind for column in COLUMNS}
    names = list(columns) or list(kinds)
    return pd.DataFrame(
        {name: _empty_column(kinds.get(name, "number"), index) for name in names}, index=index
    )


def measure(
    labels: NDArray[np.int32],
    mount: Mount,
    *,
    only: Iterable[int] | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Measure the grains of a mount.

    Parameters
    ----------
    labels
        The label image, shape (rows, columns); 0 is background.
    mount
        The mosaic of the same shape.
    only
        Measure just these labels; the rows of the others stay empty.
    progress
        Told of the grains measured; may raise `Cancelled`.

    Returns
    -------
    DataFrame
        The grain table, one row for each label from 0 (background, empty) to the largest, with
        the columns of `columns.COLUMNS`. A label without pixels has an empty row.
    """
    boxes: list[Any] = ndimage.find_objects(labels)
    table = empty_rows(pd.RangeIndex(len(boxes) + 1, name="label"))
    wanted = range(1, len(boxes) + 1) if only is None else sorted(only)
    found = [label for label in wanted if label <= len(boxes) and boxes[label - 1] is not None]
    rows = []
    for n, label in enumerate(found):
        box = boxes[label - 1]
        rows.append(measure_grain(labels[box] == label, mount, box))
        if n % _REPORT_EVERY == 0:
            progress(n / len(found), f"measured {n} of {len(found)} grains")
    if rows:
        names = [column.name for column in MEASURED]
        table.loc[found, names] = pd.DataFrame(rows, index=found, columns=names)
        table.loc[found, "status"] = UNREVIEWED
    progress(1.0, f"measured {len(found)} grains")
    return table


def measure_grain(mask: NDArray[np.bool_], mount: Mount, box: Box) -> dict[str, Any]:
    """Measure one grain.

    Parameters
    ----------
    mask
        Which pixels of the box are the grain; it reaches all four sides.
    mount
        The mosaic.
    box
        The part of the mosaic that the mask covers.

    Returns
    -------
    dict
        A value for each column of `columns.MEASURED`, with the units given there.
    """
    um = mount.pixel_size_um
    grey = mount.image[box][mask].astype(np.float64)
    top, left = box[0].start, box[1].start
    region: Any = regionprops(mask.astype(np.uint8))[0]  # type: ignore[no-untyped-call]
    hull = _hull_of_pixel_corners(mask)
    length, width, box_angle = _rotated_box(hull)
    feret_max, feret_min = _feret(hull)
    area = float(region.area)
    # A grain of a single line of pixels has no minor axis; one pixel is the least that an axis can be.
    major, minor = max(region.axis_major_length, 1.0), max(region.axis_minor_length, 1.0)
    perimeter = max(float(region.perimeter_crofton), 2 * math.sqrt(math.pi * area))
    row, column = region.centroid
    values = {
        "centroid_x_um": (left + column) * um,
        "centroid_y_um": (top + row) * um,
        "bbox_x_min_um": (left - 0.5) * um,
        "bbox_y_min_um": (top - 0.5) * um,
        "bbox_x_max_um": (box[1].stop - 0.5) * um,
        "bbox_y_max_um": (box[0].stop - 0.5) * um,
        "box_length_um": length * um,
        "box_width_um": width * um,
        "box_angle_deg": box_angle,
        "area_um2": area * um**2,
        "equivalent_diameter_um": math.sqrt(4 * area / math.pi) * um,
        "ellipse_major_um": major * um,
        "ellipse_minor_um": minor * um,
        "feret_max_um": feret_max * um,
        "feret_min_um": feret_min * um,
        "aspect_ratio": major / minor,
        "perimeter_um": perimeter * um,
        "circularity": 4 * math.pi * area / perimeter**2,
        "solidity": area / float(cv2.contourArea(hull)),
        # scikit-image measures from the downward row axis; ours is from x, counter-clockwise on the screen.
        "orientation_deg": _half_turn(90 + math.degrees(region.orientation)),
        "intensity_mean": grey.mean(),
        "intensity_sd": grey.std(),
        "touches_border": _touches_border(mask, box, mount.image.shape),
    }
    percentiles = np.percentile(grey, _PERCENTILES)
    values |= {f"intensity_p{p:02d}": value for p, value in zip(_PERCENTILES, percentiles, strict=True)}
    return values


def existing(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the labels that have pixels: rows that are not empty."""
    return np.flatnonzero(table["area_um2"].notna().to_numpy())


def usable(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the labels of the grains that count: they exist and are not rejected."""
    return np.flatnonzero((table["area_um2"].notna() & (table["status"] != REJECTED)).to_numpy())


def pixel_edges(
    table: pd.DataFrame, which: Sequence[int] | NDArray[np.int64], pixel_size_um: float
) -> NDArray[np.int64]:
    """Return top, bottom, left and right of some grains' upright bounding boxes, (n, 4), in px."""
    edges_um = table[["bbox_y_min_um", "bbox_y_max_um", "bbox_x_min_um", "bbox_x_max_um"]].to_numpy()
    chosen = np.asarray(which, dtype=np.int64)
    return np.rint(edges_um[chosen] / pixel_size_um + 0.5).astype(np.int64)


def pixel_boxes(
    table: pd.DataFrame, which: Sequence[int] | NDArray[np.int64], pixel_size_um: float
) -> list[Box]:
    """Return the upright bounding boxes of some grains as slices of the label image."""
    edges = pixel_edges(table, which, pixel_size_um).tolist()
    return [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in edges]


def with_probabilities(
    table: pd.DataFrame,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    classes: tuple[str, ...],
    target_class: str,
) -> pd.DataFrame:
    """Return the table with a model's answer in place of any earlier one.

    Parameters
    ----------
    table
        The grain table.
    labels
        The classified grains, shape (n,).
    probabilities
        Shape (n, number of classes); a row sums to 1.
    classes
        The class names in the order of the columns.
    target_class
        The class whose probability stands in the column `probability`.

    Returns
    -------
    DataFrame
        A new table; grains that were not classified have no probability.
    """
    table = unclassified(table, tuple(classes))
    values = probabilities.astype(np.float64)
    for column, name in enumerate(classes):
        table.loc[labels, f"{PROBABILITY_PREFIX}{name}"] = values[:, column]
    table.loc[labels, "probability"] = values[:, classes.index(target_class)]
    table.loc[labels, "predicted_class"] = np.asarray(classes, dtype=object)[values.argmax(axis=1)]
    return table


def unclassified(rows: pd.DataFrame, classes: Iterable[str] | None = None) -> pd.DataFrame:
    """Return rows with no model's answer in them.

    Parameters
    ----------
    rows
        Rows of a grain table.
    classes
        The classes that get an empty probability column; by default those that have one.

    Returns
    -------
    DataFrame
        New rows with the same index.
    """
    present = [name for name in rows.columns if name.startswith(PROBABILITY_PREFIX)]
    wanted = present if classes is None else [f"{PROBABILITY_PREFIX}{name}" for name in classes]
    empty = rows.drop(columns=present).assign(probability=np.nan, predicted_class="")
    return empty.assign(**dict.fromkeys(wanted, np.nan))


def _empty_column(kind: Kind, index: pd.Index) -> "pd.Series[Any]":
    return pd.Series(_EMPTY[kind], index=index, dtype=_DTYPES[kind])


def _hull_of_pixel_corners(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the convex hull around whole pixels, (n, 2) as x and y, so that one pixel has the area 1."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    x = np.concatenate([first, first, last, last])
    y = np.concatenate([rows, rows + 1, rows, rows + 1])
    hull: Any = cv2.convexHull(np.stack([x, y], axis=1).astype(np.float32))
    return np.asarray(hull)[:, 0]


def _rotated_box(hull: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return long side, short side (px) and angle (°) of the smallest box around a hull."""
    _, (side_a, side_b), angle = cv2.minAreaRect(hull)
    along_a = side_a >= side_b
    # OpenCV's angle turns clockwise on the screen, since y points down.
    return max(side_a, side_b), min(side_a, side_b), _half_turn(-(angle if along_a else angle + 90))


def _feret(hull: NDArray[np.float32]) -> tuple[float, float]:
    """Return the largest and the smallest caliper distance of a hull, in px."""
    points = hull.astype(np.float64)
    edges = np.roll(points, -1, axis=0) - points
    normals = np.stack([-edges[:, 1], edges[:, 0]]) / np.hypot(edges[:, 0], edges[:, 1])
    widths = np.ptp(points @ normals, axis=0)
    distances = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    return float(distances.max()), float(widths.min())


def _half_turn(degrees: float) -> float:
    # The second modulo catches a tiny negative angle, which the first rounds up to 180 itself.
    return degrees % 180.0 % 180.0


def _touches_border(mask: NDArray[np.bool_], box: Box, shape: tuple[int, ...]) -> bool:
    sides = (
        box[0].start == 0 and mask[0].any(),
        box[1].start == 0 and mask[:, 0].any(),
        box[0].stop == shape[0] and mask[-1].any(),
        box[1].stop == shape[1] and mask[:, -1].any(),
    )
    return bool(any(sides))
