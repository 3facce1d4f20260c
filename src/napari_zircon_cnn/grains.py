"""Label image and mount to the grain table: row i of the table is label i."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.columns import (
    COLUMNS,
    EMBEDDINGS,
    MEASURED,
    PREDICTED,
    PROBABILITY_PREFIX,
    REJECTED,
    UNREVIEWED,
    Kind,
)
from napari_zircon_cnn.flags import Box, is_touching
from napari_zircon_cnn.measurement import measure_grain
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.mount_facts import MountFacts, facts_of
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.scratch import release, row_blocks

_EMPTY: dict[Kind, Any] = {"number": math.nan, "flag": False, "text": ""}
_DTYPES: dict[Kind, str] = {"number": "float64", "flag": "bool", "text": "str"}
_NOT_CLASSIFIED = {column.name: _EMPTY[column.kind] for column in PREDICTED}
_REPORT_EVERY = 200
_PIXELS_OF_A_BAND = 2**26


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

    @cached_property
    def facts(self) -> MountFacts:
        """Return what holds for the whole mount, told from the mosaic when first asked for."""
        return facts_of(self.mount)


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
    boxes = find_boxes(labels, part_of(progress, 0.0, 0.1))
    table = empty_rows(pd.RangeIndex(max(boxes, default=0) + 1, name="label"))
    found = sorted(boxes if only is None else boxes.keys() & set(only))
    facts = facts_of(mount, part_of(progress, 0.1, 0.2))
    rows = []
    for n, label in enumerate(found):
        box = boxes[label]
        touching = is_touching(labels, label, box, mount.pixel_size_um)
        rows.append(measure_grain(labels[box] == label, mount, facts, box) | {"touching": touching})
        if n % _REPORT_EVERY == 0:
            release(labels)
            release(mount.image)
            progress(0.2 + 0.8 * n / len(found), f"measured {n} of {len(found)} grains")
    if rows:
        names = [column.name for column in MEASURED]
        table.loc[found, names] = pd.DataFrame(rows, index=found, columns=names)
        table.loc[found, "status"] = UNREVIEWED
    progress(1.0, f"measured {len(found)} grains")
    return table


def find_boxes(labels: NDArray[np.int32], progress: Progress = silent) -> dict[int, Box]:
    """Find the grains in a label image.

    Parameters
    ----------
    labels
        The label image, shape (rows, columns); 0 is background.
    progress
        Told of each band of rows; may raise `Cancelled`.

    Returns
    -------
    dict
        The upright bounding box of each label that has pixels.
    """
    from scipy import ndimage

    boxes: dict[int, Box] = {}
    for band in row_blocks(labels.shape, _PIXELS_OF_A_BAND):
        objects: list[Any] = ndimage.find_objects(labels[band])
        for label, box in enumerate(objects, 1):
            if box is not None:
                rows = slice(band.start + box[0].start, band.start + box[0].stop)
                boxes[label] = _around_both(boxes.get(label), (rows, box[1]))
        release(labels)
        progress(band.stop / len(labels), f"looked for grains in {band.stop} of {len(labels)} rows")
    return boxes


def _around_both(upper: Box | None, lower: Box) -> Box:
    if upper is None:
        return lower
    columns = slice(min(upper[1].start, lower[1].start), max(upper[1].stop, lower[1].stop))
    return slice(upper[0].start, lower[0].stop), columns


def existing(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the labels that have pixels: rows that are not empty."""
    return np.flatnonzero(table["area_um2"].notna().to_numpy())


def usable(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the labels of the grains that count: they exist and are not rejected."""
    return np.flatnonzero((table["area_um2"].notna() & (table["status"] != REJECTED)).to_numpy())


def flagged(table: pd.DataFrame, flag: str) -> NDArray[np.int64]:
    """Return the labels of the grains that have a flag, such as `cut_by_seam`.

    Parameters
    ----------
    table
        The grain table.
    flag
        Name of one of the flags in `columns.FLAGS`.

    Returns
    -------
    ndarray of int64, shape (n,)
        The labels in rising order.
    """
    return np.flatnonzero(table[flag].to_numpy(bool))


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
    *,
    doubt: Mapping[str, NDArray[Any]] = MappingProxyType({}),
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
    doubt
        Values of the columns `uncertainty`, `unlike_training` and `in_training`, shape (n,), as far as they
        are known.

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
    for name, doubts in doubt.items():
        table.loc[labels, name] = doubts
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
    empty = rows.drop(columns=present).assign(**_NOT_CLASSIFIED)
    return empty.assign(**dict.fromkeys(wanted, np.nan))


def with_coordinates(
    table: pd.DataFrame, labels: NDArray[np.int64], coordinates: NDArray[np.float64], method: str
) -> pd.DataFrame:
    """Return the table with where its grains lie in an embedding, in place of any earlier one.

    Parameters
    ----------
    table
        The grain table.
    labels
        The grains, shape (n,).
    coordinates
        Shape (n, 2) or (n, 3).
    method
        One of `columns.EMBEDDINGS`.

    Returns
    -------
    DataFrame
        A new table; all other grains have no coordinates of that method.
    """
    table = unplaced(table, [method])
    for axis, values in enumerate(coordinates.T, start=1):
        table.loc[labels, f"{method}_{axis}"] = values
    return table


def unplaced(rows: pd.DataFrame, methods: Iterable[str] = EMBEDDINGS) -> pd.DataFrame:
    """Return rows of a grain table without their coordinates in the embeddings of some methods."""
    names = [f"{method}_{axis}" for method in methods for axis in (1, 2, 3)]
    return rows.assign(**dict.fromkeys(names, np.nan))


def _empty_column(kind: Kind, index: pd.Index) -> "pd.Series[Any]":
    return pd.Series(_EMPTY[kind], index=index, dtype=_DTYPES[kind])
