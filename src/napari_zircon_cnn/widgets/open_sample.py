"""A sample on the screen: its grains, the layers that show them, and all that is done to them."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_zircon_cnn.actions import Action, Redraw
from napari_zircon_cnn.curation import Curation, Mark, Touched
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.flags import Box
from napari_zircon_cnn.grains import SegmentedMount, existing, pixel_boxes
from napari_zircon_cnn.runs import runs_of
from napari_zircon_cnn.widgets.colours import (
    ANSWERS,
    COORDINATES,
    Mode,
    colour_map,
    drawn,
    places_of,
    recoloured,
    with_selected,
)
from napari_zircon_cnn.widgets.layers import METADATA, frame_of

Position = Sequence[float] | NDArray[np.float64]
"""A place in the world: its last two numbers are those down and to the right."""

_LOOK_AFTER_MS = 50
_ROWS_AT_A_TIME = 1024
_WHILE_PAINTING = 0.35
# napari draws a few pixels alone in a tenth of the time, but keeps each change for an undo of its own.
_FEW_PX, _FEW_BOXES = 20_000, 8


class OpenSample(QObject):
    """One sample with its layers: the mosaic, its grains to edit, and their colours.

    The segmented mount is the truth. The labels layer shows a copy of its label image: what a person
    paints there becomes an action, like every other, so that one history covers all.

    Parameters
    ----------
    viewer
        The viewer to show it in.
    image
        The mosaic's layer.
    curation
        The sample's curation.
    """

    changed = Signal(object)
    """The labels whose rows have changed, an array; all have where it is None."""
    selection_changed = Signal(object)
    """The selected labels, a tuple."""
    refused = Signal(str)
    """Why something that was painted could not be taken over."""

    def __init__(self, viewer: Viewer, image: Image, curation: Curation) -> None:
        super().__init__()
        self._viewer = viewer
        self.image = image
        self.curation = curation
        # The layer may be renamed, also while its grains are looked for; the sample keeps its name.
        image.metadata[METADATA] = image.metadata.get(METADATA, {}) | {"sample": self.name}
        self.mode: Mode = "status"
        self.classes: tuple[str, ...] = ()
        self.selected: tuple[int, ...] = ()
        self._is_writing = False
        self._places: NDArray[np.uint8] = places_of(self.table, self.mode)
        self._raster = np.zeros(self.segmented.labels.shape, np.uint8)
        self._draw_all()
        self.colours = viewer.add_labels(
            self._raster,
            name=f"{self.name} colours",
            colormap=colour_map(),
            opacity=1.0,
            **frame_of(image),
        )
        self.colours.editable = False
        self._shown = self.segmented.labels.copy()
        self.grains: Labels = viewer.add_labels(
            self._shown,
            name=f"{self.name} grains",
            features=self.table,
            opacity=_WHILE_PAINTING,
            # One colour for all: the layer below tells the grains apart.
            colormap=CyclicLabelColormap(colors=np.array([[0, 0, 0, 0], [1, 1, 1, 0.01]])),
            **frame_of(image),
        )
        self._look_soon = QTimer(self)
        self._look_soon.setSingleShot(True)
        self._look_soon.timeout.connect(self.take_over_painting)
        self.grains.events.paint.connect(self._on_paint)
        self.grains.events.set_data.connect(self._on_set_data)
        self.grains.events.data.connect(self._on_set_data)

    @property
    def segmented(self) -> SegmentedMount:
        """The mount with the truth about its grains."""
        return self.curation.segmented

    @property
    def name(self) -> str:
        """The sample's name."""
        return self.segmented.mount.sample

    @property
    def table(self) -> pd.DataFrame:
        """The grain table."""
        return self.segmented.table

    @property
    def layers(self) -> tuple[Any, ...]:
        """The sample's layers, from the lowest to the highest."""
        return self.image, self.colours, self.grains

    def perform(self, action: Action, mark: Mark | None = None) -> Touched:
        """Do an action and show it; a `ZirconError` says where it does not fit."""
        self.take_over_painting()
        return self._shown_after(self.curation.perform(action, mark))

    def undo(self) -> Touched:
        """Take the last action back and show it; a `ZirconError` says when there is none."""
        self.take_over_painting()
        return self._shown_after(self.curation.undo())

    def redo(self) -> Touched:
        """Do again what was last undone and show it; a `ZirconError` says when there is nothing."""
        self.take_over_painting()
        return self._shown_after(self.curation.redo())

    def classified(self, table: pd.DataFrame, classes: Iterable[str]) -> None:
        """Show a table with a model's new answer."""
        self.curation.classified(table, classes)
        self.grains.features = self.table
        if self.mode in ANSWERS:
            self.colour_by(self.mode, self.classes)
        self.changed.emit(None)

    def embedded(self, table: pd.DataFrame, method: str) -> None:
        """Show a table with the coordinates of a new embedding."""
        self.curation.embedded(table, method)
        self.grains.features = self.table
        if self.mode in COORDINATES:
            self.colour_by(self.mode, self.classes)
        self.changed.emit(None)

    def select(self, labels: Sequence[int]) -> None:
        """Mark grains; labels without a grain are left out."""
        there = set(existing(self.table).tolist())
        chosen = tuple(dict.fromkeys(int(label) for label in labels if int(label) in there))
        if chosen == self.selected:
            return
        former, self.selected = self.selected, chosen
        # First, so that what is asked of other processes is answered while the layers change.
        self.selection_changed.emit(chosen)
        self._recolour(np.array(sorted({*chosen, *former} & there), np.int64))
        if len(self.selected) == 1:
            with self._writing():
                self.grains.selected_label = self.selected[0]

    def colour_by(self, mode: Mode, classes: Sequence[str] = ()) -> None:
        """Colour all grains by status, probability, class or a coordinate of an embedding."""
        self.mode, self.classes = mode, tuple(classes)
        self._places = places_of(self.table, mode, self.classes)
        places = with_selected(self._places, self.selected)
        for start in range(0, len(self._raster), _ROWS_AT_A_TIME):
            rows = slice(start, start + _ROWS_AT_A_TIME)
            self._raster[rows] = recoloured(self._raster[rows], self.segmented.labels[rows], places)
        self.colours.refresh()

    def label_at(self, position: Position) -> int:
        """Return the label at a position in the world, 0 where there is no grain."""
        at = np.rint(self.grains.world_to_data(position)[-2:]).astype(int)
        inside = all(0 <= place < length for place, length in zip(at, self._shown.shape, strict=True))
        return int(self.segmented.labels[tuple(at)]) if inside else 0

    def label_on_line(self, line: NDArray[np.float64]) -> int | None:
        """Return the label that most of a line lies on; None where none is.

        Parameters
        ----------
        line
            Its corners (row, column) in px, shape (n, 2).
        """
        parts = [
            np.linspace(start, stop, int(np.abs(stop - start).max()) + 2)
            for start, stop in itertools.pairwise(line)
        ]
        rows, columns = np.rint(np.concatenate(parts)).astype(int).T
        height, width = self._shown.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        under = self.segmented.labels[rows[inside], columns[inside]]
        under = under[under > 0]
        return int(np.bincount(under).argmax()) if len(under) else None

    def labels_in(self, corner: Position, opposite: Position) -> list[int]:
        """Return the labels whose centre lies in a box between two positions in the world."""
        um = self.segmented.mount.pixel_size_um
        one, other = (np.asarray(self.grains.world_to_data(place)[-2:]) * um for place in (corner, opposite))
        (top, left), (bottom, right) = np.minimum(one, other), np.maximum(one, other)
        x, y = self.table["centroid_x_um"], self.table["centroid_y_um"]
        return np.flatnonzero((x.between(left, right) & y.between(top, bottom)).to_numpy()).tolist()

    def world_box(self, labels: Sequence[int], margin_um: float = 0.0) -> tuple[Any, Any]:
        """Return two opposite corners, in the world, of the box around some grains."""
        rows = self.table.loc[list(labels)]
        um = self.segmented.mount.pixel_size_um
        low = rows[["bbox_y_min_um", "bbox_x_min_um"]].min().to_numpy() - margin_um
        high = rows[["bbox_y_max_um", "bbox_x_max_um"]].max().to_numpy() + margin_um
        return self.grains.data_to_world(low / um), self.grains.data_to_world(high / um)

    def take_over_painting(self) -> None:
        """Make what was painted since the last look an action of its own."""
        self._look_soon.stop()
        data = self.grains.data
        if data is not self._shown and data.shape != self._shown.shape:
            self._put_back()
            self.refused.emit(
                f"The grains of {self.name} need the shape of their mosaic, "
                f"{self._shown.shape[1]} x {self._shown.shape[0]} px; the other labels were not taken over."
            )
            return
        box = _changed_box(np.asarray(data), self.segmented.labels)
        if box is not None:
            painted = np.asarray(data)[box].astype(np.int32)
            action, n_before = self._redraw(painted, box), len(self.table)
            try:
                touched = self.curation.perform(action)
            except ZirconError as error:
                self._put_back()
                self.refused.emit(str(error))
                return
            if data is not self._shown:
                self._put_back()
            self._shown_after(touched)
            if (touched.labels >= n_before).any():
                # The brush goes on with the grain that it began, under the label that this was given.
                with self._writing():
                    self.grains.selected_label = int(touched.labels.max())
        elif data is not self._shown:
            self._put_back()

    def _redraw(self, painted: NDArray[np.int32], box: Box) -> Redraw:
        """Return the action for what was painted in a box; new grains get the next free labels."""
        changed = painted != self.segmented.labels[box]
        new = np.setdiff1d(painted[changed], [0, *existing(self.table).tolist()])
        for n, label in enumerate(new[new > 0].tolist()):
            here = changed & (painted == label)
            painted = np.where(here, np.int32(len(self.table) + n), painted)
        painted[painted < 0] = 0
        return Redraw(runs_px=runs_of(painted, changed, box))

    def _put_back(self) -> None:
        """Show the truth again in place of whatever the layer shows."""
        np.copyto(self._shown, self.segmented.labels)
        with self._writing():
            if self.grains.data is not self._shown:
                self.grains.data = self._shown
            self.grains.refresh()

    def _shown_after(self, touched: Touched) -> Touched:
        """Bring the layers to the state after a step."""
        self._places = places_of(self.table, self.mode, self.classes)
        gone = set(self.selected) - set(existing(self.table).tolist())
        if gone:
            self.selected = tuple(label for label in self.selected if label not in gone)
        if touched.box is not None:
            places = with_selected(self._places, self.selected)
            with self._writing():
                _put(self.grains, self._shown, [(touched.box, self.segmented.labels[touched.box])])
            _put(self.colours, self._raster, [drawn(self.segmented.labels, places, touched.box)])
        self._recolour(touched.labels)
        with self._writing():
            self.grains.features = self.table
        self.changed.emit(touched.labels)
        if gone:
            self.selection_changed.emit(self.selected)
        return touched

    def _recolour(self, labels: NDArray[np.int64]) -> None:
        places = with_selected(self._places, self.selected)
        there = np.intersect1d(labels, existing(self.table))
        boxes = pixel_boxes(self.table, there, self.segmented.mount.pixel_size_um)
        parts = ((box, recoloured(self._raster[box], self.segmented.labels[box], places)) for box in boxes)
        _put(self.colours, self._raster, parts, are_few=len(boxes) <= _FEW_BOXES)

    def _draw_all(self) -> None:
        rows, columns = self.segmented.mount.image.shape
        places = with_selected(self._places, self.selected)
        for start in range(0, rows, _ROWS_AT_A_TIME):
            box = (slice(start, min(start + _ROWS_AT_A_TIME, rows)), slice(0, columns))
            part, pixels = drawn(self.segmented.labels, places, box)
            self._raster[part] = pixels

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Mark what happens to the layers as ours, so that it is not taken for painting."""
        before, self._is_writing = self._is_writing, True
        try:
            yield
        finally:
            self._is_writing = before

    def _on_paint(self, event: Any) -> None:  # noqa: ARG002 -- napari passes one
        # napari tells of a change before it has written it.
        if not self._is_writing:
            self._look_soon.start(0)

    def _on_set_data(self, event: Any) -> None:  # noqa: ARG002 -- napari passes one
        if not self._is_writing:
            self._look_soon.start(_LOOK_AFTER_MS)


def _put(
    layer: Labels,
    data: NDArray[Any],
    parts: Iterable[tuple[Box, NDArray[Any]]],
    *,
    are_few: bool = True,
) -> None:
    """Put pixels in boxes of a layer's data, and draw those that are new, alone where they are few."""
    is_stale = False
    # A hidden layer shows an older view, which may have another shape.
    are_few = are_few and layer.visible
    for box, pixels in parts:
        rows, columns = np.nonzero(data[box] != pixels)
        if len(rows) and are_few and len(rows) <= _FEW_PX:
            layer.data_setitem((rows + box[0].start, columns + box[1].start), pixels[rows, columns])
        elif len(rows):
            data[box] = pixels
            is_stale = True
    if is_stale:
        layer.refresh()


def _changed_box(shown: NDArray[Any], labels: NDArray[np.int32]) -> Box | None:
    """Return the smallest box in which two label images differ."""
    found: list[tuple[int, int, int, int]] = []
    for start in range(0, len(labels), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        differs = shown[rows] != labels[rows]
        if differs.any():
            lines, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
            found.append((start + lines[0], start + lines[-1] + 1, columns[0], columns[-1] + 1))
    if not found:
        return None
    tops, bottoms, lefts, rights = zip(*found, strict=True)
    return slice(int(min(tops)), int(max(bottoms))), slice(int(min(lefts)), int(max(rights)))
