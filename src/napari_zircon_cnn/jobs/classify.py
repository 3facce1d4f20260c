"""The jobs that apply a trained network: probabilities, verdicts and how right they are."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.columns import PROBABILITY_PREFIX
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount, unclassified, usable, with_probabilities
from napari_zircon_cnn.jobs.loading import load, load_each
from napari_zircon_cnn.networks.card import ModelCard, Prior, read_card
from napari_zircon_cnn.networks.start import start_keras
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_choices import save_model_file
from napari_zircon_cnn.project_lock import writes_project
from napari_zircon_cnn.project_record import SampleRecord
from napari_zircon_cnn.settings import validated

if TYPE_CHECKING:
    from napari_zircon_cnn.dataset import ClassSource, Dataset

VERDICT_COLUMNS = [
    "sample",
    "n_grains",
    "target_class",
    "mean_probability",
    "low",
    "high",
    "share_above_half",
    "verdict",
    "n_spread_samples",
    "n_unlike",
    "in_training",
]


class GrainProbabilities(NamedTuple):
    """What a model says of the grains of one sample.

    Parameters
    ----------
    labels
        The usable grains at the time, shape (n,), by rising label.
    probabilities
        Shape (n, number of classes), in the order of the card's classes; a row sums to 1. They are
        calibrated as the card says and assume the class frequencies that were asked for.
    doubt
        The columns `uncertainty`, `unlike_training` and `in_training`, each of shape (n,).
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    doubt: dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of the grains of a project; can be pickled.

    Parameters
    ----------
    card
        The card of the model, with the class frequencies that the probabilities assume.
    samples
        What it says, by sample.
    """

    card: ModelCard
    samples: dict[str, GrainProbabilities]


def predict_project(
    project_folder: Path | str,
    model_file: Path | str,
    samples: Sequence[str] = (),
    progress: Progress = silent,
    *,
    prior: Prior = "training",
) -> Predictions:
    """Give every usable grain of a project a probability for every class, and write nothing.

    Parameters
    ----------
    project_folder
        The project folder; it may be worked on meanwhile.
    model_file
        The .keras file of a trained network.
    samples
        The samples to classify; all by default.
    progress
        Told of each sample; may raise `Cancelled`.
    prior
        Which class frequencies the probabilities assume: those of the `training`, `equal` ones, or those
        `estimated` of each sample from its own grains; see `priors`.

    Returns
    -------
    Predictions
        The probabilities, with the steps of the ledgers up to the moment when a sample was read.

    Raises
    ------
    ZirconError
        Where the project or the model cannot be read.
    """
    return _predict(Project.read(project_folder), model_file, samples, prior, progress)


@writes_project
def classify_project(
    project_folder: Path | str,
    model_file: Path | str,
    samples: Sequence[str] = (),
    progress: Progress = silent,
    *,
    prior: Prior = "training",
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
    prior
        Which class frequencies the probabilities assume: those of the `training`, `equal` ones, or those
        `estimated` of each sample from its own grains; see `priors`.

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
    found = _predict(project, model_file, samples, prior, progress)
    card = found.card
    tables = {name: _table_for(card, project, name) for name in project.samples}
    for name, (labels, probabilities, doubt) in found.samples.items():
        tables[name] = with_probabilities(
            tables[name], labels, probabilities, card.classes, card.target_class, doubt=doubt
        )
    verdicts = verdicts_of(tables, card)
    project.save_classification(tables, verdicts, card.model_dump(mode="json"))
    save_model_file(project, Path(model_file), card.members_sha256)
    return verdicts


def _predict(
    project: Project, model_file: Path | str, samples: Sequence[str], prior: Prior, progress: Progress
) -> Predictions:
    chosen = project.chosen(samples)
    read_card(model_file)
    start_keras()
    from napari_zircon_cnn.calibration import scaled
    from napari_zircon_cnn.doubt import uncertainty, unlikeness
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.networks import bundle

    trained = bundle.load(model_file)
    model, card = trained.model, trained.card
    crop_settings = validated(CropSettings, card.crop)
    calibration, target = card.calibration, card.classes.index(card.target_class)
    answers = {}
    for n, name in enumerate(chosen):
        step = part_of(progress, n / len(chosen), (n + 1) / len(chosen), name)
        segmented = load(project, name, part_of(step, 0.0, 0.4))
        labels = usable(segmented.table)
        crops = cut_crops(segmented, labels, crop_settings)
        probabilities = scaled(predict(model, crops, progress=part_of(step, 0.4, 0.6)), calibration)
        doubt = {
            "uncertainty": uncertainty(model, crops, target, calibration, progress=part_of(step, 0.6, 0.9)),
            "unlike_training": unlikeness(model, crops, card.familiar, part_of(step, 0.9, 1.0)),
            "in_training": _took_part(card, project.record.samples[name], segmented, labels, crops),
        }
        answers[name] = GrainProbabilities(labels, _assuming(prior, probabilities, card), doubt)
    progress(1.0, f"{len(chosen)} samples classified")
    return Predictions(card.model_copy(update={"prior": prior}), answers)


def _took_part(
    card: ModelCard,
    record: SampleRecord,
    segmented: SegmentedMount,
    labels: NDArray[np.int64],
    crops: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Tell which grains of a sample a network was trained on."""
    from napari_zircon_cnn.dataset import UNKNOWN, Dataset
    from napari_zircon_cnn.seen import took_part

    name = segmented.mount.sample
    grains = Dataset(
        crops,
        np.full(len(labels), UNKNOWN),
        np.full(len(labels), name),
        labels,
        card.classes,
        segmented.table.loc[labels].reset_index(drop=True),
    )
    return took_part(grains, card, {name: record.sha256}, {name: record.pixel_size_um})


