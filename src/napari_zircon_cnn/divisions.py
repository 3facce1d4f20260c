"""How a network is validated over grains and over whole samples, and what comes out of it side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.calibration import FROM_GRAINS, FROM_SAMPLES, fit_calibration
from napari_zircon_cnn.dataset import Dataset, Fold, leave_one_sample_out, random_split, stratified_folds
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.metrics import (
    Probabilities,
    accuracy,
    brier_score,
    calibration_error,
    evaluation,
    log_loss,
    roc_auc,
)
from napari_zircon_cnn.networks.card import Calibration
from napari_zircon_cnn.priors import equal_priors, evened

Over = Literal["grains", "samples"]
"""What is held out: some grains of all samples, or all grains of one sample."""

OVER_GRAINS: Over = "grains"
OVER_SAMPLES: Over = "samples"

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Division:
    """A fold, and which one of many it is.

    Parameters
    ----------
    over
        What it holds out.
    repeat
        Which repeat it belongs to, from 0.
    fold
        What is trained on and what is held out.
    """

    over: Over
    repeat: int
    fold: Fold


@dataclass(frozen=True, eq=False)
class Answer:
    """What a classifier says of the grains that a division holds out.

    Parameters
    ----------
    by
        Who says it: a network or a baseline.
    division
        The division.
    probabilities
        Shape (n, n_classes), in the order of the fold's `validation`.
    priors
        The class frequencies that the probabilities assume; see `priors.leaning`.
    """

    by: str
    division: Division
    probabilities: Probabilities
    priors: tuple[float, ...]


def divisions(
    grains: Dataset, repeats: int = 3, n_folds: int = 5, seed: int = 0
) -> tuple[list[Division], str]:
    """Divide grains both ways: over grains and over whole samples.

    Parameters
    ----------
    grains
        Grains of known class.
    repeats
        How often; each with a seed of its own.
    n_folds
        Folds over grains, each class in its proportion; 1 for a random split of 80:20.
    seed
        The first seed.

    Returns
    -------
    list of Division
        Those over grains first. A grain that stands among the held-out ones with the very same crop, as
        where a mosaic is in the project twice, is not trained on.
    str
        Why there are none over samples, where there are none.
    """
    hashes = np.array(grains.hashes())
    found: list[Division] = []
    for repeat in range(repeats):
        folds = (
            stratified_folds(grains, n_folds, seed + repeat)
            if n_folds > 1
            else [random_split(grains, seed=seed + repeat)]
        )
        found += [Division(OVER_GRAINS, repeat, _without_twins(fold, hashes)) for fold in folds]
    try:
        of_samples = [_without_twins(fold, hashes) for fold in leave_one_sample_out(grains)]
    except ZirconError as error:
        return found, str(error)
    return found + [
        Division(OVER_SAMPLES, repeat, fold) for repeat in range(repeats) for fold in of_samples
    ], ""


def _without_twins(fold: Fold, hashes: NDArray[np.str_]) -> Fold:
    is_twin = np.isin(hashes[fold.train], hashes[fold.validation])
    return Fold(fold.name, fold.train[~is_twin], fold.validation)


def fold_rows(answers: Sequence[Answer], grains: Dataset) -> list[dict[str, Any]]:
    """Return the figures of merit of each answer.

    Parameters
    ----------
    answers
        The answers.
    grains
        What they are about.

    Returns
    -------
    list of dict
        `by`, `over`, `repeat` (from 1), `held_out` and the figures of `metrics.evaluation` but the
        confusion.
    """
    rows = []
    for answer in answers:
        fold = answer.division.fold
        figures = evaluation(answer.probabilities, grains.y[fold.validation])
        del figures["confusion"]
        known = {"by": answer.by, "over": answer.division.over, "repeat": answer.division.repeat + 1}
        rows.append(known | {"held_out": fold.name} | figures)
    return rows


def side_by_side(answers: Sequence[Answer], grains: Dataset, seed: int = 0) -> pd.DataFrame:
    """Sum up what classifiers say of held-out grains, over grains beside over whole samples.

    Parameters
    ----------
    answers
        The answers of all.
    grains
        What they are about.
    seed
        Seed of the resampling.

    Returns
    -------
    DataFrame
        A row for each classifier (`by`) and way of holding out (`over`): `n_grains`, `folds` and
        `repeats`; `accuracy`, `roc_auc`, `loss`, `brier` and `ece` over all held-out grains of a repeat,
        the mean of the repeats, with `brier_scaled` and `ece_scaled`, the last two after calibration,
        each sample by what fits the others, and for the same class frequencies; `accuracy_between_folds` and
        `roc_auc_between_folds`, the standard deviation between the folds of a repeat;
        `accuracy_between_seeds` and `roc_auc_between_seeds`, that between the repeats, NaN for one;
        `roc_auc_low` and `roc_auc_high`, the 95% interval as samples are drawn anew.

    Notes
    -----
    A fold's ROC-AUC is unknown where it holds out one class, as a whole sample mostly is. So it is taken
    over all folds of a repeat together. For that each fold's probabilities are made those of equally
    frequent classes (`priors.evened`): without its sample, the training leans to the other class,
    and what would be a fold's own bias would count as a mistake.
    """
    rows = []
    for by, over in dict.fromkeys((answer.by, answer.division.over) for answer in answers):
        of_these = [answer for answer in answers if (answer.by, answer.division.over) == (by, over)]
        repeats = sorted({answer.division.repeat for answer in of_these})
        pooled = [
            _pooled([answer for answer in of_these if answer.division.repeat == repeat]) for repeat in repeats
        ]
        per_fold = pd.DataFrame(fold_rows(of_these, grains))
        between_folds = per_fold.groupby("repeat")[["accuracy", "roc_auc"]].std()
        aucs = [roc_auc(even, grains.y[which]) for which, _, even in pooled]
        right = [accuracy(said, grains.y[which]) for which, said, _ in pooled]
        others = {
            name: float(np.mean([score(said, grains.y[which]) for which, said, _ in pooled]))
            for name, score in (("loss", log_loss), ("brier", brier_score), ("ece", calibration_error))
        }
        low, high = _over_samples(pooled[0], grains, np.random.default_rng(seed))
        rows.append(
            {
                "by": by,
                "over": over,
                "n_grains": len(pooled[0][0]),
                "folds": len(of_these) // len(repeats),
                "repeats": len(repeats),
                "accuracy": float(np.mean(right)),
                "accuracy_between_folds": _mean(between_folds["accuracy"]),
                "accuracy_between_seeds": _spread(right),
                "roc_auc": float(np.mean(aucs)),
                "roc_auc_between_folds": _mean(between_folds["roc_auc"]),
                "roc_auc_between_seeds": _spread(aucs),
                "roc_auc_low": low,
                "roc_auc_high": high,
                **others,
                **_scaled_figures([_calibration(each, grains, over) for each in pooled]),
            }
        )
    return pd.DataFrame(rows)


def calibrations(answers: Sequence[Answer], grains: Dataset) -> dict[tuple[str, Over], Calibration]:
    """Calibrate what classifiers say of held-out grains in the first repeat.

    Parameters
    ----------
    answers
        The answers of all.
    grains
        What they are about.

    Returns
    -------
    dict
        By classifier and way of holding out; each sample's figures after it are those of what
        fits the others.
    """
    found = {}
    for by, over in dict.fromkeys((answer.by, answer.division.over) for answer in answers):
        first = [
            answer
            for answer in answers
            if (answer.by, answer.division.over, answer.division.repeat) == (by, over, 0)
        ]
        found[by, over] = _calibration(_pooled(first), grains, over)
    return found


def auc_over_samples(
    probabilities: Probabilities, y: NDArray[np.int64], samples: NDArray[np.str_], seed: int = 0
) -> tuple[float, float]:
    """Return the 95% interval of a ROC-AUC as samples, with all their grains, are drawn anew.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes).
    y
        True classes, shape (n,).
    samples
        The sample of each grain, shape (n,).
    seed
        Seed of the resampling.

    Returns
    -------
    tuple of float
        NaN where there is no ROC-AUC. As many samples of each class are drawn as there are; where a
        class has a single sample, the interval says nothing of how samples of that class differ.
    """
    if math.isnan(roc_auc(probabilities, y)):
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    names = np.unique(samples)
    places = {name: np.flatnonzero(samples == name) for name in names}
    classes = np.array([np.bincount(y[places[name]]).argmax() for name in names])
    of_class = [names[classes == c] for c in np.unique(classes)]
    values = []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([rng.choice(group, len(group)) for group in of_class])
        which = np.concatenate([places[name] for name in drawn])
        values.append(roc_auc(probabilities[which], y[which]))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


_Pooled = tuple[NDArray[np.int64], Probabilities, Probabilities]
"""Indices of grains, what is said of them, and the same for equally frequent classes."""


def _pooled(answers: Sequence[Answer]) -> _Pooled:
    return (
        np.concatenate([answer.division.fold.validation for answer in answers]),
        np.concatenate([answer.probabilities for answer in answers]),
        np.concatenate([evened(answer.probabilities, answer.priors) for answer in answers]),
    )


def _over_samples(pooled: _Pooled, grains: Dataset, rng: np.random.Generator) -> tuple[float, float]:
    which, _, even = pooled
    return auc_over_samples(even, grains.y[which], grains.samples[which], int(rng.integers(2**31)))


def _calibration(pooled: _Pooled, grains: Dataset, over: Over) -> Calibration:
    which, _, even = pooled
    name = FROM_SAMPLES if over == OVER_SAMPLES else FROM_GRAINS
    priors = equal_priors(len(grains.classes))
    return fit_calibration(even, grains.y[which], grains.samples[which], name, priors)


def _scaled_figures(found: Sequence[Calibration]) -> dict[str, float]:
    figures: Any = [calibration.after for calibration in found]
    return {
        f"{name}_scaled": float(np.mean([each.get(name, math.nan) for each in figures]))
        for name in ("brier", "ece")
    }


def _mean(values: "pd.Series[float]") -> float:
    return float(values.mean())


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
