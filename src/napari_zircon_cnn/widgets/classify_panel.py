"""The fifth panel: a probability on each grain, a verdict for each sample, and what leaves the house."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QSizePolicy
from superqt import QElidingLabel

from napari_zircon_cnn.export import export_csv, export_geojson, export_labels
from napari_zircon_cnn.grains import SegmentedMount, usable
from napari_zircon_cnn.jobs.classify import verdicts_of
from napari_zircon_cnn.jobs.report import report_project
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.progress import Progress
from napari_zircon_cnn.widgets.answers import Answers
from napari_zircon_cnn.widgets.colour_key import explain_colours, explain_probability
from napari_zircon_cnn.widgets.colours import ANSWERS, Mode
from napari_zircon_cnn.widgets.doubt_box import DoubtBox
from napari_zircon_cnn.widgets.doubts import answer_in_words
from napari_zircon_cnn.widgets.grain_rows import DOUBTS
from napari_zircon_cnn.widgets.grain_table import GrainTable
from napari_zircon_cnn.widgets.histogram import ProbabilityHistogram, SampleHistogram
from napari_zircon_cnn.widgets.legend import ColourLegend
from napari_zircon_cnn.widgets.panel import Panel, button, narrow
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.tasks import in_thread
from napari_zircon_cnn.widgets.train_panel import in_words

Writer = Callable[[SegmentedMount, Path, Progress], None]
"""Writes a sample to a file."""

_MODELS = "Models (*.keras);;All files (*)"
_PRIORS = {
    "training": "Classes as in training",
    "equal": "Classes equally frequent",
    "estimated": "Classes per sample",
}
_MODES: tuple[Mode, ...] = (*ANSWERS, "class", "status")
_WAIT_MS = 300
# Together with the rest they are all seen in a window of 800 px.
_HISTOGRAM_PX, _TABLE_PX = 190, 150


class ClassifyPanel(Panel):
    """Classify the grains of all samples with the model in use."""

    title = "Classify"
    hint = "See a probability on each grain and a verdict for each sample."

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__(napari_viewer, session)
        self.models = self.session.modelling
        self.model = QLabel("")
        self.model.setWordWrap(True)
        self.column.addWidget(self.model)
        row = QHBoxLayout()
        self.load_button = button("Load model …", "A .keras file that Zircon CNN has saved.", self._ask_model)
        self.classify_button = button(
            "Classify all grains", "Ask the model about each grain of the project.", self.classify
        )
        self.save_button = button("Save as …", "Save a copy of the model in use.", self._ask_where)
        for part in (self.load_button, self.save_button, self.classify_button):
            row.addWidget(part)
        self.column.addLayout(row)
        self._add_choices()
        self.legend = ColourLegend()
        self.column.addWidget(self.legend)
        self.histogram = ProbabilityHistogram()
        self.column.addWidget(self.histogram)
        self.histogram.setMaximumHeight(_HISTOGRAM_PX)
        self.assumed = QElidingLabel()
        self.column.addWidget(self.assumed)
        self.doubts = DoubtBox(self.session)
        self.column.addWidget(self.doubts)
        self.table = GrainTable(also=DOUBTS)
        self.table.setMinimumHeight(_TABLE_PX)
        # The height that it would like is more than a small window has.
        self.table.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.column.addWidget(self.table)
        exports: tuple[tuple[str, str, Callable[[], None]], ...] = (
            (
                "CSV …",
                "The table of the sample shown, as it is now.",
                self._export(export_csv, ".csv"),
            ),
            (
                "GeoJSON …",
                "The outlines of the sample shown, in µm, with all columns.",
                self._export(export_geojson, ".geojson"),
            ),
            (
                "TIFF …",
                "The label image of the sample shown, with its pixel size.",
                self._export(export_labels, ".tif"),
            ),
            ("HTML …", "All samples with verdicts and pictures.", self._export_report),
        )
        row = QHBoxLayout()
        row.addWidget(QLabel("Take away"))
        for text, tooltip, clicked in exports:
            row.addWidget(button(text, tooltip, clicked))
        self.column.addLayout(row)

        self._answers = Answers(self.models, self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT_MS)
        self._soon.timeout.connect(self._show_verdicts)
        self.table.selected.connect(self._select)
        self.table.activated.connect(self.session.zoom_to)
        self.models.model_changed.connect(self._show_model)
        self.session.project_changed.connect(self._show_prior)
        self.session.project_changed.connect(self._soon.start)
        self.session.active_changed.connect(lambda _: self._show_sample())
        self.session.rows_changed.connect(self._show_rows)
        self.session.selection_changed.connect(self.table.select)
        self.models.classified.connect(self._on_classified)
        self._show_model()
        self._show_sample()

    def _add_choices(self) -> None:
        row = QHBoxLayout()
        self.prior = narrow(QComboBox())
        for prior, words in _PRIORS.items():
            self.prior.addItem(words, prior)
        self.prior.setToolTip(
            "How frequent the classes are taken to be. Choose before classifying: a rock of one class is no "
            "mixture as the training was."
        )
        self.prior.setAccessibleName("Class frequencies")
        self.colours = narrow(QComboBox())
        for mode in _MODES:
            self.colours.addItem(f"Colours: {mode}", mode)
        self.colours.setToolTip("What the colours on the mount tell; a rejected grain is dimmed in each.")
        self.colours.setAccessibleName("Colours")
        self.colours.activated.connect(lambda _: self._colour())
        row.addWidget(self.prior)
        row.addWidget(self.colours)
        self.column.addLayout(row)

    @property
    def is_done(self) -> bool:
        """Whether the grains of the sample shown have probabilities."""
        active = self.session.active
        return active is not None and bool(active.table["probability"].notna().any())

    def classify(self) -> None:
        """Classify the grains of all samples of the project."""
        self.models.classify(self.prior.currentData())

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 -- Qt's name
        """Show what other panels have changed."""
        super().showEvent(event)
        self._show_legend()

    def _show_model(self) -> None:
        card, path = self.models.card, self.models.model_path
        for part in (self.classify_button, self.save_button):
            part.setEnabled(card is not None)
        self.model.setText(
            f"{path.name}: {in_words(card)}"
            if card is not None and path is not None
            else "No model is in use; train one or load one."
        )
        self._show_legend()

    def _show_legend(self) -> None:
        """Say what the colours on the mount tell, or will tell once the grains are classified."""
        active, answered_by = self.session.active, self.models.answered_by
        card = answered_by or self.models.card
        self.legend.setVisible(card is not None)
        if active is not None and answered_by is not None:
            self.colours.setCurrentIndex(self.colours.findData(active.mode))
            explain_colours(self.legend, active, answered_by)
        elif card is not None:
            explain_probability(self.legend, card)

    def _show_prior(self) -> None:
        """Choose the class frequencies that the probabilities of the project assume."""
        if self.models.answered_by is not None:
            self.prior.setCurrentIndex(self.prior.findData(self.models.answered_by.prior))

    def _colour(self) -> None:
        """Colour the grains of the samples on the screen as is chosen."""
        for sample in self.session.samples.values():
            sample.colour_by(self.colours.currentData(), sample.classes)
        self._show_legend()

    def _on_classified(self) -> None:
        active = self.session.active
        if active is not None and active.mode not in ANSWERS:
            active.colour_by("probability")
        self._show_sample()

    def _show_sample(self) -> None:
        active = self.session.active
        self.table.setVisible(active is not None)
        self.give_height_to(None if active is None else self.table)
        if active is not None:
            self.table.set_table(active.table)
            self.table.select(active.selected)
        self._show_legend()
        self._show_verdicts()

    def _show_rows(self, labels: Any) -> None:
        active = self.session.active
        if active is None:
            return
        if labels is None:
            self.table.set_table(active.table)
        else:
            self.table.update_rows(active.table, labels.tolist())
        self._soon.start()

    def _show_verdicts(self) -> None:
        """Show for each classified sample what its grains say together, as they are now."""
        self._soon.stop()
        card, project = self.models.answered_by, self.session.project
        names = project.samples if project else []
        tables = {name: self.models.table_of(name) for name in names}
        tables = {name: table for name, table in tables.items() if table["probability"].notna().any()}
        there = card is not None and bool(tables)
        active = self.session.active
        self.doubts.setVisible(there and active is not None)
        self.colours.setEnabled(there and active is not None)
        self.doubts.show_doubts()
        if card is None or not tables:
            self._answers.drop("verdicts")
            self._show_histogram([])
            return
        short, at_length = answer_in_words(card)
        self.assumed.setText(short)
        self.assumed.setToolTip(f"<p>{escape(at_length)}</p>")
        task = in_thread("Verdicts", _histograms_of, tables, card, parent=self)
        self._answers.expect(
            "verdicts", task, self._show_histogram, lambda sentence: self.session.say(sentence, wrong=True)
        )

    def _show_histogram(self, rows: Sequence[SampleHistogram]) -> None:
        """Show what the grains of each sample say; a hint where none is classified."""
        self.histogram.set_samples(rows)
        self.hint_label.setVisible(not rows)
        for part in (self.histogram, self.assumed):
            part.setVisible(bool(rows))

    def _select(self, labels: list[int]) -> None:
        if self.session.active is not None:
            self.session.active.select(labels)

    def _ask_model(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a model", "", _MODELS)
        if path:
            self.models.load_model(Path(path))

    def _ask_where(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the model", "model.keras", _MODELS)
        if path:
            self.models.save_model(Path(path))

    def _export(self, write: Writer, suffix: str) -> Callable[[], None]:
        """Return a function that asks for a file and writes the sample shown to it."""

        def ask() -> None:
            active = self.session.active
            if active is None:
                self.session.say(
                    "Open a sample first; what is exported is the one that is shown.", wrong=True
                )
                return
            path, _ = QFileDialog.getSaveFileName(self, "Export", f"{active.name}{suffix}", f"*{suffix}")
            if path:
                self.export_to(write, Path(path))

        return ask

    def export_to(self, write: Writer, path: Path) -> None:
        """Write the sample shown, as it is now, to a file."""
        active = self.session.active
        if active is None:
            return
        live = active.segmented
        still = SegmentedMount(live.mount, live.labels.copy(), live.table)

        def work(progress: Progress) -> None:
            write(still, path, progress)

        task = self.session.run("Exporting", work)
        task.done.connect(lambda _: self.session.say(f"{path} is written."))

    def _export_report(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report")
        if folder:
            self.report_to(Path(folder))

    def report_to(self, folder: Path) -> None:
        """Write the report of all samples, as they are now, to a folder."""
        project = self.session.project
        if project is None:
            self.session.say("There is no project to report on yet; find grains first.", wrong=True)
            return
        task = self.models.run_job(
            "Writing the report", report_project, project.folder, folder, listeners=("progress",)
        )
        task.done.connect(lambda page: self.session.say(f"{page} is written."))


def _histograms_of(
    tables: Mapping[str, pd.DataFrame], card: ModelCard, *, progress: Progress
) -> list[SampleHistogram]:
    """Return what the grains of each sample say together."""
    found: list[SampleHistogram] = []
    for name, table in tables.items():
        # One that is not asked for any more stops here.
        progress(len(found) / len(tables), name)
        found += [
            SampleHistogram(
                name=name,
                probabilities=table.loc[usable(table), "probability"].dropna().to_numpy(),
                mean=row["mean_probability"],
                low=row["low"],
                high=row["high"],
                verdict=row["verdict"],
                in_training=bool(row["in_training"]),
                n_unlike=int(row["n_unlike"]),
            )
            for row in verdicts_of({name: table}, card).to_dict("records")
        ]
    return found
