"""The jobs that apply a trained network: probabilities, verdicts and how right they are."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.columns import PROBABILITY_PREFIX
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import unclassified, usable, with_probabilities
from napari_zircon_cnn.networks.card import ModelCard, read_card
from napari_zircon_cnn.networks.start import start_keras
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.settings import validated

VERDICT_COLUMNS = [
    "sample",
    "n_grains",
    "target_class",
    "mean_probability",
    "low",
    "high",
    "share_above_half",
    "verdict",
    "in_training",
]


def classify_project(
    project_folder: Path | str,
    model_file: Path | str,
    samples: Sequence[str] = (),
    progress: Progress = silent,
) -> pd.DataFrame:
    """Give every usable grain of a project a probability for every class, and every sample a verdict.

    Parameters
    ----------
    project_folder
        The project folder.
    model_file
        The .keras file of a trained network.
    samples
        The samples to classify; all by default. Others keep no earlier model's probabilities.
    progress
        Told of each sample; may raise `Cancelled`. Nothing is written then.

    Returns
    -------
    DataFrame
        The verdicts, one row a sample, as `verdicts_of` returns them.

    Raises
    ------
    ZirconError
        Where the project or the model cannot be read.
    """
    project = Project.open(project_folder)
    chosen = project.chosen(samples)
    read_card(model_file)
    start_keras()
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.networks import bundle

    trained = bundle.load(model_file)
    card = trained.card
    crop_settings = validated(CropSettings, card.crop)
    tables = {name: _table_for(card, project, name) for name in project.samples}
    for n, segmented in enumerate(project.load_each(chosen)):
        step = part_of(progress, n / len(chosen), (n + 1) / len(chosen), segmented.mount.sample)
        step(0.0, "cutting and classifying grains")
        labels = usable(segmented.table)
        probabilities = predict(trained.model, cut_crops(segmented, labels, crop_settings), progress=step)
        tables[segmented.mount.sample] = with_probabilities(
            segmented.table, labels, probabilities, card.classes, card.target_class
        )
    verdicts = verdicts_of(tables, card)
    project.save_classification(tables, verdicts, card.model_dump(mode="json"))
    progress(1.0, f"{len(chosen)} samples classified")
    return verdicts


def evaluate_project(
    project_folder: Path | str,
    classes_file: Path | str,
    model_file: Path | str,
    samples: Sequence[str] = (),
    progress: Progress = silent,
) -> dict[str, Any]:
    """Score a trained network on a project's grains; grains that it was trained on are kept apart.

    Parameters
    ----------
    project_folder
        The project folder.
    classes_file
        CLASSES.csv, the true class of each sample.
    model_file
        The .keras file of a trained network.
    samples
        The samples to score; all by default.
    progress
        Told of each sample; may raise `Cancelled`.

    Returns
    -------
    dict
        `classes`; `overall`, the figures of `metrics.evaluation` for the grains that took no
        part in the training, and `seen` for those that did (None where there are none);
        `samples`, the same for each sample with its `class`, how many of its grains took part in
        the training (`n_in_training`) and whether any did (`in_training`).

    Raises
    ------
    ZirconError
        Where the project, the classes or the model cannot be read or do not fit together.
    """
    from napari_zircon_cnn.dataset import UNKNOWN, SampleClasses, gather, read_classes
    from napari_zircon_cnn.metrics import evaluation

    project = Project.open(project_folder)
    chosen = project.chosen(samples)
    given = read_classes(Path(classes_file), project.samples)
    card = read_card(model_file)
    if set(given.classes) != set(card.classes):
        raise ZirconError(
            f"{model_file} tells {' from '.join(card.classes)}, but {classes_file} names "
            f"{', '.join(given.classes)}; use the class names that the model was trained with."
        )
    # The file may name the classes in another order than the one that the network has learnt.
    sample_classes = SampleClasses(card.classes, given.by_sample)
    crop_settings = validated(CropSettings, card.crop)
    grains = gather(project.load_each(chosen), sample_classes, crop_settings, part_of(progress, 0.0, 0.8))
    grains = grains.take(grains.y != UNKNOWN)
    if not len(grains):
        raise ZirconError(
            f"{classes_file} gives none of these samples a class, so there is nothing to score."
        )
    progress(0.8, "classifying grains")
    start_keras()
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.networks import bundle

    probabilities = predict(bundle.load(model_file).model, grains.crops)
    in_training = np.isin(grains.hashes(), card.grain_hashes)

    def score(chosen_grains: NDArray[np.bool_]) -> dict[str, Any] | None:
        return (
            evaluation(probabilities[chosen_grains], grains.y[chosen_grains]) if chosen_grains.any() else None
        )

    by_sample = {}
    for name in dict.fromkeys(grains.samples.tolist()):
        here = grains.samples == name
        by_sample[name] = {
            **(score(here) or {}),
            "class": given.by_sample[name],
            "n_in_training": int((here & in_training).sum()),
            "in_training": bool((here & in_training).any()),
        }
    found = {
        "model": Path(model_file).name,
        "members_sha256": card.members_sha256,
        "classes": list(card.classes),
        "overall": score(~in_training),
        "seen": score(in_training),
        "samples": by_sample,
    }
    project.save_evaluation(found)
    progress(1.0, f"{len(grains)} grains scored")
    return found


def verdicts_of(tables: Mapping[str, pd.DataFrame], card: ModelCard) -> pd.DataFrame:
    """Return the verdict over each sample's grains.

    Parameters
    ----------
    tables
        The grain tables by sample, with probabilities.
    card
        The card of the model that they are from.

    Returns
    -------
    DataFrame
        One row a sample with classified grains: `sample`, `n_grains`, `mean_probability` of the
        `target_class`, `share_above_half`, `low` and `high` (95% interval of the mean), the
        `verdict`, and whether the model was trained on grains of that sample (`in_training`),
        so that its verdict is no test.
    """
    from napari_zircon_cnn.metrics import verdict

    names = [f"{PROBABILITY_PREFIX}{name}" for name in card.classes]
    trained_on = {part.sample for part in card.samples}
    rows = []
    for sample, table in tables.items():
        if not set(names) <= set(table.columns):
            continue
        probabilities = table.loc[usable(table), names].dropna().to_numpy()
        found = verdict(probabilities, card.classes, card.target_class)
        known = {"sample": sample, "target_class": card.target_class, "in_training": sample in trained_on}
        rows.append(known | dataclasses.asdict(found))
    return pd.DataFrame(rows, columns=VERDICT_COLUMNS)


def _table_for(card: ModelCard, project: Project, sample: str) -> pd.DataFrame:
    """Return a sample's table as it is, without the probabilities of any other model."""
    table = project.table(sample)
    former = project.record.model or {}
    return table if former.get("members_sha256") == card.members_sha256 else unclassified(table, ())
