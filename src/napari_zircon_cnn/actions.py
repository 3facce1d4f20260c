"""The curating actions: what a person may do to grains, as data that a ledger line can hold."""

from typing import Annotated, Literal

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat

from napari_zircon_cnn.changes import Change, LabelsAfter
from napari_zircon_cnn.columns import ACCEPTED, FLAGS, REJECTED, UNREVIEWED
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.flags import Box
from napari_zircon_cnn.grains import (
    SegmentedMount,
    empty_rows,
    existing,
    flagged,
    pixel_boxes,
    unclassified,
    unplaced,
)
from napari_zircon_cnn.measurement import measure_grain
from napari_zircon_cnn.runs import Run, box_of, write_runs

SMALLEST_PIECE_PX = 10
"""A piece of a split grain with fewer pixels goes to the piece beside it."""

_FARTHEST_PX = 1_000_000

LabelTuple = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
Reason = Annotated[str, Field(min_length=1)]
PointUm = tuple[FiniteFloat, FiniteFloat]


def _known_flag(name: str) -> str:
    if name not in FLAGS:
        raise ValueError(f"there is no flag {name!r}; there are {', '.join(FLAGS)}")
    return name


class Action(BaseModel):
    """One thing that a person does to grains."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the state that the action leads to, without touching the segmented mount.

        Parameters
        ----------
        segmented
            The mount that the action is for.

        Returns
        -------
        Change
            What to put in place.

        Raises
        ------
        ZirconError
            Where a grain does not exist or the action does not fit it.
        """
        raise NotImplementedError


class Reject(Action):
    """Keep grains in the label image but count them nowhere."""

    action: Literal["reject"] = "reject"
    labels: LabelTuple
    reason: Reason

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the grains' rows with the status `rejected`."""
        return _set_columns(segmented, self.labels, status=REJECTED, reason=self.reason)


class RejectFlagged(Action):
    """Reject all grains with a flag that nobody has looked at; accepted ones stay."""

    action: Literal["reject_flagged"] = "reject_flagged"
    flag: Annotated[str, AfterValidator(_known_flag)]
    reason: str = ""
    """By default the name of the flag."""

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the flagged grains' rows with the status `rejected`; there may be none."""
        table = segmented.table
        labels = flagged(table, self.flag)
        rows = table.loc[
            labels[(table["status"].iloc[labels] == UNREVIEWED).to_numpy()], ["status", "reason"]
        ]
        return Change(rows.assign(status=REJECTED, reason=self.reason or self.flag), len(table))


class Accept(Action):
    """Count grains, and say that they were looked at."""

    action: Literal["accept"] = "accept"
    labels: LabelTuple
    reason: str = ""

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the grains' rows with the status `accepted`."""
        return _set_columns(segmented, self.labels, status=ACCEPTED, reason=self.reason)


class SetClass(Action):
    """Give grains a class of their own; an empty one gives them back that of their sample."""

    action: Literal["set_class"] = "set_class"
    labels: LabelTuple
    grain_class: Annotated[str, Field(alias="class")]

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the grains' rows with the class."""
        return _set_columns(segmented, self.labels, **{"class": self.grain_class})


class Delete(Action):
    """Take grains out of the label image; their labels are not given again."""

    action: Literal["delete"] = "delete"
    labels: LabelTuple
    reason: Reason

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the label image without the grains, and their rows empty."""
        labels = _checked(segmented, self.labels)
        box = _joint_box(segmented, labels)
        pixels = segmented.labels[box].copy()
        pixels[np.isin(pixels, labels)] = 0
        after = LabelsAfter(segmented, box, pixels)
        rows = pd.concat([empty_rows(pd.Index(labels), segmented.table.columns), after.neighbours(labels)])
        return Change(rows, len(segmented.table), box, pixels)


class Merge(Action):
    """Make one grain of several; it keeps the smallest label with its status and class."""

    action: Literal["merge"] = "merge"
    labels: Annotated[LabelTuple, Field(min_length=2)]

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the grains under one label, measured anew."""
        kept, *others = _checked(segmented, self.labels)
        if not others:
            raise ZirconError(f"Merging needs two grains or more; {kept} is named alone.")
        box = _joint_box(segmented, [kept, *others])
        pixels = segmented.labels[box].copy()
        pixels[np.isin(pixels, others)] = kept
        rows = pd.concat(
            [
                _measured_anew(segmented, kept, {kept: pixels == kept}, LabelsAfter(segmented, box, pixels)),
                empty_rows(pd.Index(others), segmented.table.columns),
            ]
        )
        return Change(rows, len(segmented.table), box, pixels)


