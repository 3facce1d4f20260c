"""Figures of merit over grains, and the verdict over a sample."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating[Any]]
"""Shape (n, n_classes): a row per grain, a column per class, each row summing to 1."""
Classes = NDArray[np.integer[Any]]
"""Shape (n,): the true class of each grain."""

UNDECIDED = "undecided"
"""The verdict where no class leads clearly."""

MIN_GRAINS = 6
"""Grains below which no verdict is given: even if each of fewer grains leaned to one class, a
fair coin would do the same in more than 2.5% of cases (1 in 32 for five), the share of resamples
that a verdict may go against."""

VERDICT_CAVEAT = (
    "Grains of one sample are not independent samples: they share a rock, a mount and an imaging session, "
    "so the interval says how well this mount's grains pin down their own mean, not how sure the class of "
    "the rock body is."
)

_CONFIDENCE = 0.95
_Z = 1.959963984540054  # standard normal quantile of 0.975
_SMALLEST_PROBABILITY = 1e-7  # as Keras clips, so that one sure mistake does not make the loss infinite
_CHUNK_DRAWS = 2**22


@dataclass(frozen=True)
class Verdict:
    """What the grains of one sample say together.

    Parameters
    ----------
    n_grains
        Number of grains.
    mean_probability
        Mean probability of the target class; NaN without grains.
    share_above_half
        Share of the grains whose probability of the target class is above 0.5; NaN without grains.
    low, high
        95% interval of the mean probability by bootstrap over grains; NaN below two grains.
    verdict
        The class with the highest mean probability if it leads in 97.5% of the resamples and
        there are `MIN_GRAINS` grains or more, else "undecided".
    """

    n_grains: int
    mean_probability: float
    share_above_half: float
    low: float
    high: float
    verdict: str


def verdict(
    probabilities: Probabilities,
    classes: Sequence[str],
    target_class: str,
    *,
    seed: int = 0,
    n_resamples: int = 2000,
) -> Verdict:
    """Sum up one sample's grains; read it with `VERDICT_CAVEAT`.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes).
    classes
        Names of the classes, in the order of the columns.
    target_class
        The class whose probability is told.
    seed
        Seed of the resampling.
    n_resamples
        How often the grains are drawn anew, with replacement.

    Returns
    -------
    Verdict
        Means, interval and class.
    """
    target = list(classes).index(target_class)
    values = np.asarray(probabilities, np.float64)
    n = len(values)
    if n == 0:
        return Verdict(0, math.nan, math.nan, math.nan, math.nan, UNDECIDED)
    mean, share = float(values[:, target].mean()), float((values[:, target] > 0.5).mean())
    if n == 1:
        return Verdict(1, mean, share, math.nan, math.nan, UNDECIDED)
    means = _resampled_means(values, np.random.default_rng(seed), n_resamples)
    low, high = np.quantile(means[:, target], [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    leader = int(values.mean(axis=0).argmax())
    others = np.delete(means, leader, axis=1).max(axis=1)
    leads = float((means[:, leader] > others).mean())
    decided = n >= MIN_GRAINS and leads >= (1 + _CONFIDENCE) / 2
    return Verdict(n, mean, share, float(low), float(high), classes[leader] if decided else UNDECIDED)


def _resampled_means(
    values: NDArray[np.float64], rng: np.random.Generator, n_resamples: int
) -> NDArray[np.float64]:
    n = len(values)
    per_chunk = max(1, _CHUNK_DRAWS // n)
    means = []
    for start in range(0, n_resamples, per_chunk):
        size = min(per_chunk, n_resamples - start)
        drawn = rng.integers(n, size=(size, n), dtype=np.int32)
        means.append(np.stack([column[drawn].mean(axis=1) for column in values.T], axis=1))
    return np.concatenate(means)


def evaluation(probabilities: Probabilities, y: Classes) -> dict[str, Any]:
    """Score probabilities against the true classes.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes).
    y
        True classes, shape (n,).

    Returns
    -------
    dict
        `n`; `loss`, `accuracy`, `roc_auc` as the functions of those names give them (the loss
        is `log_loss`); `accuracy_low` and `accuracy_high`, the 95% interval by `wilson_interval`;
        `confusion`, a list of rows (true class) of counts (predicted class).
    """
    n, n_classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((n_classes, n_classes), int)
    np.add.at(confusion, (y, predicted), 1)
    low, high = wilson_interval(int(np.trace(confusion)), n)
    return {
        "n": n,
        "loss": log_loss(probabilities, y),
        "accuracy": accuracy(probabilities, y),
        "accuracy_low": low,
        "accuracy_high": high,
        "roc_auc": roc_auc(probabilities, y),
        "confusion": confusion.tolist(),
    }


def accuracy(probabilities: Probabilities, y: Classes) -> float:
    """Return the share of grains whose most probable class is the true one; NaN without grains."""
    return float((probabilities.argmax(axis=1) == y).mean()) if len(y) else math.nan


def log_loss(probabilities: Probabilities, y: Classes) -> float:
    """Return the mean cross-entropy in nats; NaN without grains."""
    if not len(y):
        return math.nan
    of_truth = probabilities[np.arange(len(y)), y].astype(np.float64)
    return float(-np.log(of_truth.clip(_SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)).mean())


def roc_auc(probabilities: Probabilities, y: Classes) -> float:
    """Return the area under the ROC curve, exactly, ties counting half.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes).
    y
        True classes, shape (n,).

    Returns
    -------
    float
        For two classes that of class 1. For more, the mean over the classes that occur of each
        one against the rest. NaN where fewer than two classes occur.
    """
    present = np.unique(y)
    if len(present) < 2:
        return math.nan
    if probabilities.shape[1] == 2:
        return _binary_auc(probabilities[:, 1], y == 1)
    return float(np.mean([_binary_auc(probabilities[:, c], y == c) for c in present]))


def _binary_auc(scores: NDArray[np.floating[Any]], positive: NDArray[np.bool_]) -> float:
    # The share of (positive, negative) pairs that are in the right order, by the rank sum
    # of Mann and Whitney.
    _, position, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    n_positive = int(positive.sum())
    rank_sum = mean_rank[position[positive]].sum()
    pairs = n_positive * (len(positive) - n_positive)
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / pairs)


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """Return the 95% interval of a share by Wilson's score; NaN without grains.

    Parameters
    ----------
    n_right
        How many grains count.
    n
        How many there are.

    Notes
    -----
    Source: Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    if n == 0:
        return math.nan, math.nan
    share = n_right / n
    middle = share + _Z**2 / (2 * n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
