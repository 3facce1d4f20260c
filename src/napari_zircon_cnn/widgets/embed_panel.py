"""The seventh panel: grains laid out by what the network sees in them, linked with mount and table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtGui import QCursor, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolTip

from napari_zircon_cnn.columns import EMBEDDINGS
from napari_zircon_cnn.embedding.axes import axis_correlations
from napari_zircon_cnn.embedding_file import EmbeddingSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.neighbours import Neighbours, Outliers
from napari_zircon_cnn.widgets.colours import shades
from napari_zircon_cnn.widgets.embedding import (
    axis_name,
    column_name,
    embed,
    find_neighbours,
    find_outliers,
    meaning_of,
)
from napari_zircon_cnn.widgets.embedding_layers import EmbeddingLayers
from napari_zircon_cnn.widgets.grain_points import (
    BY_PROBABILITY,
    coloured,
    points_of,
)
from napari_zircon_cnn.widgets.legend import ColourLegend
from napari_zircon_cnn.widgets.neighbour_gallery import NeighbourGallery
from napari_zircon_cnn.widgets.panel import Panel, button
from napari_zircon_cnn.widgets.plot_choices import PlotChoices
from napari_zircon_cnn.widgets.scatter import Scatter
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.tasks import Task

_WAIT_MS = 100


class EmbedPanel(Panel):
    """See which grains are alike to the network, and choose them where they lie together."""

    title = "Embed"
    hint = (
        "See which grains the network takes for alike. Draw around points to select their grains, "
        "with Shift to add; then press R, C or any other key for grains."
    )

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__(napari_viewer, session)
        self._points: pd.DataFrame = points_of({}, "umap")
        self._places: dict[str, NDArray[np.int64]] = {}
        self.layers = EmbeddingLayers(
            self.session, lambda points: self._choose(points, False, goes_there=False), self._show_selection
        )
        self.destroyed.connect(self.layers.close)
        self._is_stale = True
        self.choices = PlotChoices()
        self.compute_button = button("Compute", "Lay out the grains of all samples.", self.compute)
        self.choices.upper.addWidget(self.compute_button, 4)
        self.column.addLayout(self.choices.upper)
        self.state = QLabel("")
        self.state.setWordWrap(True)
        self.state.setAccessibleName("Embedding")
        self.column.addWidget(self.state)
        self.column.addLayout(self.choices.lower)
        self.scatter = Scatter()
        self.scatter.rested_on.connect(self._describe)
        self.column.addWidget(self.scatter)
        self.legend = ColourLegend()
        self.column.addWidget(self.legend)
        self.meaning = QLabel("")
        self.meaning.setWordWrap(True)
        self.meaning.setToolTip(
            "Spearman's rank correlation ρ of each axis with what is measured of the grains."  # noqa: RUF001
        )
        self.column.addWidget(self.meaning)
        self._add_buttons()
        self.gallery = NeighbourGallery()
        self.gallery.hide()
        self.column.addWidget(self.gallery)
        self.give_height_to(self.scatter)

        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT_MS)
        self._soon.timeout.connect(self._show_points)
        self._meaning_soon = QTimer(self)
        self._meaning_soon.setSingleShot(True)
        self._meaning_soon.setInterval(_WAIT_MS)
        self._meaning_soon.timeout.connect(self._show_meaning)
        self.layers.removed.connect(lambda: self.layers_button.setChecked(False))
        self.choices.changed.connect(self._show_points)
        self.choices.tool_changed.connect(lambda tool: setattr(self.scatter, "tool", tool))
        self.scatter.chosen.connect(self._choose)
        self.gallery.went_to.connect(self.go_to)
        self.session.selection_changed.connect(lambda _: self._show_selection())
        for signal in (self.session.active_changed, self.session.rows_changed):
            signal.connect(lambda _: self._show_soon())
        for signal in (self.session.project_changed, self.session.modelling.choices_changed):
            signal.connect(self._show_soon)
        self._show_points()

    def _add_buttons(self) -> None:
        row = QHBoxLayout()
        self.neighbours_button = button(
            "Neighbours", "The grains most like the one that is selected.", self.show_neighbours
        )
        self.outliers_button = button(
            "Outliers", "Select the grains unlike all that the network was trained on.", self.show_outliers
        )
        self.mount_button = button(
            "Colour mount", "Colour the grains on the mount by the first axis of the plot.", self.colour_mount
        )
        self.layers_button = button(
            "As layers", "Show the plot beside the mount, with the grains' thumbnails.", self._show_layers
        )
        self.layers_button.setCheckable(True)
        for part in (self.neighbours_button, self.outliers_button, self.mount_button, self.layers_button):
            row.addWidget(part)
        self.column.addLayout(row)

    @property
    def is_done(self) -> bool:
        """Whether the grains of the sample shown have coordinates."""
        active = self.session.active
        return active is not None and any(
            bool(active.table[f"{method}_1"].notna().any()) for method in EMBEDDINGS
        )

    @property
    def points(self) -> pd.DataFrame:
        """The grains that are shown, a row each, in the order of the scatter's points."""
        return self._points

    def compute(self) -> None:
        """Lay out the grains of all samples of the project."""
        settings = EmbeddingSettings(
            method=self.choices.method.currentData(), fit=self.choices.fit.currentData()
        )
        self._begin(lambda: embed(self.session, settings), lambda _: self._show_soon())

    def show_neighbours(self) -> None:
        """Show the grains most like the one that is selected."""
        self._begin(lambda: find_neighbours(self.session), self._show_neighbours)

    def show_outliers(self) -> None:
        """Select the grains unlike all that the network was trained on, and show them."""
        self._begin(lambda: find_outliers(self.session), self._show_outliers)

    def colour_mount(self) -> None:
        """Colour the grains of each sample on the screen by the first axis of the plot."""
        mode = axis_name(f"{self.choices.method.currentData()}_{self.choices.view.currentData()[0]}")
        for sample in self.session.samples.values():
            sample.colour_by(mode, sample.classes)
        self.session.say(f"The grains on the mount are coloured by {mode}; Curate has the legend.")

    def go_to(self, name: str, label: int) -> None:
        """Turn to a grain, whose sample is opened if it is not on the screen."""
        sample = self.session.samples.get(name)
        if sample is None:
            self.session.open_sample(name).done.connect(lambda _: self.go_to(name, label))
            return
        if sample is not self.session.active:
            self.session.activate(name)
        sample.select([label])
        self.session.bring_into_view(label)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 -- Qt's name
        """Show what has changed meanwhile."""
        super().showEvent(event)
        if self._is_stale:
            self._show_points()

    def _begin(self, start: Callable[[], Task], done: Callable[[Any], None]) -> None:
        """Start a job; what is wrong is said in the panel too."""
        try:
            task = start()
        except ZirconError as error:
            self._say_wrong(str(error))
            self.session.say(str(error), wrong=True)
            return
        self._allow(allowed=False)
        self.state.setText(f"{task.name} …")
        task.done.connect(done)
        task.failed.connect(lambda sentence, _: self._say_wrong(sentence))
        task.cancelled.connect(lambda: self.state.setText(f"{task.name} was cancelled."))
        task.ended.connect(self._allow)

    def _allow(self, *, allowed: bool = True) -> None:
        for part in (self.compute_button, self.neighbours_button, self.outliers_button):
            part.setEnabled(allowed)

    def _say_wrong(self, sentence: str) -> None:
        self.state.setText(f"⚠ {sentence}")

    def _show_soon(self) -> None:
        self._is_stale = True
        if self.isVisible():
            self._soon.start()

    def _show_points(self) -> None:
        """Show the grains of the samples on the screen as they are now."""
        self._is_stale = False
        method = self.choices.method.currentData()
        tables = {name: sample.table for name, sample in self.session.samples.items()}
        self._points = points_of(tables, method)
        self._places = {}
        for name, table in tables.items():
            here = np.flatnonzero(self._points["sample"] == name)
            self._places[name] = np.full(len(table), -1, np.int64)
            self._places[name][self._points["label"].to_numpy(np.int64)[here]] = here
        there = len(self._points) > 0
        for part in (self.scatter, self.legend, self.meaning):
            part.setVisible(there)
        self.give_height_to(self.scatter if there else None)
        if there:
            self._draw_points()
            # It takes as long as all else, and nobody waits for it.
            self._meaning_soon.start()
            self._show_selection()
        else:
            self.layers.set_points(self._points, [], np.empty((0, 4), np.uint8))
            self.scatter.set_points(np.empty((0, 2)), np.empty((0, 4)), [], ("", ""))
            self.state.setText(
                f"The grains on the screen have no {method.upper()} coordinates yet; press Compute."
            )

    def _show_meaning(self) -> None:
        """Tell what the axes go along with."""
        tables = [sample.table for sample in self.session.samples.values()]
        self.meaning.setText(meaning_of(axis_correlations(tables, self.choices.method.currentData())))

    def _draw_points(self) -> None:
        method, by = self.choices.method.currentData(), self.choices.colour.currentData()
        axes = [f"{method}_{axis}" for axis in self.choices.view.currentData()]
        if self._points[axes].isna().any(axis=None):
            # There may be but two.
            axes = [f"{method}_1", f"{method}_2"]
        colouring = coloured(self._points, by, self.session.modelling.classes)
        markers = pd.factorize(self._points["sample"])[0]
        self.scatter.set_points(
            self._points[axes].to_numpy(np.float64),
            colouring.rgba,
            markers,
            [axis_name(axis) for axis in axes],
        )
        self.layers.set_points(self._points, axes[:2], colouring.rgba)
        if by == BY_PROBABILITY:
            card = self.session.modelling.answered_by
            others = [name for name in card.classes if name != card.target_class] if card else ["0"]
            self.legend.show_probability(shades(), " or ".join(others), card.target_class if card else "1")
        elif colouring.ends is not None:
            self.legend.show_range(shades(), column_name(by), *colouring.ends)
        else:
            self.legend.show_swatches(colouring.swatches)

    def _show_layers(self) -> None:
        """Show the plot as layers beside the mount, or no longer."""
        if self.layers_button.isChecked() and not len(self._points):
            self.layers_button.setChecked(False)
            self._say_wrong("There are no points to show as layers yet; press Compute.")
        self.layers.want(wanted=self.layers_button.isChecked())

    def _show_selection(self) -> None:
        """Mark the points of the grains that are selected, and count them."""
        found, parts = [], []
        for name, sample in self.session.samples.items():
            places = self._places.get(name)
            if places is None or not sample.selected:
                continue
            here = np.array([label for label in sample.selected if label < len(places)], np.int64)
            found.append(places[here])
            parts.append(f"{len(sample.selected)} in {name}")
        marked = np.concatenate(found) if found else np.empty(0, np.int64)
        marked = marked[marked >= 0]
        self.scatter.mark(marked)
        self.layers.mark(marked)
        if not len(self._points):
            return
        words = f"{len(self._points)} grains are shown; selected: {', '.join(parts) or 'none'}."
        if len(parts) > 1 and self.session.active is not None:
            together = self.session.together.others(self.session.active)
            words += (
                " A, R, C and D act on all of them in one step."
                if len(together) == len(parts) - 1
                else f" Keys act on those of {self.session.active.name}, which is shown."
            )
        self.state.setText(words)

    def _choose(self, points: NDArray[np.int64], adds: bool, *, goes_there: bool = True) -> None:
        """Select the grains of points in their samples, and turn to a sample that has some."""
        rows = self._points.iloc[points]
        chosen = {
            str(name): [int(label) for label in part["label"]]
            for name, part in rows.groupby("sample", sort=False)
        }
        is_click = len(points) == 1
        wanted = {}
        for name, sample in self.session.samples.items():
            labels = chosen.get(name, [])
            if adds and is_click and labels and labels[0] in sample.selected:
                wanted[sample] = [label for label in sample.selected if label != labels[0]]
            else:
                wanted[sample] = [*(sample.selected if adds else ()), *labels]
        self.session.together.choose(wanted)
        active = self.session.active
        if chosen and (active is None or not active.selected):
            self.session.activate(max(chosen, key=lambda name: len(chosen[name])))
        active = self.session.active
        if goes_there and is_click and active is not None and chosen.get(active.name):
            self.session.bring_into_view(chosen[active.name][0])
        self._show_selection()

    def _show_neighbours(self, found: Neighbours) -> None:
        crops = [None] * (1 + len(found.neighbours)) if found.crops is None else list(found.crops)
        self._show_gallery([found.grain, *found.neighbours], crops)
        grain = found.grain
        self.state.setText(
            f"Grain {grain.label} of {grain.sample} and its {len(found.neighbours)} neighbours; "
            f"click one to go there. {found.note}".strip()
        )

    def _show_outliers(self, found: Outliers) -> None:
        crops = [] if found.crops is None else list(found.crops)
        self._show_gallery(found.outliers[: len(crops)], crops)
        labels: dict[str, list[int]] = {}
        for grain in found.outliers:
            labels.setdefault(grain.sample, []).append(grain.label)
        samples = self.session.samples
        self.session.together.choose({samples[name]: labels.get(name, []) for name in samples})
        self._show_selection()
        where = ", ".join(f"{len(some)} in {name}" for name, some in labels.items())
        self.state.setText(
            f"{len(found.outliers)} of {found.n_grains} grains are unlike all that the network was trained "
            f"on: {where}; click one to go there. Those of the samples on the screen are selected."
            if labels
            else f"None of {found.n_grains} grains is unlike those that the network was trained on."
        )

    def _show_gallery(self, grains: list[Any], crops: list[Any]) -> None:
        card = self.session.modelling.card
        self.gallery.show_grains(grains, crops, card.target_class if card else "the target class")
        self.gallery.setVisible(bool(grains))

    def _describe(self, point: int) -> None:
        """Show what is known of a point's grain beside the mouse."""
        row = self._points.iloc[point]
        p = row["probability"]
        words = [f"Grain {row['label']} of {row['sample']}", row["status"], row["class"]]
        words.append("" if pd.isna(p) else f"probability {p:.2f}")
        QToolTip.showText(QCursor.pos(), "; ".join(word for word in words if word), self.scatter)