class Split(Action):
    """Cut a grain along a line; its largest piece keeps the label, all keep status and class."""

    action: Literal["split"] = "split"
    label: Annotated[int, Field(ge=1)]
    line_um: Annotated[tuple[PointUm, ...], Field(min_length=2)]
    """The line's corners as (x, y) in µm from the centre of the top left pixel."""

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the pieces under labels of their own, measured anew."""
        _checked(segmented, (self.label,))
        box = _joint_box(segmented, [self.label])
        pixels = segmented.labels[box].copy()
        mask = pixels == self.label
        pieces = _cut(mask, self._corners_px(box, segmented.mount.pixel_size_um))
        if pieces.max() < 2:
            raise ZirconError(
                f"The line does not cut grain {self.label} of {segmented.mount.sample} in two; "
                "draw it from outside the grain, right through, to outside."
            )
        n_rows = len(segmented.table)
        labels = [self.label, *range(n_rows, n_rows + int(pieces.max()) - 1)]
        masks = {label: pieces == piece for piece, label in enumerate(labels, start=1)}
        for label, piece in masks.items():
            pixels[piece] = label
        rows = _measured_anew(segmented, self.label, masks, LabelsAfter(segmented, box, pixels))
        return Change(rows, n_rows + len(labels) - 1, box, pixels)

    def _corners_px(self, box: Box, pixel_size_um: float) -> NDArray[np.int32]:
        corners = np.array(self.line_um) / pixel_size_um - (box[1].start, box[0].start)
        return np.rint(np.clip(corners, -_FARTHEST_PX, _FARTHEST_PX)).astype(np.int32)


class Redraw(Action):
    """Give pixels to grains, to new grains or to the background, as painting and erasing do.

    A grain keeps its status and class; one that has lost its last pixel is gone.
    """

    action: Literal["redraw"] = "redraw"
    runs_px: Annotated[tuple[Run, ...], Field(min_length=1)]
    """The pixels; label 0 is background, labels from the table's length on are new grains."""

    def change(self, segmented: SegmentedMount) -> Change:
        """Return the label image with the pixels, and the rows of all grains that they change."""
        self._check(segmented)
        box = box_of(self.runs_px)
        former = segmented.labels[box]
        pixels = former.copy()
        write_runs(self.runs_px, pixels, box)
        changed = pixels != former
        labels = np.setdiff1d(np.union1d(former[changed], pixels[changed]), [0]).tolist()
        after = LabelsAfter(segmented, box, pixels)
        rows = [self._row(segmented, label, after) for label in labels]
        n_rows = max([len(segmented.table), *(label + 1 for label in labels)])
        return Change(pd.concat([*rows, after.neighbours(labels)]), n_rows, box, pixels)

    def _row(self, segmented: SegmentedMount, label: int, after: LabelsAfter) -> pd.DataFrame:
        is_known = label < len(segmented.table)
        place = _around(_joint_box(segmented, [label]), after.box) if is_known else after.box
        mask = after.within(place) == label
        if not mask.any():
            return empty_rows(pd.Index([label]), segmented.table.columns)
        here = LabelsAfter(segmented, place, after.within(place))
        if is_known:
            return _measured_anew(segmented, label, {label: mask}, here)
        fresh = empty_rows(pd.Index([label]), segmented.table.columns).assign(status=UNREVIEWED)
        return _with_measurements(fresh, segmented, {label: mask}, here)

    def _check(self, segmented: SegmentedMount) -> None:
        rows, starts, stops, labels = np.array(self.runs_px).T
        n_rows, shape = len(segmented.table), segmented.labels.shape
        is_outside = (rows < 0) | (rows >= shape[0]) | (starts < 0) | (starts >= stops) | (stops > shape[1])
        if is_outside.any():
            raise ZirconError(
                f"The drawing reaches beyond the mosaic of {segmented.mount.sample}; draw inside it."
            )
        new = np.unique(labels[labels >= n_rows])
        if (labels < 0).any() or (new != np.arange(n_rows, n_rows + len(new))).any():
            raise ZirconError(
                f"A new grain of {segmented.mount.sample} gets the next free label, {n_rows}; "
                "draw it with that."
            )
        _checked(segmented, tuple(labels[(labels > 0) & (labels < n_rows)].tolist()))


