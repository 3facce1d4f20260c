"""Many trainings that differ in one thing, kept one by one, so that a killed run goes on where it was."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.jobs.loading import known_grains
from napari_zircon_cnn.networks.registry import check_training, network_names, network_spec
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.networks.start import start_keras
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.settings import validated

if TYPE_CHECKING:
    from napari_zircon_cnn.dataset import ClassSource, Dataset
    from napari_zircon_cnn.metrics import Probabilities

SIZES = (50, 100, 200, 400, 678)
"""Grains to train with; the paper's figure 9 ends at 678."""

HYPERPARAMETERS: dict[str, tuple[Any, ...]] = {
    "learning_rate": (0.0001, 0.001, 0.01),
    "optimiser": ("adam", "rmsprop", "sgd"),
    "activation": ("relu", "elu", "tanh"),
    "padding": ("same", "valid"),
    "stride": (1, 2),
    "kernel_size": (3, 5),
    "batch_normalisation": (False, True),
}
"""What is tried of each setting of LeNet-5, one at a time, as the paper's table S5 does."""

_FIGURES = ("loss", "accuracy", "roc_auc")


@dataclass(frozen=True)
class Trial:
    """One training.

    Parameters
    ----------
    name
        What it differs in, for people.
    seed
        Seed of the split, of the choice of grains and of the training.
    n_grains
        How many grains it is trained with; 0 for all that the split leaves.
    training
        Those of the `TrainSettings` that differ from the defaults.
    """

    name: str
    seed: int = 0
    n_grains: int = 0
    training: Mapping[str, Any] = field(default_factory=dict)


