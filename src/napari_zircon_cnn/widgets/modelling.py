"""Classes, models and the jobs on them: what goes through the worker process, and what comes back."""

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_zircon_cnn.autosave import Autosave
from napari_zircon_cnn.class_file import in_order, names_in
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.grains import usable, with_probabilities
from napari_zircon_cnn.jobs.classify import Predictions, predict_project, verdicts_of
from napari_zircon_cnn.jobs.warm_up import found_devices, warm_up, warm_up_beside
from napari_zircon_cnn.networks.card import ModelCard, Prior, read_card
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_choices import Choices, save_classes, save_held_out, save_model_file
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.preferences import Preferences, preferences
from napari_zircon_cnn.widgets.tasks import Task, of_worker
from napari_zircon_cnn.worker import Done, Outcome, Worker

_UNTIL_READY_MS = 5000
_UNTIL_ALONE_MS = 30_000
_SAME_OUTLINE = ["area_um2", "centroid_x_um", "centroid_y_um", "perimeter_um"]


class Workspace(Protocol):
    """What classifying needs of a session: the project, the samples on the screen, and a voice."""

    samples: dict[str, OpenSample]

    @property
    def project(self) -> Project | None:
        """The project, if there is one yet."""

    def ensure_project(self) -> Autosave:
        """Return the project's autosave; without a project one is made."""

    def save_changed(self) -> "list[Future[None]]":
        """Begin to write the samples that have changed since they were last written."""

    def watch(self, task: Task) -> Task:
        """Keep a task until it ends, and say where it fails."""

    def say(self, sentence: str, *, wrong: bool = False) -> None:
        """Tell the user something."""


