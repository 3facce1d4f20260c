"""The part of the train panel that says how a network does on grains, and on samples, it has never seen."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.validate import SUMMARY_FILE, Validated, validate_project
from napari_zircon_cnn.widgets.figures_of_merit import figures_of_validation, validation_in_words
from napari_zircon_cnn.widgets.figures_table import FiguresTable
from napari_zircon_cnn.widgets.one_task import OneTask
from napari_zircon_cnn.widgets.panel import button
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.time_spans import duration

FOLDER = "validation"
"""Folder below the project's that holds the tables, the figures, and what a run that was stopped has done."""

_REPEATS, _FOLDS, _MOST = 3, 5, 100
_CUTTING, _TOLD_FROM = 0.05, 0.07
"""Shares of the work after which networks are trained, and after which it is told how long the rest takes."""


@dataclass(frozen=True)
class Chosen:
    """What is chosen for a training, in the words of `train_model`."""

    network: str
    training: Mapping[str, Any]
    crop: Mapping[str, Any]


class ValidationBox(QWidget):
    """Validate the network that is chosen, over grains and over whole samples, and show both side by side.

    Parameters
    ----------
    session
        The session.
    chosen
        Returns what is chosen; a `ZirconError` says what does not fit.
    """

    def __init__(self, session: Session, chosen: Callable[[], Chosen]) -> None:
        super().__init__()
        self._session, self._chosen = session, chosen
        self._began: float | None = None
        self.folds = _number(
            _FOLDS,
            " folds",
            "80:20",
            "Folds over grains; below two a random split, as in the paper.",
        )
        self.repeats = _number(
            _REPEATS, " times", "once", "How often all is done, each time with another seed."
        )
        self.start_button = button(
            "Validate",
            "Train again and again, each time without some grains or without a whole sample, and ask about "
            "these. Samples that are held out above take no part.",
            self.start,
        )
        self.state = QLabel("")
        self.state.setWordWrap(True)
        self._validating = OneTask(
            self.start_button, "Stop", "Stop; the same validation goes on from there.", self.state
        )
        self.stop_button = self._validating.stop_button
        row = QHBoxLayout()
        for part in (self.start_button, self.stop_button, self.folds, self.repeats):
            row.addWidget(part)
        self.table = FiguresTable("Figures of merit over grains and over whole samples")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.table)
        column.addWidget(self.state)
        session.project_changed.connect(self._show_kept)
        self._show_kept()

    def start(self) -> None:
        """Validate in the worker process; the tables are kept in the project's folder."""
        project, models = self._session.project, self._session.modelling
        if project is None or not project.samples:
            self._session.say("There are no grains to validate on yet; find them first.", wrong=True)
            return
        try:
            chosen = self._chosen()
        except ZirconError as error:
            self._session.say(str(error), wrong=True)
            return
        folder = project.folder / FOLDER
        task = models.run_job(
            "Validating",
            validate_project,
            project.folder,
            {name: "" if name in models.held_out else its for name, its in models.classes.items()},
            folder,
            networks=(chosen.network,),
            repeats=self.repeats.value(),
            n_folds=self.folds.value(),
            training=chosen.training,
            crop=chosen.crop,
            listeners=("progress",),
        )
        self._began = None
        self.state.setText("The first network is being trained.")
        task.progressed.connect(self._on_progress)
        task.done.connect(lambda found: self._on_done(found, chosen.network, folder))
        task.cancelled.connect(lambda: self.state.setText("Stopped; Validate goes on from there."))
        self._validating.follow(task)

    def _on_progress(self, fraction: float, message: str) -> None:
        if not self.stop_button.isEnabled():
            return
        now, left = time.monotonic(), ""
        if self._began is None and fraction > _CUTTING:
            self._began = now
        if self._began is not None and fraction >= _TOLD_FROM:
            seconds = (now - self._began) * (1 - fraction) / (fraction - _CUTTING)
            left = f", {duration(seconds)} left"
        self.state.setText(f"{message}{left}")

    def _on_done(self, found: Validated, network: str, folder: Path) -> None:
        project = self._session.project
        if project is None or project.folder / FOLDER != folder:
            return
        self.table.show_figures(figures_of_validation(found.table))
        self.state.setText(f"{validation_in_words(found.table, network)} {found.note}".strip())

    def _show_kept(self) -> None:
        """Show the last validation of the project, if there is one."""
        project = self._session.project
        file = project.folder / FOLDER / SUMMARY_FILE if project is not None else None
        self.table.show_figures(None)
        if not self._validating.is_running:
            self.state.setText("")
        if file is None or not file.is_file():
            return
        try:
            table = pd.read_csv(file)
            figures = figures_of_validation(table)
            made = datetime.fromtimestamp(file.stat().st_mtime).astimezone()
            words = validation_in_words(table, str(table["by"].iloc[-1]))
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            # Another program has written to it; the next validation replaces it.
            return
        self.table.show_figures(figures)
        if not self._validating.is_running:
            self.state.setText(f"Validated on {made:%Y-%m-%d %H:%M}. {words}")


def _number(value: int, suffix: str, for_one: str, explanation: str) -> QSpinBox:
    field = QSpinBox()
    field.setRange(1, _MOST)
    field.setValue(value)
    field.setSuffix(suffix)
    field.setSpecialValueText(for_one)
    field.setToolTip(explanation)
    return field