def _assuming(prior: Prior, probabilities: NDArray[np.float32], card: ModelCard) -> NDArray[np.float32]:
    """Return probabilities for the class frequencies that were asked for."""
    from napari_zircon_cnn.priors import equal_priors, estimated_priors, with_priors

    if prior == "training":
        return probabilities
    trained = card.training_priors
    wanted = equal_priors(len(card.classes)) if prior == "equal" else estimated_priors(probabilities, trained)
    return with_priors(probabilities, trained, wanted).astype(np.float32)


@writes_project
def evaluate_project(
    project_folder: Path | str,
    classes: "ClassSource",
    model_file: Path | str,
    samples: Sequence[str] = (),
    progress: Progress = silent,
) -> dict[str, Any]:
    """Score a trained network on a project's grains; grains that it was trained on are kept apart.

    Parameters
    ----------
    project_folder
        The project folder.
    classes
        The true class of each sample: CLASSES.csv, or a mapping; see `dataset.sample_classes`.
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
        `beside`, the figures of the baselines for the former, by name; `samples`, the same as
        `overall` for each sample with its `class`, how many of its grains took part in the training
        (`n_in_training`) and whether any did (`in_training`). Probabilities are calibrated as the
        card says.

    Raises
    ------
    ZirconError
        Where the project, the classes or the model cannot be read or do not fit together.
    """
    from napari_zircon_cnn.dataset import UNKNOWN, SampleClasses, gather, name_of, sample_classes
    from napari_zircon_cnn.metrics import evaluation
    from napari_zircon_cnn.seen import took_part

    project = Project.open(project_folder)
    chosen = project.chosen(samples)
    given = sample_classes(classes, project.samples)
    card = read_card(model_file)
    if set(given.classes) != set(card.classes):
        raise ZirconError(
            f"{name_of(classes)} names {', '.join(given.classes)}, but {model_file} tells "
            f"{' from '.join(card.classes)}; use the class names that the model was trained with."
        )
    # They may be named in another order than the one that the network has learnt.
    in_order = SampleClasses(card.classes, given.by_sample)
    crop_settings = validated(CropSettings, card.crop)
    grains = gather(load_each(project, chosen, part_of(progress, 0.0, 0.8)), in_order, crop_settings)
    grains = grains.take(grains.y != UNKNOWN)
    if not len(grains):
        raise ZirconError(
            f"{name_of(classes)} gives none of these samples a class, so there is nothing to score."
        )
    progress(0.8, "classifying grains")
    start_keras()
    from napari_zircon_cnn.calibration import scaled
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.networks import bundle

    probabilities = scaled(predict(bundle.load(model_file).model, grains.crops), card.calibration)
    records = project.record.samples
    in_training = took_part(
        grains,
        card,
        {name: records[name].sha256 for name in chosen},
        {name: records[name].pixel_size_um for name in chosen},
    )

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
        "beside": _beside(grains, in_training),
        "samples": by_sample,
    }
    project.save_evaluation(found)
    progress(1.0, f"{len(grains)} grains scored")
    return found


def _beside(grains: "Dataset", in_training: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the figures of the baselines, learnt from the network's own training grains."""
    from napari_zircon_cnn.baseline import BASELINES
    from napari_zircon_cnn.metrics import evaluation

    learnt, asked = grains.take(in_training), grains.take(~in_training)
    if not len(learnt) or not len(asked):
        return {}
    return {name: evaluation(baseline(learnt, asked), asked.y) for name, baseline in BASELINES.items()}


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
        `verdict`, from how many held-out samples the spread is known that the interval counts
        (`n_spread_samples`; 0: that of the grains alone), how many grains are unlike any seen in training
        (`n_unlike`), and whether the model was trained on
        grains of that sample (`in_training`), so that its verdict is no test.
    """
    from napari_zircon_cnn.verdicts import spread_between, verdict

    spread = spread_between(card.held_out_samples)
    names = [f"{PROBABILITY_PREFIX}{name}" for name in card.classes]
    trained_on = {part.sample for part in card.samples}
    rows = []
    for sample, table in tables.items():
        if not set(names) <= set(table.columns):
            continue
        probabilities = table.loc[usable(table), names].dropna().to_numpy()
        found = verdict(probabilities, card.classes, card.target_class, spread=spread)
        known = {
            "sample": sample,
            "target_class": card.target_class,
            "n_unlike": int((table.loc[usable(table), "unlike_training"] > 1).sum()),
            "in_training": sample in trained_on or bool(table.loc[usable(table), "in_training"].any()),
        }
        rows.append(known | dataclasses.asdict(found))
    return pd.DataFrame(rows, columns=VERDICT_COLUMNS)


def _table_for(card: ModelCard, project: Project, sample: str) -> pd.DataFrame:
    """Return a sample's table as it is, without the probabilities of any other model."""
    table = project.table(sample)
    former = project.record.model or {}
    same = former.get("members_sha256") == card.members_sha256 and former.get("prior") == card.prior
    return table if same else unclassified(table, ())