class Modelling(QObject):
    """What a session knows of classes and models.

    Parameters
    ----------
    session
        The session.
    parent
        The Qt object whose end is the end of this one.
    """

    choices_changed = Signal()
    """The class of a sample, what is held out or the class whose probability is shown is another."""
    model_changed = Signal()
    """Another model is in use, or none."""
    classified = Signal()
    """The grains have a model's new answer."""
    devices_found = Signal(object)
    """The names of the devices that jobs can compute on, a list."""

    def __init__(self, session: Workspace, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.classes: dict[str, str] = {}
        self.held_out: tuple[str, ...] = ()
        self.target = ""
        """The class whose probability the user wants to see; empty where nobody has chosen."""
        self.card: ModelCard | None = None
        self.model_path: Path | None = None
        self.answered_by: ModelCard | None = None
        """The card of the model whose probabilities stand in the tables."""
        self._tables: dict[str, pd.DataFrame] = {}
        self._training: Task | None = None
        self._beside: Worker | None = None
        self._ready_soon = QTimer(self)
        self._ready_soon.setSingleShot(True)
        self._ready_soon.timeout.connect(self._get_ready)
        self._is_ready = False
        self._one_is_enough = QTimer(self)
        self._one_is_enough.setSingleShot(True)
        self._one_is_enough.timeout.connect(self._end_beside)

    @cached_property
    def worker(self) -> Worker:
        """The process for jobs, which starts with the first; napari takes its time to read preferences."""
        return Worker(preferences().environment, warm_up)

    @property
    def is_training(self) -> bool:
        """Whether the worker process trains, or will."""
        return self._training is not None

    @property
    def free_worker(self) -> Worker:
        """The worker process, or while it trains another one, which starts when it is first asked for.

        It computes on the CPU, since a training may take all of a GPU's memory.
        """
        if self._training is None:
            return self.worker
        if self._beside is None:
            self._beside = Worker(Preferences(device="CPU").environment, warm_up_beside)
        return self._beside

    def close(self) -> None:
        """End the processes."""
        self.worker.close()
        if self._beside is not None:
            self._beside.close()

    def get_ready_soon(self) -> None:
        """Start the worker process once the user has grains to look at, so that no job waits for it."""
        if not self._is_ready and not self._ready_soon.isActive():
            self._ready_soon.start(_UNTIL_READY_MS)

    def forget_tables(self) -> None:
        """Read the tables anew when next asked for, since they are of another project."""
        self._tables.clear()

    def table_of(self, sample: str) -> pd.DataFrame:
        """Return a sample's grain table as it is now, on the screen or in the project."""
        if sample in self._session.samples:
            return self._session.samples[sample].table
        if sample not in self._tables and self._session.project is not None:
            self._tables[sample] = self._session.project.table(sample)
        return self._tables[sample]

    def put_tables(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Take over tables of samples that are not on the screen, which may not be written yet."""
        self._tables.update(tables)

    def run_job(
        self, name: str, job: Callable[..., Any], *arguments: Any, listeners: Sequence[str] = (), **named: Any
    ) -> Task:
        """Run a job in the worker process that is free, once all that was done before is on disk.

        Parameters
        ----------
        name
            What the user reads that it is.
        job
            A function at the top of a module, with the keyword `progress`.
        *arguments
            What it is called with; can be pickled, as what is named.
        listeners
            Keywords of the job that get a function; what it is called with comes by `Task.heard`.
        **named
            What it is called with by name.

        Returns
        -------
        Task
            The task.
        """
        saves, worker = self._session.save_changed(), self.free_worker
        # A model's answer may wait there that was not asked for just now.
        saves.append(self._session.ensure_project().do(lambda: None))
        return self._session.watch(
            of_worker(name, worker, saves, job, *arguments, listeners=listeners, parent=self, **named)
        )

    def run_training(self, job: Callable[..., Any], *arguments: Any, **named: Any) -> Task:
        """Run a job that trains, as `run_job` does; others need not wait for its end."""
        self._training = self.run_job("Training", job, *arguments, **named)
        self._training.ended.connect(self._end_training)
        return self._training

    def take_up(self, choices: Choices) -> None:
        """Go on with what was chosen for the project that is now open.

        A project that has no model yet goes on with the one in use.
        """
        names = names_in(choices.classes)
        self.classes, self.held_out = dict(choices.classes), choices.held_out
        self.target = names[-1] if len(names) > 1 else ""
        self.answered_by = choices.answered_by
        if choices.model_file is None and not choices.problems and self.model_path is not None:
            self._keep_model()
        else:
            self.model_path, self.card = choices.model_file, choices.card
        self.model_changed.emit()
        if choices.problems:
            self._session.say(" ".join(choices.problems), wrong=True)

    def choose(self, classes: Mapping[str, str], held_out: Sequence[str], target: str) -> None:
        """Say of which class the samples are and which are held out from training; the project keeps it.

        Parameters
        ----------
        classes
            The class by sample; empty where it is not known.
        held_out
            The samples that are held out.
        target
            The class whose probability is shown; it is named last.
        """
        ordered = in_order(classes, target)
        former, self.classes = self.classes, ordered
        held_before, self.held_out = self.held_out, tuple(held_out)
        is_other = list(ordered.items()) != list(former.items())
        if is_other and (names_in(ordered) or names_in(former)):
            self._keep("The classes", save_classes, ordered)
        if self.held_out != held_before:
            self._keep("What is held out", save_held_out, self.held_out)
        if is_other or self.held_out != held_before:
            self.choices_changed.emit()

    def read_classes(self, path: Path) -> None:
        """Take the classes of a CLASSES.csv for the samples of the project; a `ZirconError` says why not."""
        samples = self._session.project.samples if self._session.project else []
        # At the top it would load scikit-learn before a panel can be seen.
        from napari_zircon_cnn.dataset import sample_classes  # noqa: PLC0415

        self.choose(self.classes | sample_classes(path, samples).by_sample, self.held_out, self.target)

    def save_model(self, path: Path) -> bool:
        """Save a copy of the model in use; return whether that was possible, and say why not."""
        if self.model_path is None:
            self._session.say("There is no model to save; train one or load one.", wrong=True)
            return False
        try:
            with atomic_path(path) as temporary:
                shutil.copyfile(self.model_path, temporary)
        except (OSError, ZirconError) as error:
            self._session.say(f"{path} cannot be written ({error}); choose another place.", wrong=True)
            return False
        self._session.say(f"{path} is written.")
        return True

    def new_model_path(self, network: str) -> Path:
        """Return where the next model of a network goes: to the project's folder of models."""
        folder = self._session.ensure_project().project.folder / "models"
        number = 1
        while (path := folder / f"{network}-{number}.keras").exists():
            number += 1
        return path

    def load_model(self, path: Path) -> bool:
        """Use a model from a file; return whether it is one, and say why not."""
        try:
            self.use_model(path, read_card(path))
        except ZirconError as error:
            self._session.say(str(error), wrong=True)
            return False
        return True

    def use_model(self, path: Path, card: ModelCard) -> None:
        """Use a model; the project notes which."""
        self.model_path, self.card = path, card
        self._keep_model()
        self.model_changed.emit()

    def classify(self, prior: Prior = "training") -> Task | None:
        """Ask the model in use about each grain of the project; see `predict_project` for the prior."""
        project = self._session.project
        if self.model_path is None or project is None or not project.samples:
            self._session.say(
                "Classifying needs grains and a model: find grains, then train or load one.", wrong=True
            )
            return None
        asked = {name: self.table_of(name) for name in project.samples}
        task = self.run_job(
            "Classifying",
            predict_project,
            project.folder,
            self.model_path,
            listeners=("progress",),
            prior=prior,
        )
        task.done.connect(lambda predictions: self._take_over(predictions, asked))
        return task

    def _keep(self, what: str, write: Callable[..., None], *arguments: Any) -> None:
        # Without a project there is nothing yet that it could belong to.
        if self._session.project is not None:
            self._session.ensure_project().keep(what, write, *arguments)

    def _keep_model(self) -> None:
        if self.model_path is not None and self.card is not None:
            self._keep("The model in use", save_model_file, self.model_path, self.card.members_sha256)

    def _end_training(self) -> None:
        self._training = None
        self._one_is_enough.start(_UNTIL_ALONE_MS)

    def _end_beside(self) -> None:
        """End the second process, which holds half a gigabyte, once nothing is asked of it any more."""
        if self._beside is None or self._training is not None:
            return
        if self._beside.busy:
            self._one_is_enough.start(_UNTIL_ALONE_MS)
            return
        # Its end may take a second, and the window must not wait.
        threading.Thread(target=self._beside.close, daemon=True).start()
        self._beside = None

    def _get_ready(self) -> None:
        self._is_ready = True
        self.worker.submit(found_devices, on_done=self._on_devices)

    def _on_devices(self, outcome: Outcome) -> None:
        # This is the worker's thread; a signal goes over to the window's.
        if isinstance(outcome, Done):
            self.devices_found.emit(outcome.value)

    def _take_over(self, predictions: Predictions, asked: dict[str, pd.DataFrame]) -> None:
        """Put a model's answer into the tables; grains that have changed meanwhile have none."""
        card, autosave = predictions.card, self._session.ensure_project()
        # The label images do not change with the answer, so that the tables alone are written with it.
        self._session.save_changed()
        tables = {}
        for name, (labels, probabilities, doubt) in predictions.samples.items():
            now = self.table_of(name)
            same = unchanged(asked[name], now, labels)
            tables[name] = with_probabilities(
                now,
                labels[same],
                probabilities[same],
                card.classes,
                card.target_class,
                doubt={column: values[same] for column, values in doubt.items()},
            )
            if name in self._session.samples:
                self._session.samples[name].classified(tables[name], card.classes)
        self.put_tables(tables)
        self.answered_by = card
        self.classified.emit()
        # Last, since what is written beside the window slows down what is shown.
        autosave.keep_tables("The model's answer", _save_answer, tables, card)
        n_grains = sum(len(usable(table)) for table in tables.values())
        self._session.say(f"{n_grains} grains in {len(tables)} samples are classified.")


def _save_answer(project: Project, tables: Mapping[str, pd.DataFrame], card: ModelCard) -> None:
    """Write tables with a model's answer and the verdicts, which take too long for the window."""
    facts = card.model_dump(mode="json", by_alias=True)
    project.save_classification(tables, verdicts_of(tables, card), facts)


def unchanged(before: pd.DataFrame, now: pd.DataFrame, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which grains have the outline that they had before."""
    there = labels < len(now)
    same = np.zeros(len(labels), bool)
    known = labels[there]
    one, other = (table.iloc[known][_SAME_OUTLINE].to_numpy() for table in (before, now))
    same[there] = (one == other).all(axis=1)
    return same