def size_curve(
    project_folder: Path | str,
    classes: "ClassSource",
    folder: Path | str,
    *,
    networks: Sequence[str] = ("lenet5",),
    sizes: Sequence[int] = SIZES,
    repeats: int = 3,
    training: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Train with more and more grains and score each network on a fifth that none was trained on.

    Parameters
    ----------
    project_folder
        The project folder.
    classes
        The class of each sample: CLASSES.csv, or a mapping.
    folder
        Where `size_curve.csv` and the picture are written; what lies there of the same trials is not
        trained again.
    networks
        Names of the networks, each a curve. The picture is drawn after each of them, so that one whose
        weights cannot be had leaves those before it their curves.
    sizes
        Grains to train with, picked at random, each class in its proportion; those that are more than
        there are stand for all.
    repeats
        How often each size is tried, with another split and other grains.
    training
        Those of the `TrainSettings` that differ from the defaults. With several networks, what only
        those with pretrained layers heed is for these.
    seed
        Seed of the first of the repeats; the others count on from it.
    progress
        Told of each trial; may raise `Cancelled`.

    Returns
    -------
    DataFrame
        As `run_trials` returns it.

    Raises
    ------
    ZirconError
        Where the sizes or networks are none, the settings do not fit, or a network's weights cannot be had.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 9.
    """
    if min(sizes, default=0) < 1 or repeats < 1:
        raise ZirconError("The sizes and the number of repeats must be 1 or more; name some, such as 50,100.")
    if not networks:
        raise ZirconError(f"Name a network or more, such as {network_names()[0]}.")
    from napari_zircon_cnn.figures import save_figure
    from napari_zircon_cnn.reproduction.pictures import size_figure

    table = pd.DataFrame()
    for n, network in enumerate(networks):
        suited = _suited(training or {}, network) if len(networks) > 1 else dict(training or {})
        trials = [
            Trial(f"{size} grains", seed + repeat, size, {**suited, "network": network})
            for size in sorted(set(sizes))
            for repeat in range(repeats)
        ]
        step = part_of(
            progress, n / len(networks), (n + 1) / len(networks), network if len(networks) > 1 else ""
        )
        found = run_trials(project_folder, classes, trials, Path(folder) / "size_curve.csv", progress=step)
        # The baselines stand beside each of the networks, with the same figures.
        table = pd.concat([table, found]).drop_duplicates(["network", "name", "seed"], ignore_index=True)
        for suffix in (".png", ".svg"):
            save_figure(size_figure(table), Path(folder, f"size_curve{suffix}"))
    return table


def _suited(training: Mapping[str, Any], network: str) -> dict[str, Any]:
    """Return the settings without those that the network has no layers for."""
    unheeded = set() if network_spec(network).frozen_until else {"cached_features", "fine_tuning_epochs"}
    unheeded |= set() if network_spec(network).pretrained else {"weights"}
    return {name: value for name, value in training.items() if name not in unheeded}


def hyperparameters(
    project_folder: Path | str,
    classes: "ClassSource",
    folder: Path | str,
    *,
    epochs: int = 200,
    seeds: int = 1,
    seed: int = 0,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Train LeNet-5 with one setting after the other changed.

    Parameters
    ----------
    project_folder, classes
        As for `size_curve`.
    folder
        Where `hyperparameters.csv` is written; what lies there of the same trials is not trained again.
    epochs
        Length of each training.
    seeds
        How often each is tried, with another split.
    seed
        The first of those seeds; the others count on from it.
    progress
        Told of each trial; may raise `Cancelled`.

    Returns
    -------
    DataFrame
        As `run_trials` returns it.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, table S5.
    """
    trials = [
        Trial(f"{name} = {value}", seed + repeat, training={name: value, "epochs": epochs})
        for name, values in HYPERPARAMETERS.items()
        for value in values
        for repeat in range(seeds)
    ]
    return run_trials(
        project_folder, classes, trials, Path(folder) / "hyperparameters.csv", progress=progress
    )


def run_trials(
    project_folder: Path | str,
    classes: "ClassSource",
    trials: Iterable[Trial],
    file: Path,
    *,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Run trials, beside what a network must beat, and keep the figures of each as soon as it is done.

    Parameters
    ----------
    project_folder, classes
        As for `size_curve`.
    trials
        The trials.
    file
        The CSV file with a row for each. Trials that it holds, with the same settings and grains, are
        taken from it.
    progress
        Told of each trial; may raise `Cancelled`; what is done until then is kept.

    Returns
    -------
    DataFrame
        A row each: name, network, seed, n_grains, loss, accuracy and roc_auc. First come the baselines,
        their names in the place of a network's, learnt from the very grains of each trial and scored on
        what it holds out; then these trials in their order.
    """
    from napari_zircon_cnn.dataset import check_trainable

    trials = list(trials)
    project = Project.read(project_folder)
    settings = [validated(TrainSettings, {**trial.training, "seed": trial.seed}) for trial in trials]
    sizes = [network_spec(each.network).size_px for each in settings]
    for each, size_px in zip(settings, sizes, strict=True):
        check_training(each, size_px)
    grains = {
        size_px: known_grains(project, classes, CropSettings(size_px=size_px), part_of(progress, 0.0, 0.05))
        for size_px in sorted(set(sizes))
    }
    for of_size in grains.values():
        check_trainable(of_size)
    start_keras()
    done = _Done(file)
    rows = _beside(trials, grains, done)
    for n, (trial, each, size_px) in enumerate(zip(trials, settings, sizes, strict=True)):
        crops = "".join(grains[size_px].hashes()).encode() + grains[size_px].y.tobytes()
        key = _key(trial, crops, dataclasses.asdict(each))
        row = done.find(key, trial.name)
        if row is None:
            step = part_of(
                progress, 0.05 + 0.95 * n / len(trials), 0.05 + 0.95 * (n + 1) / len(trials), trial.name
            )
            row = done.add(key, _tried(trial, each, grains[size_px], step))
            done.write()
        rows.append(row)
    done.write()
    progress(1.0, f"{len(trials)} trainings")
    return pd.DataFrame(rows)


class _Done:
    """The trials that a CSV file holds, by what their figures depend on and by their name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}
        if not file.is_file():
            return
        try:
            for row in pd.read_csv(file).to_dict("records"):
                key = str(row.pop("key"))
                self.add(key, {str(name): value for name, value in row.items()})
        except (ValueError, KeyError, OSError) as error:
            raise ZirconError(
                f"{file} is no table of trainings; move it away or name another folder."
            ) from error

    def find(self, key: str, name: str) -> dict[str, Any] | None:
        """Return the row of a trial, also where the same was done under another name."""
        same = [row for (known, _), row in self._rows.items() if known == key]
        return self.add(key, {**same[0], "name": name}) if same else None

    def add(self, key: str, row: dict[str, Any]) -> dict[str, Any]:
        """Add a row, and return it."""
        self._rows[key, row["name"]] = row
        return row

    def write(self) -> None:
        """Write the file."""
        with atomic_path(self._file) as path:
            pd.DataFrame([{**row, "key": key} for (key, _), row in self._rows.items()]).to_csv(
                path, index=False
            )


def _beside(trials: Sequence[Trial], grains: Mapping[int, "Dataset"], done: _Done) -> list[dict[str, Any]]:
    """Return the rows of the baselines, one for each draw of grains; they are added to what is done."""
    from napari_zircon_cnn.baseline import BASELINES, SHAPE_COLUMNS

    draws = dict.fromkeys((trial.n_grains, trial.seed) for trial in trials)
    rows = []
    for network, baseline in BASELINES.items():
        for n_grains, seed in draws:
            # Which grains are drawn does not depend on the size of their crops; small ones are soon copied.
            known = grains[min(grains)]
            shapes = known.rows[list(SHAPE_COLUMNS)].to_numpy(np.float64).tobytes() + known.y.tobytes()
            trial = Trial(f"{n_grains} grains" if n_grains else "all grains", seed, n_grains)
            key = _key(trial, shapes, {"baseline": network, "seed": seed})
            row = done.find(key, trial.name)
            if row is None:
                learnt, held = _drawn(trial, known)
                row = done.add(key, _row(trial, network, learnt, held, baseline(learnt, held)))
            rows.append(row)
    return rows


def _tried(trial: Trial, settings: TrainSettings, grains: "Dataset", progress: Progress) -> dict[str, Any]:
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.training import train

    learnt, held = _drawn(trial, grains)
    result = train(learnt.crops, learnt.y, held.crops, held.y, grains.classes, settings, progress)
    return _row(trial, settings.network, learnt, held, predict(result.model, held.crops))


def _drawn(trial: Trial, grains: "Dataset") -> tuple["Dataset", "Dataset"]:
    """Return the grains that a trial learns from, and those that it is scored on."""
    from napari_zircon_cnn.dataset import random_split, some_of_each_class

    split = random_split(grains, seed=trial.seed)
    learnt, held = grains.take(split.train), grains.take(split.validation)
    if 0 < trial.n_grains < len(learnt):
        learnt = learnt.take(some_of_each_class(learnt, trial.n_grains, trial.seed))
    return learnt, held


def _row(
    trial: Trial, network: str, learnt: "Dataset", held: "Dataset", probabilities: "Probabilities"
) -> dict[str, Any]:
    from napari_zircon_cnn.metrics import evaluation

    figures = evaluation(probabilities, held.y)
    about = {"name": trial.name, "network": network, "seed": trial.seed, "n_grains": len(learnt)}
    return about | {name: figures[name] for name in _FIGURES}


def _key(trial: Trial, grains: bytes, others: Mapping[str, Any]) -> str:
    """Return what a trial's figures depend on, as a text: what is known of the grains and other facts."""
    from hashlib import sha256

    from pydantic_core import to_json

    known = sha256(grains).hexdigest()[:16]
    return to_json({"n_grains": trial.n_grains, "grains": known, **others}).decode()


def means_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the mean figures of trials that differ in their seed only.

    Parameters
    ----------
    table
        One row a trial.

    Returns
    -------
    list of dict
        For each network and name `n_grains` and the figures, the number of `trainings` and the `spread`
        of the ROC-AUC, NaN for a single one.
    """
    groups = table.groupby(["network", "name"], sort=False)
    means = groups[["n_grains", *_FIGURES]].mean()
    means["spread"], means["trainings"] = groups["roc_auc"].std(), groups.size()
    return means.reset_index().to_dict("records")  # type: ignore[return-value]
