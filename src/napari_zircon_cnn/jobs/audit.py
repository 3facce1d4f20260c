"""The job that finds out what networks rely on, always on grains that they were not trained on."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.audit import (
    MASKED,
    SHOWN_BESIDE,
    VIEWS,
    WHOLE,
    reliance,
    views_of,
)
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path, check_can_write
from napari_zircon_cnn.grains import SegmentedMount
from napari_zircon_cnn.jobs.answers import KeptAnswers, ask_network
from napari_zircon_cnn.jobs.loading import known_grains, load_each
from napari_zircon_cnn.networks.registry import check_training, network_spec
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.networks.start import start_keras
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.settings import validated

if TYPE_CHECKING:
    from napari_zircon_cnn.dataset import ClassSource, Dataset
    from napari_zircon_cnn.metrics import Probabilities

AUDIT_FILE = "audit.csv"

_CUTTING = 0.05


@dataclass(frozen=True, eq=False)
class Audited:
    """What an audit found.

    Parameters
    ----------
    table
        A row for each view, and below them one for each baseline: `view`; what it `holds`; the ROC-AUC
        `known` on held-out grains of the samples trained on, the mean of the folds, `shown` the same for
        networks that were trained on a view with more in it, and `new` on whole samples held out, with
        `new_low` and `new_high`, the 95% interval as samples are drawn anew, and `between_seeds`, the
        standard deviation of `new` between repeats. NaN is what is not known.
    sentence
        What the networks rely on, in a few sentences; the first names it.
    note
        What could not be done; empty where all was.
    """

    table: pd.DataFrame
    sentence: str
    note: str


def audit_project(
    project_folder: Path | str,
    classes: "ClassSource",
    folder: Path | str,
    *,
    repeats: int = 1,
    training: Mapping[str, Any] | None = None,
    crop: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Audited:
    """Take one thing after the other from the crops and see what networks still tell.

    Each sample is held out in turn, and beside it a fifth of the grains of the others. The latter tell what
    a network has learnt, a shortcut included, and the former whether that holds on a new sample.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it.
    classes
        The class of each sample: CLASSES.csv, or a mapping; see `dataset.sample_classes`.
    folder
        Where `audit.csv` is written. What networks have said is kept beside it, so that a run that was
        killed or cancelled goes on from there to the same numbers.
    repeats
        How often all is done, each time with another seed.
    training
        Those of the `TrainSettings` that differ from the defaults.
    crop
        Those of the `CropSettings` that differ from the defaults, but for `masked`, which the audit varies.
    progress
        Told of each training; may raise `Cancelled`. What is done by then is kept.

    Returns
    -------
    Audited
        The table and the sentence; see `audit.VIEWS` and `audit.reliance`.

    Raises
    ------
    ZirconError
        Where a class has too few grains, the classes do not fit the project, or settings do not fit.
    """
    from napari_zircon_cnn.dataset import check_trainable

    folder = Path(folder)
    if repeats < 1:
        raise ZirconError("The number of repeats must be 1 or more.")
    settings = validated(TrainSettings, training or {})
    size = {"size_px": network_spec(settings.network).size_px, **(crop or {})}
    geometry = dataclasses.replace(validated(CropSettings, size), masked=False)
    check_training(settings, geometry.size_px)
    project = Project.read(project_folder)
    progress(0.0, "cutting grains")
    grains = known_grains(project, classes, geometry, part_of(progress, 0.0, _CUTTING / 2))
    check_trainable(grains)
    masked, masks = _masked(project, grains, geometry, part_of(progress, _CUTTING / 2, _CUTTING))
    check_can_write(folder / AUDIT_FILE)
    views = {
        name: dataclasses.replace(grains, crops=crops)
        for name, crops in views_of(grains.crops, masked, masks, settings.seed).items()
    }
    found = audit_views(views, settings, repeats, KeptAnswers(folder), part_of(progress, _CUTTING, 1.0))
    with atomic_path(folder / AUDIT_FILE) as path:
        found.table.to_csv(path, index=False)
    progress(1.0, "audited")
    return found


def audit_views(
    views: Mapping[str, "Dataset"],
    settings: TrainSettings,
    repeats: int,
    kept: KeptAnswers,
    progress: Progress = silent,
) -> Audited:
    """Train on each view of some grains and ask about all views of others.

    Parameters
    ----------
    views
        The same grains by the names in `audit.VIEWS`.
    settings
        How to train.
    repeats
        How often, each time with another seed.
    kept
        Where answers are kept.
    progress
        Told of each training; may raise `Cancelled`.

    Returns
    -------
    Audited
        The table, the sentence and the note.
    """
    from napari_zircon_cnn.audit_folds import BRIGHTNESS_ALONE, audit_folds, judge, of_baselines
    from napari_zircon_cnn.baseline import SHAPES
    from napari_zircon_cnn.priors import evened

    grains = views[WHOLE]
    folds, note = audit_folds(grains, repeats, settings.seed)
    start_keras()
    n_trainings = len(folds) * len(VIEWS)
    said: dict[tuple[str, str], list[Probabilities]] = {}
    for n, (fold, view) in enumerate((fold, view) for fold in folds for view in VIEWS):
        step = part_of(progress, n / n_trainings, (n + 1) / n_trainings, f"{view}, {fold.name}")
        learnt, names = views[view].take(fold.train), (view, *SHOWN_BESIDE.get(view, ()))
        tests = [views[name].crops[fold.asked] for name in names]
        seeded = dataclasses.replace(settings, seed=settings.seed + fold.repeat)
        answers = kept.get(
            [learnt.crops, learnt.y, *tests, seeded],
            partial(ask_network, learnt, tests, seeded, step),
        )
        for name, answer in zip(names, answers, strict=True):
            said.setdefault((view, name), []).append(evened(answer[:-1], tuple(answer[-1].tolist())))
        step(1.0, "done")
    richer = {name: view for view, names in SHOWN_BESIDE.items() for name in names}
    judged = {
        view: judge(grains, folds, said[view, view], said.get((richer.get(view, ""), view))) for view in VIEWS
    }
    judged |= {
        name: judge(grains, folds, answers) for name, answers in of_baselines(views[MASKED], folds).items()
    }
    table = pd.DataFrame(
        {"view": name, "holds": VIEWS.get(name, "no network"), **row} for name, (_, row) in judged.items()
    )
    found = {name: viewed for name, (viewed, _) in judged.items()}
    if math.isnan(found[WHOLE].new) and not note:
        note = "All samples that can be held out are of one class, so there is no ROC-AUC for new samples."
    return Audited(table, reliance(found, found[BRIGHTNESS_ALONE], found[SHAPES]), note)


def _masked(
    project: Project, grains: "Dataset", geometry: CropSettings, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the crops of the same grains with all else black, and how much of each pixel is the grain."""
    masked, masks = np.empty_like(grains.crops), np.empty_like(grains.crops)
    alone = dataclasses.replace(geometry, masked=True)
    for segmented in load_each(project, np.unique(grains.samples).tolist(), progress):
        here = grains.samples == segmented.mount.sample
        labels = grains.labels[here]
        masked[here] = cut_crops(segmented, labels, alone)
        white = np.broadcast_to(np.uint8(1), segmented.mount.image.shape)
        full = dataclasses.replace(segmented.mount, image=white, white=1.0)
        masks[here] = cut_crops(SegmentedMount(full, segmented.labels, segmented.table), labels, alone)
    return masked, masks
