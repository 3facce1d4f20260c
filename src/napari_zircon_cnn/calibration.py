"""Making probabilities mean what they say: temperature scaling, with an offset for each class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.metrics import (
    Classes,
    Probabilities,
    brier_score,
    calibration_error,
    log_loss,
    reliability,
)
from napari_zircon_cnn.networks.card import Calibration
from napari_zircon_cnn.priors import with_priors

FEWEST_GRAINS = 20
"""Grains below which no temperature is fitted."""

FEWEST_OF_A_CLASS = 10
"""Grains of the rarest class below which a temperature alone is fitted, without offsets."""

FROM_SAMPLES = "grains of held-out samples"
FROM_GRAINS = "held-out grains of the training samples"

_SMALLEST = 1e-7  # as the loss clips, so that a saturated output has a logarithm
_LOG_TEMPERATURES = (np.log(0.05), np.log(50.0))
_OFFSETS = (-6.0, 6.0)


def scaled(probabilities: Probabilities, calibration: Calibration) -> NDArray[np.float32]:
    """Divide the logarithms of probabilities by a temperature and add the offsets of their classes.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes); each row sums to 1.
    calibration
        At a temperature above 1 the probabilities move towards each other, below 1 apart.

    Returns
    -------
    ndarray of float32, shape (n, n_classes)
        For two classes the order of grains stays. Without offsets so does the most probable class.
    """
    if calibration.temperature == 1 and not any(calibration.offsets):
        return np.asarray(probabilities, np.float32)
    return np.asarray(np.exp(_scaled_logs(probabilities, calibration)), np.float32)


def fit_scaling(
    probabilities: Probabilities, y: Classes, priors: Sequence[float] | None = None
) -> Calibration:
    """Find the temperature and the offsets with which probabilities of held-out grains lose least.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes), of grains that the network was not trained on.
    y
        Their true classes, shape (n,).
    priors
        The class frequencies that the probabilities are to assume: the grains are weighed so that each
        class has its part. Those of the grains unless told.

    Returns
    -------
    Calibration
        The temperature, 0.05 to 50, and the offsets, of which the first is 0; none where a class has fewer
        than `FEWEST_OF_A_CLASS` grains.

    Notes
    -----
    Sources: Guo et al. (2017), ICML 34, 1321, section 4.2; for two classes with offsets it is the scaling
    of Platt (1999), Advances in Large Margin Classifiers, 61.
    """
    from scipy.optimize import minimize

    counts = np.bincount(y, minlength=probabilities.shape[1])
    shares = counts / len(y)
    weights = (np.asarray(priors if priors is not None else shares) / np.maximum(shares, _SMALLEST))[y]
    n_offsets = len(counts) - 1 if counts.min() >= FEWEST_OF_A_CLASS else 0

    def of(values: NDArray[np.float64]) -> Calibration:
        offsets = (0.0, *values[1:].tolist()) if n_offsets else ()
        return Calibration(temperature=float(np.exp(values[0])), offsets=offsets)

    def loss(values: NDArray[np.float64]) -> float:
        of_truth = _scaled_logs(probabilities, of(values))[np.arange(len(y)), y]
        return float(-np.average(of_truth, weights=weights))

    bounds = [_LOG_TEMPERATURES, *[_OFFSETS] * n_offsets]
    found: Any = minimize(loss, np.zeros(len(bounds)), method="L-BFGS-B", bounds=bounds)
    return of(found.x)


def fit_calibration(
    probabilities: Probabilities,
    y: Classes,
    samples: NDArray[np.str_],
    fitted_on: str,
    priors: Sequence[float] | None = None,
) -> Calibration:
    """Fit temperature and offsets and say what they change.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes), of grains that the network was not trained on.
    y
        Their true classes, shape (n,).
    samples
        Their samples, shape (n,).
    fitted_on
        What these grains are, in words.
    priors
        The class frequencies that the probabilities assume, before and after; those of the grains unless
        told.

    Returns
    -------
    Calibration
        A temperature of 1 with the reason where there are fewer than `FEWEST_GRAINS` grains or one
        class only; and the figures of these grains before and after, for their own class frequencies.
        After, each sample is scaled by what fits the others, where there are others of all classes.
    """
    names = tuple(np.unique(samples).tolist())
    missing = _reason_against(y)
    if missing:
        return Calibration(fitted_on="", n_grains=len(y), samples=names, reason=missing)
    shares = np.bincount(y, minlength=probabilities.shape[1]) / len(y)
    assumed = tuple(shares.tolist()) if priors is None else tuple(priors)
    calibration = fit_scaling(probabilities, y, assumed)
    after = scaled(probabilities, calibration)
    for name in names:
        here = samples == name
        if not _reason_against(y[~here]):
            after[here] = scaled(probabilities[here], fit_scaling(probabilities[~here], y[~here], assumed))

    def figures(of: Probabilities) -> dict[str, Any]:
        return _figures(of if priors is None else with_priors(of, assumed, shares.tolist()), y)

    return calibration.model_copy(
        update={
            "fitted_on": fitted_on,
            "n_grains": len(y),
            "samples": names,
            "before": figures(probabilities),
            "after": figures(after),
        }
    )


def in_words(calibration: Calibration) -> str:
    """Return in a sentence or two what a calibration is worth."""
    if not calibration.fitted_on:
        reason = calibration.reason or "the network was trained before that was done"
        return f"Not calibrated: {reason}."
    before, after = calibration.before.get("ece"), calibration.after.get("ece")
    gain = f"; expected calibration error {before:.2f} before, {after:.2f} after" if after is not None else ""
    offsets = " with an offset for each class" if calibration.offsets else ""
    told = (
        f"Calibrated on {calibration.n_grains} {calibration.fitted_on}: temperature "
        f"{calibration.temperature:.2f}{offsets}{gain}."
    )
    if calibration.fitted_on == FROM_GRAINS:
        told += " On a new sample the probabilities may still be too sure; hold samples out to know."
    elif len(calibration.samples) == 1:
        told += " It is one sample, so the figure after is of the very grains that chose the temperature."
    return told


def reliability_curves(calibration: Calibration) -> dict[str, list[dict[str, float]]]:
    """Return the points of a reliability diagram before and after scaling, by what a legend calls them.

    Parameters
    ----------
    calibration
        The calibration; without figures there are no curves.

    Returns
    -------
    dict
        Points as `metrics.reliability` gives them.
    """
    before: Any = calibration.before
    after: Any = calibration.after
    if not before or not after:
        return {}
    return {
        f"uncalibrated, ECE {before['ece']:.2f}": before["reliability"],
        f"calibrated, ECE {after['ece']:.2f}": after["reliability"],
    }


def _reason_against(y: Classes) -> str:
    if len(y) < FEWEST_GRAINS:
        return f"{len(y)} held-out grains are too few to calibrate with; it takes {FEWEST_GRAINS}"
    if len(np.unique(y)) < 2:
        return "the held-out grains are all of one class; hold out samples of each class, or each sample once"
    return ""


def _figures(probabilities: Probabilities, y: Classes) -> dict[str, Any]:
    target = probabilities.shape[1] - 1
    return {
        "loss": log_loss(probabilities, y),
        "brier": brier_score(probabilities, y),
        "ece": calibration_error(probabilities, y),
        "reliability": reliability(probabilities, y, target),
    }


def _scaled_logs(probabilities: Probabilities, calibration: Calibration) -> NDArray[np.float64]:
    logs = np.log(np.clip(np.asarray(probabilities, np.float64), _SMALLEST, 1)) / calibration.temperature
    if calibration.offsets:
        logs = logs + np.array(calibration.offsets)
    logs -= logs.max(axis=1, keepdims=True)
    normed: NDArray[np.float64] = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return normed
