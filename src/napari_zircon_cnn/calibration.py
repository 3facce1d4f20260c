"""Making probabilities mean what they say: temperature scaling."""

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

FEWEST_GRAINS = 20
"""Grains below which no temperature is fitted."""

FROM_SAMPLES = "grains of held-out samples"
FROM_GRAINS = "held-out grains of the training samples"

_SMALLEST = 1e-7  # as the loss clips, so that a saturated output has a logarithm
_LOG_TEMPERATURES = (np.log(0.05), np.log(50.0))


def scaled(probabilities: Probabilities, temperature: float) -> NDArray[np.float32]:
    """Divide the logarithms of probabilities by a temperature.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes); each row sums to 1.
    temperature
        Above 1 the probabilities move towards each other, below 1 apart. 1 leaves them as they are.

    Returns
    -------
    ndarray of float32, shape (n, n_classes)
        The most probable class of each grain stays, as does, for two classes, the order of grains.
    """
    if temperature == 1:
        return np.asarray(probabilities, np.float32)
    logs = np.log(np.clip(np.asarray(probabilities, np.float64), _SMALLEST, 1)) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def fit_temperature(probabilities: Probabilities, y: Classes) -> float:
    """Find the temperature at which probabilities of held-out grains lose least.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes), of grains that the network was not trained on.
    y
        Their true classes, shape (n,).

    Returns
    -------
    float
        The temperature, 0.05 to 50.

    Notes
    -----
    Source: Guo et al. (2017), ICML 34, 1321, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        return log_loss(scaled(probabilities, float(np.exp(log_temperature))), y)

    found: Any = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))


def fit_calibration(
    probabilities: Probabilities, y: Classes, samples: NDArray[np.str_], fitted_on: str
) -> Calibration:
    """Fit a temperature and say what it changes.

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

    Returns
    -------
    Calibration
        The temperature, 1 with the reason where there are fewer than `FEWEST_GRAINS` grains or one
        class only; and the figures of these grains before and after. After, each sample is scaled by the
        temperature that fits the others, where there are others of all classes.
    """
    names = tuple(np.unique(samples).tolist())
    missing = _reason_against(y)
    if missing:
        return Calibration(fitted_on="", n_grains=len(y), samples=names, reason=missing)
    temperature = fit_temperature(probabilities, y)
    after = scaled(probabilities, temperature)
    for name in names:
        here = samples == name
        if not _reason_against(y[~here]):
            after[here] = scaled(probabilities[here], fit_temperature(probabilities[~here], y[~here]))
    return Calibration(
        temperature=temperature,
        fitted_on=fitted_on,
        n_grains=len(y),
        samples=names,
        before=_figures(probabilities, y),
        after=_figures(after, y),
    )


def in_words(calibration: Calibration) -> str:
    """Return in a sentence or two what a calibration is worth."""
    if not calibration.fitted_on:
        reason = calibration.reason or "the network was trained before that was done"
        return f"Not calibrated: {reason}."
    before, after = calibration.before.get("ece"), calibration.after.get("ece")
    gain = f"; expected calibration error {before:.2f} before, {after:.2f} after" if after is not None else ""
    told = (
        f"Calibrated on {calibration.n_grains} {calibration.fitted_on}: temperature "
        f"{calibration.temperature:.2f}{gain}."
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
        f"as the network says, ECE {before['ece']:.2f}": before["reliability"],
        f"temperature {calibration.temperature:.2f}, ECE {after['ece']:.2f}": after["reliability"],
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
