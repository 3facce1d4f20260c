"""Changes of a segmented mount: a state to be put in place, and the label image as it will be then."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from napari_zircon_cnn.flags import Box, is_touching, reach_px, widened
from napari_zircon_cnn.grains import SegmentedMount, empty_rows, existing, pixel_boxes, unclassified, unplaced
from napari_zircon_cnn.runs import Run, runs_of, write_runs


class Change:
    """A state of some pixels and rows of a segmented mount, ready to be put in place.

    Parameters
    ----------
    rows
        The table's rows, by label; they may reach beyond the table's present end. With some of the
        table's columns only, the others stay as they are.
    n_rows
        Length of the table.
    box
        The part of the label image that changes, if any.
    pixels
        What stands in that part.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        n_rows: int,
        box: Box | None = None,
        pixels: NDArray[np.int32] | None = None,
    ) -> None:
        self._rows = rows
        self._n_rows = n_rows
        self.box = box
        self._pixels = pixels

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels whose rows are put in place."""
        return self._rows.index.to_numpy(np.int64)

    def swap(self, segmented: SegmentedMount) -> "Change":
        """Put this state in place and return the state that was there.

        The label image is written to in place; the table is replaced by a new one.
        """
        former = self._former(segmented)
        if self.box is not None and self._pixels is not None:
            segmented.labels[self.box] = self._pixels
        segmented.table = self._renewed(segmented.table)
        return former

    def forget_predictions(self, classes: Iterable[str]) -> None:
        """Take a model's answer out of the state, since another has been given to the table since."""
        if "probability" in self._rows.columns:
            self._rows = unclassified(self._rows, classes)

    def forget_embedding(self, method: str) -> None:
        """Take coordinates out of the state, since the table has got those of another embedding since."""
        if f"{method}_1" in self._rows.columns:
            self._rows = unplaced(self._rows, [method])

    def to_fields(self) -> "ChangeFields":
        """Return the state as plain values that a line of the ledger can hold."""
        values = self._rows.astype(object).where(self._rows.notna(), None)
        fields = ChangeFields(
            n_rows=self._n_rows,
            labels=tuple(self.labels.tolist()),
            columns=tuple(self._rows.columns),
            cells=tuple(tuple(row) for row in values.to_numpy().tolist()),
        )
        if self.box is None or self._pixels is None:
            return fields
        rows, columns = self.box
        edges = (rows.start, rows.stop, columns.start, columns.stop)
        runs = runs_of(self._pixels, self._pixels != 0, self.box)
        return fields.model_copy(update={"box_px": edges, "runs_px": runs})

    @classmethod
    def from_fields(cls, fields: "ChangeFields") -> "Change":
        """Return the state that `to_fields` told of."""
        rows = empty_rows(pd.Index(fields.labels, dtype="int64"), fields.columns)
        for n, name in enumerate(fields.columns):
            column = [row[n] for row in fields.cells]
            rows[name] = pd.Series(column, index=rows.index, dtype=rows[name].dtype)
        if fields.box_px is None:
            return cls(rows, fields.n_rows)
        top, bottom, left, right = fields.box_px
        box = (slice(top, bottom), slice(left, right))
        pixels = np.zeros((bottom - top, right - left), np.int32)
        write_runs(fields.runs_px, pixels, box)
        return cls(rows, fields.n_rows, box, pixels)

    def _former(self, segmented: SegmentedMount) -> "Change":
        table = segmented.table
        touched = self._rows.index.union(table.index[self._n_rows :])
        rows = table.loc[touched.intersection(table.index), self._rows.columns]
        pixels = None if self.box is None else segmented.labels[self.box].copy()
        return Change(rows.copy(), len(table), self.box, pixels)

    def _renewed(self, table: pd.DataFrame) -> pd.DataFrame:
        if self._n_rows == len(table) and self._rows.index.isin(table.index).all():
            renewed = table.copy()
            renewed.loc[self._rows.index, self._rows.columns] = self._rows
            return renewed
        kept = table.iloc[: self._n_rows].drop(index=self._rows.index, errors="ignore")
        renewed = pd.concat([kept, self._rows.reindex(columns=table.columns)]).sort_index()
        renewed.index = pd.RangeIndex(len(renewed), name="label")
        return renewed


class ChangeFields(BaseModel):
    """A `Change` as plain values.

    Parameters
    ----------
    n_rows
        Length of the table.
    labels, columns, cells
        The table's rows; a missing number is None.
    box_px
        First and last (excluded) row, first and last (excluded) column of the part of the label image
        that changes.
    runs_px
        The grains' pixels in that part; all else is background.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_rows: int
    labels: tuple[int, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[bool | float | str | None, ...], ...]
    box_px: tuple[int, int, int, int] | None = None
    runs_px: tuple[Run, ...] = ()


class LabelsAfter:
    """The label image as it will be around a change, while the segmented mount still stands as it is.

    Parameters
    ----------
    segmented
        The mount before the change.
    box
        The part of the label image that changes.
    pixels
        What will stand there.
    """

    def __init__(self, segmented: SegmentedMount, box: Box, pixels: NDArray[np.int32]) -> None:
        self._segmented = segmented
        self._reach = int(reach_px(segmented.mount.pixel_size_um))
        self.box = box
        self._pixels = pixels

    def within(self, box: Box) -> NDArray[np.int32]:
        """Return a part of the label image as it will be."""
        labels = self._segmented.labels[box].copy()
        overlaps = [
            (max(one.start, other.start), min(one.stop, other.stop))
            for one, other in zip(box, self.box, strict=True)
        ]
        if all(start < stop for start, stop in overlaps):
            target, source = (
                tuple(slice(start - part.start, stop - part.start) for (start, stop), part in parts)
                for parts in (zip(overlaps, box, strict=True), zip(overlaps, self.box, strict=True))
            )
            labels[target] = self._pixels[source]
        return labels

    def is_touching(self, label: int, box: Box) -> bool:
        """Tell whether a grain, whose bounding box is given, will touch another."""
        outer = widened(box, self._reach, self._segmented.labels.shape)
        inner = (
            slice(box[0].start - outer[0].start, box[0].stop - outer[0].start),
            slice(box[1].start - outer[1].start, box[1].stop - outer[1].start),
        )
        return is_touching(self.within(outer), label, inner, self._segmented.mount.pixel_size_um)

    def neighbours(self, gone: Sequence[int]) -> pd.DataFrame:
        """Return the rows of grains near the change that begin or cease to touch another.

        Parameters
        ----------
        gone
            Labels that need no such row.

        Returns
        -------
        DataFrame
            Their rows with `touching` as it will be.
        """
        table, mount = self._segmented.table, self._segmented.mount
        around = np.unique(self._segmented.labels[widened(self.box, self._reach, mount.image.shape)])
        near = np.setdiff1d(np.intersect1d(around, existing(table)), gone)
        boxes = pixel_boxes(table, near, mount.pixel_size_um)
        touching = {
            label: self.is_touching(label, box) for label, box in zip(near.tolist(), boxes, strict=True)
        }
        rows = table.loc[near].assign(touching=pd.Series(touching, dtype=bool))
        return rows[rows["touching"] != table.loc[near, "touching"]]
