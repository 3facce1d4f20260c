"""Changes of a segmented mount: a state to be put in place, and the label image as it will be then."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.flags import Box, is_touching, reach_px, widened
from napari_zircon_cnn.grains import SegmentedMount, flagged, pixel_boxes


class Change:
    """A state of some pixels and rows of a segmented mount, ready to be put in place.

    Parameters
    ----------
    rows
        The table's rows, by label; they may reach beyond the table's present end.
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
        self._box = box
        self._pixels = pixels

    def swap(self, segmented: SegmentedMount) -> "Change":
        """Put this state in place and return the state that was there.

        The label image is written to in place; the table is replaced by a new one.
        """
        table = segmented.table
        touched = self._rows.index.union(table.index[self._n_rows :])
        former = Change(table.loc[touched.intersection(table.index)].copy(), len(table), self._box)
        if self._box is not None and self._pixels is not None:
            former._pixels = segmented.labels[self._box].copy()
            segmented.labels[self._box] = self._pixels
        kept = table.iloc[: self._n_rows].drop(index=self._rows.index, errors="ignore")
        renewed = pd.concat([kept, self._rows.reindex(columns=table.columns)]).sort_index()
        renewed.index = pd.RangeIndex(len(renewed), name="label")
        segmented.table = renewed
        return former


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

    def neighbours(self, gone: list[int]) -> pd.DataFrame:
        """Return the rows of grains near the change that no longer touch another."""
        table, mount = self._segmented.table, self._segmented.mount
        around = np.unique(self._segmented.labels[widened(self.box, self._reach, mount.image.shape)])
        near = np.setdiff1d(np.intersect1d(around, flagged(table, "touching")), gone)
        boxes = pixel_boxes(table, near, mount.pixel_size_um)
        parted = [label for label, box in zip(near, boxes, strict=True) if not self.is_touching(label, box)]
        return table.loc[parted].assign(touching=False)
