"""Probabilities for other class frequencies than those that a network was trained with."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SMALLEST = 1e-7
_MOST_STEPS = 1000
_CLOSE = 1e-6


def with_priors(
    probabilities: NDArray[np.floating[Any]], trained: Sequence[float], wanted: Sequence[float]
) -> NDArray[np.float64]:
    """Turn probabilities into those for other class frequencies.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes); each row sums to 1.
    trained
        Frequencies of the classes where the probabilities hold, such as those in the training.
    wanted
        The frequencies to assume instead.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        Each probability times `wanted` / `trained` of its class, made to sum to 1 again. The order of
        grains, and so the ROC-AUC, stays for two classes.

    Notes
    -----
    Sources: Elkan (2001), IJCAI 17, 973, theorem 2; Saerens et al. (2002),
    doi:10.1162/089976602753284446, equation 2.4.
    """
    ratio = _shares(wanted) / np.maximum(_shares(trained), _SMALLEST)
    weighted = np.clip(np.asarray(probabilities, np.float64), _SMALLEST, 1) * np.maximum(ratio, _SMALLEST)
    adjusted: NDArray[np.float64] = weighted / weighted.sum(axis=1, keepdims=True)
    return adjusted


def leaning(probabilities: NDArray[np.floating[Any]], y: NDArray[np.integer[Any]]) -> tuple[float, ...]:
    """Find which class frequencies a classifier assumes, from what it says of grains of known class.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes), of the grains that it has learnt from.
    y
        Their classes, shape (n,).

    Returns
    -------
    tuple of float
        The frequencies; for equal ones, the probabilities would give each class its part, on average over
        classes of which each counts the same. They need not be those of the grains: a network that has
        learnt little does not know these yet, and to take them off would lend it the knowledge of what was
        held out.
    """
    present = np.unique(y)
    equal = equal_priors(probabilities.shape[1])
    shares = np.asarray(equal)
    for _ in range(_MOST_STEPS):
        even = with_priors(probabilities, shares.tolist(), equal)
        part = np.mean([even[y == c].mean(axis=0) for c in present], axis=0)
        shares = _shares((shares * part).tolist())
        if np.abs(part - 1 / len(part)).max() < _CLOSE:
            break
    return tuple(shares.tolist())


def evened(probabilities: NDArray[np.floating[Any]], trained: Sequence[float]) -> NDArray[np.float64]:
    """Return probabilities for equally frequent classes, so that those of many networks can be pooled.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes); each row sums to 1.
    trained
        Frequencies of the classes where the probabilities hold.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        As `with_priors` returns them, rounded to a billionth, so that grains of which the same is said
        stay equal.
    """
    return np.round(with_priors(probabilities, trained, equal_priors(len(trained))), 9)


def equal_priors(n_classes: int) -> tuple[float, ...]:
    """Return the frequencies of classes that are equally common."""
    return (1 / n_classes,) * n_classes


def estimated_priors(probabilities: NDArray[np.floating[Any]], trained: Sequence[float]) -> tuple[float, ...]:
    """Estimate how frequent each class is among some grains, from their probabilities alone.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes), of grains that were drawn together, such as those of one sample.
    trained
        Frequencies of the classes where the probabilities hold.

    Returns
    -------
    tuple of float
        The frequencies under which the grains are most likely, by expectation maximisation; those of
        the training without grains.

    Notes
    -----
    Source: Saerens et al. (2002), doi:10.1162/089976602753284446, equation 3.2. It holds as far as the
    probabilities are calibrated and grains of a class look as they did in the training.
    """
    shares = _shares(trained)
    if not len(probabilities):
        return tuple(shares.tolist())
    for _ in range(_MOST_STEPS):
        next_shares = with_priors(probabilities, trained, shares.tolist()).mean(axis=0)
        is_done = np.abs(next_shares - shares).max() < _CLOSE
        shares = next_shares
        if is_done:
            break
    return tuple(shares.tolist())


def _shares(frequencies: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(frequencies, np.float64)
    return np.asarray(values / values.sum())
