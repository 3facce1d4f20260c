"""The fifth panel: a probability on each grain, a verdict for each sample, and what leaves the house."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QSizePolicy

from napari_zircon_cnn.export import export_csv, export_geojson, export_labels
from napari_zircon_cnn.grains import SegmentedMount, usable
from napari_zircon_cnn.jobs.classify import verdicts_of
from napari_zircon_cnn.jobs.report import report_project
from napari_zircon_cnn.progress import Progress
from napari_zircon_cnn.widgets.colours import shades
from napari_zircon_cnn.widgets.grain_table import GrainTable
from napari_zircon_cnn.widgets.histogram import ProbabilityHistogram, SampleHistogram
from napari_zircon_cnn.widgets.legend import ColourLegend
from napari_zircon_cnn.widgets.panel import Panel, button
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.train_panel import in_words

Writer = Callable[[SegmentedMount, Path, Progress], None]
"""Writes a sample to a file."""

_MODELS = "Models (*.keras);;All files (*)"
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
        self.legend = ColourLegend()
        self.column.addWidget(self.legend)
        self.verdicts_heading = self.add_heading("Verdicts")
        self.histogram = ProbabilityHistogram()
        self.column.addWidget(self.histogram)
        self.histogram.setMaximumHeight(_HISTOGRAM_PX)
        self.table = GrainTable()
        self.table.setMinimumHeight(_TABLE_PX)
        # The height that it would like is more than a small window has.
        self.table.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.column.addWidget(self.table)
        self.add_heading("Take away: table, outlines, labels, report")
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
        for text, tooltip, clicked in exports:
            row.addWidget(button(text, tooltip, clicked))
        self.column.addLayout(row)

        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT_MS)
        self._soon.timeout.connect(self._show_verdicts)
        self.table.selected.connect(self._select)
        self.table.activated.connect(self.session.zoom_to)
        self.models.model_changed.connect(self._show_model)
        self.session.project_changed.connect(self._soon.start)
        self.session.active_changed.connect(lambda _: self._show_sample())
        self.session.rows_changed.connect(self._show_rows)
        self.session.selection_changed.connect(self.table.select)
        self.models.classified.connect(self._on_classified)
        self._show_model()
        self._show_sample()

    @property
    def is_done(self) -> bool:
        """Whether the grains of the sample shown have probabilities."""
        active = self.session.active
        return active is not None and bool(active.table["probability"].notna().any())

    def classify(self) -> None:
        """Classify the grains of all samples of the project."""
        self.models.classify()

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
        """Say what the colours of the probabilities tell: of those in the tables, else of those to come."""
        card = self.models.answered_by or self.models.card
        self.legend.setVisible(card is not None)
        if card is not None:
            others = [name for name in card.classes if name != card.target_class]
            self.legend.show_probability(shades(), " or ".join(others), card.target_class)

    def _on_classified(self) -> None:
        if self.session.active is not None:
            self.session.active.colour_by("probability")
        self._show_legend()
        self._show_sample()

    def _show_sample(self) -> None:
        active = self.session.active
        self.table.setVisible(active is not None)
        self.give_height_to(None if active is None else self.table)
        if active is not None:
            self.table.set_table(active.table)
            self.table.select(active.selected)
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
        card, project = self.models.answered_by, self.session.project
        names = project.samples if project else []
        tables = {name: self.models.table_of(name) for name in names}
        tables = {name: table for name, table in tables.items() if table["probability"].notna().any()}
        there = card is not None and bool(tables)
        self.hint_label.setVisible(not there)
        self.verdicts_heading.setVisible(there)
        self.histogram.setVisible(there)
        if card is None or not tables:
            return
        verdicts = verdicts_of(tables, card).set_index("sample")
        self.histogram.set_samples(
            [
                SampleHistogram(
                    name=str(name),
                    probabilities=tables[str(name)]
                    .loc[usable(tables[str(name)]), "probability"]
                    .dropna()
                    .to_numpy(),
                    mean=row["mean_probability"],
                    low=row["low"],
                    high=row["high"],
                    verdict=row["verdict"],
                    in_training=bool(row["in_training"]),
                )
                for name, row in verdicts.iterrows()
            ]
        )

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