AnyAction = Annotated[
    Reject | RejectFlagged | Accept | SetClass | Delete | Merge | Split | Redraw,
    Field(discriminator="action"),
]
"""Any of the actions, told apart by the field `action`."""


def _checked(segmented: SegmentedMount, labels: tuple[int, ...]) -> list[int]:
    """Return the labels, sorted and each once, or say which of them is no grain."""
    unique = sorted(set(labels))
    missing = np.setdiff1d(unique, existing(segmented.table))
    if len(missing):
        raise ZirconError(
            f"{segmented.mount.sample} has no grain {missing[0]}; it may have been deleted or merged."
        )
    return unique


def _around(one: Box, other: Box) -> Box:
    """Return the smallest box around two."""
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def _set_columns(segmented: SegmentedMount, labels: tuple[int, ...], **values: str) -> Change:
    rows = segmented.table.loc[_checked(segmented, labels), list(values)].assign(**values)
    return Change(rows, len(segmented.table))


def _joint_box(segmented: SegmentedMount, labels: list[int]) -> Box:
    boxes = pixel_boxes(segmented.table, labels, segmented.mount.pixel_size_um)
    rows, columns = zip(*boxes, strict=True)
    return (
        slice(min(extent.start for extent in rows), max(extent.stop for extent in rows)),
        slice(min(extent.start for extent in columns), max(extent.stop for extent in columns)),
    )


def _measured_anew(
    segmented: SegmentedMount, parent: int, masks: dict[int, NDArray[np.bool_]], after: LabelsAfter
) -> pd.DataFrame:
    """Return a row for each mask: measured anew, with the parent's status and class, not classified."""
    rows = unplaced(unclassified(segmented.table.loc[[parent] * len(masks)]))
    rows.index = pd.Index(list(masks))
    return _with_measurements(rows, segmented, masks, after)


def _with_measurements(
    rows: pd.DataFrame, segmented: SegmentedMount, masks: dict[int, NDArray[np.bool_]], after: LabelsAfter
) -> pd.DataFrame:
    """Return rows with what is measured of grains whose masks cover the box of the change."""
    from scipy import ndimage

    for label, mask in masks.items():
        tight = ndimage.find_objects(mask.astype(np.uint8))[0]
        rows_px, columns_px = (
            slice(outer.start + inner.start, outer.start + inner.stop)
            for outer, inner in zip(after.box, tight, strict=True)
        )
        place = (rows_px, columns_px)
        values = measure_grain(mask[tight], segmented.mount, segmented.facts, place)
        for name, value in (values | {"touching": after.is_touching(label, place)}).items():
            rows.loc[label, name] = value
    return rows


def _cut(mask: NDArray[np.bool_], corners: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the mask's pieces beside a line, numbered from 1 by falling size; no pixel is left out."""
    from scipy import ndimage

    line = cv2.polylines(np.zeros(mask.shape, np.uint8), [corners], isClosed=False, color=1)
    # OpenCV's line is 8-connected, so it parts what is connected over edges.
    pieces, n_pieces = ndimage.label(mask & (np.asarray(line) == 0))
    sizes = np.bincount(pieces.ravel(), minlength=n_pieces + 1)[1:]
    by_size = np.argsort(-sizes, kind="stable")
    numbers = np.zeros(n_pieces + 1, np.int32)
    kept = [piece for piece in by_size if sizes[piece] >= SMALLEST_PIECE_PX]
    numbers[[piece + 1 for piece in kept]] = np.arange(1, len(kept) + 1)
    numbered = numbers[pieces]
    if not kept:
        return numbered
    nearest = ndimage.distance_transform_edt(numbered == 0, return_distances=False, return_indices=True)
    return np.where(mask, numbered[tuple(nearest)], 0)


def get_ready(segmented: SegmentedMount) -> None:
    """Load and measure beforehand what the first action on a sample would wait for.

    Parameters
    ----------
    segmented
        The sample; a window calls this in a thread.
    """
    from scipy import ndimage
    from skimage.measure import perimeter_crofton

    # Both load what they are made of when they are first looked at.
    _ = ndimage.label, perimeter_crofton, segmented.facts
