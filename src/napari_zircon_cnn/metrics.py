"""Figures of merit over grains."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating[Any]]
"""Shape (n, n_classes): a row per grain, a column per class, each row summing to 1."""
Classes = NDArray[np.integer[Any]]
"""Shape (n,): the true class of each grain."""

CALIBRATION_BINS = 10
"""Bins of equal width in which probabilities are held against what came true."""

_Z = 1.959963984540054  # standard normal quantile of 0.975
_SMALLEST_PROBABILITY = 1e-7  # as Keras clips, so that one sure mistake does not make the loss infinite


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
        `n`; `loss`, `accuracy`, `roc_auc`, `brier`, `ece` as `log_loss`, `accuracy`, `roc_auc`,
        `brier_score` and `calibration_error` give them; `accuracy_low` and `accuracy_high`, the 95%
        interval by `wilson_interval`; `confusion`, a list of rows (true class) of counts (predicted
        class).
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
        "brier": brier_score(probabilities, y),
        "ece": calibration_error(probabilities, y),
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


def brier_score(probabilities: Probabilities, y: Classes) -> float:
    """Return how far probabilities are from what came true, squared; 0 is perfect.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes).
    y
        True classes, shape (n,).

    Returns
    -------
    float
        The mean over grains of half the sum over classes, which for two classes is the usual mean of
        (p - y)²: 0.25 for a coin, 1 where each grain is surely wrong. NaN without grains.

    Notes
    -----
    Source: Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    if not len(y):
        return math.nan
    truth = np.eye(probabilities.shape[1])[y]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean() / 2)


def reliability(
    probabilities: Probabilities, y: Classes, class_index: int, n_bins: int = CALIBRATION_BINS
) -> list[dict[str, float]]:
    """Hold the probabilities of a class against how often it came true: a reliability diagram's points.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes).
    y
        True classes, shape (n,).
    class_index
        The class.
    n_bins
        Bins of equal width from 0 to 1.

    Returns
    -------
    list of dict
        For each bin that holds grains: how many (`n`), their mean probability (`probability`) and the
        share of them that is of the class (`share`).
    """
    values = np.asarray(probabilities[:, class_index], np.float64)
    which = np.minimum((values * n_bins).astype(int), n_bins - 1)
    points = []
    for number in np.unique(which):
        here = which == number
        points.append(
            {
                "n": int(here.sum()),
                "probability": float(values[here].mean()),
                "share": float((y[here] == class_index).mean()),
            }
        )
    return points


def calibration_error(probabilities: Probabilities, y: Classes, n_bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error: how far probabilities are from the shares that come true.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes).
    y
        True classes, shape (n,).
    n_bins
        Bins of equal width from 0 to 1.

    Returns
    -------
    float
        The mean over the grains of the gap between their bin's mean probability and share; for more than
        two classes the mean over these. NaN without grains. Even perfect probabilities have a little of it,
        the more the fewer grains: some 0.03 with 500.

    Notes
    -----
    Sources: Naeini et al. (2015), AAAI 29, 2901; class by class as in Kull et al. (2019), NeurIPS 32.
    """
    if not len(y):
        return math.nan
    gaps = [
        sum(point["n"] * abs(point["probability"] - point["share"]) for point in points) / len(y)
        for points in (reliability(probabilities, y, c, n_bins) for c in range(probabilities.shape[1]))
    ]
    return float(np.mean(gaps))


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
