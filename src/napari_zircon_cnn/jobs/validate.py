"""The job that validates networks over grains and over whole samples, beside what they must beat."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_zircon_cnn.calibration import reliability_curves
from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path, check_can_write
from napari_zircon_cnn.jobs.answers import KeptAnswers, ask_network
from napari_zircon_cnn.jobs.loading import known_grains
from napari_zircon_cnn.networks.card import Calibration
from napari_zircon_cnn.networks.registry import check_training, network_spec
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.networks.start import start_keras
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.settings import validated

if TYPE_CHECKING:
    from napari_zircon_cnn.dataset import ClassSource, Dataset
    from napari_zircon_cnn.divisions import Answer, Division, Over

SUMMARY_FILE, FOLDS_FILE, RELIABILITY_FILE = "validation.csv", "folds.csv", "reliability.csv"
FIGURE_SUFFIXES = (".png", ".svg")


@dataclass(frozen=True, eq=False)
class Validated:
    """What a validation found.

    Parameters
    ----------
    table
        The summary; see `divisions.side_by_side`.
    note
        What could not be done, in a sentence; empty where all was.
    """

    table: pd.DataFrame
    note: str


def validate_project(
    project_folder: Path | str,
    classes: "ClassSource",
    folder: Path | str,
    *,
    networks: Sequence[str] = ("lenet5",),
    repeats: int = 3,
    n_folds: int = 5,
    training: Mapping[str, Any] | None = None,
    crop: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Validated:
    """Train networks again and again, each time with other grains held out, and say how they do on these.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it.
    classes
        The class of each sample: CLASSES.csv, or a mapping; see `dataset.sample_classes`.
    folder
        Where the tables `validation.csv`, `folds.csv` and `reliability.csv` are written, and the first and
        the last as figures too, each as PNG and SVG. What networks have said is kept beside them, so that
        a run that was killed or cancelled goes on from there to the same numbers.
    networks
        Names of networks.
    repeats
        How often all is done, each time with another seed of folds and networks.
    n_folds
        Folds over grains; 1 for a random split of 80:20.
    training
        Those of the `TrainSettings` that differ from the defaults.
    crop
        Those of the `CropSettings` that differ from the defaults.
    progress
        Told of each training; may raise `Cancelled`. What is done by then is kept.

    Returns
    -------
    Validated
        The figures of the majority class, of the shapes alone and of each network.

    Raises
    ------
    ZirconError
        Where the classes do not fit the project, a class has too few grains, or settings do not fit.
    """
    from napari_zircon_cnn.dataset import check_trainable
    from napari_zircon_cnn.divisions import calibrations, divisions, fold_rows, side_by_side

    folder = Path(folder)
    if repeats < 1 or n_folds < 1:
        raise ZirconError("The numbers of repeats and of folds must be 1 or more.")
    chosen = [validated(TrainSettings, {**(training or {}), "network": name}) for name in networks]
    sizes = [{"size_px": network_spec(each.network).size_px, **(crop or {})} for each in chosen]
    geometry = [validated(CropSettings, size) for size in sizes]
    for each, crops in zip(chosen, geometry, strict=True):
        check_training(each, crops.size_px)
    project = Project.read(project_folder)
    progress(0.0, "cutting grains")
    by_geometry: dict[CropSettings, Dataset] = {}
    for crops in geometry:
        if crops not in by_geometry:
            by_geometry[crops] = known_grains(project, classes, crops, part_of(progress, 0.0, 0.05))
    grains = by_geometry[geometry[0]]
    check_trainable(grains)
    _check_folds(grains, n_folds)
    check_can_write(folder / SUMMARY_FILE)
    parts, note = divisions(grains, repeats, n_folds, chosen[0].seed)
    answers = _of_baselines(grains, parts)
    start_keras()
    kept = KeptAnswers(folder)
    for n, (each, crops) in enumerate(zip(chosen, geometry, strict=True)):
        step = part_of(progress, 0.05 + 0.95 * n / len(chosen), 0.05 + 0.95 * (n + 1) / len(chosen))
        answers += _of_network(by_geometry[crops], parts, each, kept, step)
    table = side_by_side(answers, grains)
    of_networks = [answer for answer in answers if answer.by in networks]
    found = calibrations(of_networks, grains)
    tables = {
        SUMMARY_FILE: table,
        FOLDS_FILE: pd.DataFrame(fold_rows(answers, grains)),
        RELIABILITY_FILE: _reliability_table(found),
    }
    for name, rows in tables.items():
        with atomic_path(folder / name) as path:
            rows.to_csv(path, index=False)
    _draw(folder, table, found, grains.classes[-1])
    progress(1.0, f"{len(parts)} divisions validated")
    return Validated(table, note or _left_in(grains, parts))


def _check_folds(grains: "Dataset", n_folds: int) -> None:
    smallest = int(np.bincount(grains.y, minlength=len(grains.classes)).min())
    if n_folds > smallest:
        raise ZirconError(
            f"The smallest class has {smallest} grains, too few for {n_folds} folds; ask for {smallest} or "
            "fewer."
        )


def _of_baselines(grains: "Dataset", parts: Sequence["Division"]) -> list["Answer"]:
    from napari_zircon_cnn.baseline import BASELINES
    from napari_zircon_cnn.divisions import Answer
    from napari_zircon_cnn.priors import leaning

    found = []
    for name, baseline in BASELINES.items():
        for part in parts:
            learnt = grains.take(part.fold.train)
            said = baseline(learnt, grains.take(part.fold.validation))
            found.append(Answer(name, part, said, leaning(baseline(learnt, learnt), learnt.y)))
    return found


def _of_network(
    grains: "Dataset",
    parts: Sequence["Division"],
    settings: TrainSettings,
    kept: KeptAnswers,
    progress: Progress,
) -> list["Answer"]:
    from napari_zircon_cnn.divisions import Answer

    found = []
    for n, part in enumerate(parts):
        name = f"{settings.network}: {n + 1} of {len(parts)}"
        step = part_of(progress, n / len(parts), (n + 1) / len(parts), name)
        seeded = dataclasses.replace(settings, seed=settings.seed + part.repeat)
        learnt, test = grains.take(part.fold.train), grains.crops[part.fold.validation]

        def ask(
            learnt: "Dataset" = learnt,
            test: Any = test,
            seeded: TrainSettings = seeded,
            step: Progress = step,
        ) -> Any:
            return ask_network(learnt, [test], seeded, step)

        said = kept.get([learnt.crops, learnt.y, test, seeded], ask)[0]
        found.append(Answer(settings.network, part, said[:-1], tuple(said[-1].tolist())))
        step(1.0, "done")
    return found


def _reliability_table(found: Mapping[tuple[str, "Over"], Calibration]) -> pd.DataFrame:
    """Return the points of the reliability diagrams, a row each; `scaled` is 1 after calibration."""
    rows = [
        {"by": by, "over": over, "scaled": scaled, **point}
        for (by, over), calibration in found.items()
        for scaled, points in enumerate(reliability_curves(calibration).values())
        for point in points
    ]
    return pd.DataFrame(rows, columns=["by", "over", "scaled", "n", "probability", "share"])


def _draw(
    folder: Path, table: pd.DataFrame, found: Mapping[tuple[str, "Over"], Calibration], target: str
) -> None:
    from napari_zircon_cnn.figures import save_figure
    from napari_zircon_cnn.validation_figures import OVER_NAMES, reliability_figure, side_by_side_figure

    figures = {SUMMARY_FILE: (side_by_side_figure(table), "ROC-AUC over grains and over whole samples")}
    panels = {
        f"{by}, {OVER_NAMES[over]}": reliability_curves(calibration)
        for (by, over), calibration in found.items()
        if calibration.fitted_on
    }
    if panels:
        figures[RELIABILITY_FILE] = (reliability_figure(panels, target), "Reliability diagrams")
    for name, (figure, words) in figures.items():
        for suffix in FIGURE_SUFFIXES:
            save_figure(figure, (folder / name).with_suffix(suffix), words)


def _left_in(grains: "Dataset", parts: Sequence["Division"]) -> str:
    """Say which samples are never held out, since without them a class has too few grains."""
    held_out = {part.fold.name for part in parts if part.over == "samples"}
    left = [name for name in np.unique(grains.samples).tolist() if name not in held_out]
    if not left:
        return ""
    return (
        f"{', '.join(left)} cannot be held out, since the class has no other sample with grains enough; what "
        "is told over whole samples says nothing of such a sample."
    )
