from typing import Any

import numpy as np
import pytest

from napari_zircon_cnn.calibration import (
    FROM_GRAINS,
    FROM_SAMPLES,
    fit_calibration,
    fit_scaling,
    in_words,
    scaled,
)
from napari_zircon_cnn.metrics import accuracy, calibration_error, roc_auc
from napari_zircon_cnn.networks.card import Calibration

SAMPLES = np.repeat(["A", "B", "C", "D"], 500)


def too_sure(factor: float, n_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities whose logarithms are `factor` times too far apart, and what came true."""
    n = len(SAMPLES)
    rng = np.random.default_rng(0)
    logs = rng.normal(0, 1.2, (n, n_classes))
    true = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    y = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1)
    said = np.exp(factor * logs)
    return said / said.sum(axis=1, keepdims=True), y


def errors_of(found: Calibration) -> tuple[float, float]:
    """Return the expected calibration errors before and after."""
    before: Any = found.before["ece"]
    after: Any = found.after["ece"]
    return before, after


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_is_found_again(factor: float, n_classes: int) -> None:
    probabilities, y = too_sure(factor, n_classes=n_classes)
    found = fit_scaling(probabilities, y)
    assert found.temperature == pytest.approx(factor, rel=0.12)
    assert found.offsets == pytest.approx((0,) * n_classes, abs=0.2)


@pytest.mark.parametrize("leaning", [-1.5, 2.0])
def test_a_leaning_to_a_class_is_taken_off(leaning: float) -> None:
    probabilities, y = too_sure(2.0)
    leaned = probabilities * np.exp([0, leaning])
    leaned /= leaned.sum(axis=1, keepdims=True)
    found = fit_calibration(leaned, y, SAMPLES, FROM_SAMPLES)
    assert found.offsets == pytest.approx((0, -leaning / 2), abs=0.15)
    assert errors_of(found)[0] > 0.15
    assert errors_of(found)[1] < 0.03
    # A class with a handful of grains does not tell how far to lean to it.
    rare = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:9]])
    assert fit_scaling(leaned[rare], y[rare]).offsets == ()


def test_probabilities_assume_the_same_class_frequencies_before_and_after() -> None:
    """As those of a network for which each class counts the same, whatever grains it is calibrated on."""
    probabilities, y = too_sure(3.0)
    kept = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:100]])
    equal = fit_calibration(probabilities[kept], y[kept], SAMPLES[kept], FROM_SAMPLES, (0.5, 0.5))
    assert equal.temperature == pytest.approx(3, rel=0.2)
    assert equal.offsets == pytest.approx((0, 0), abs=0.2)
    # Yet what is told of them is for the grains there are.
    before, after = errors_of(equal)
    assert after < 0.04 < before
    own = fit_calibration(probabilities[kept], y[kept], SAMPLES[kept], FROM_SAMPLES)
    assert own.offsets[1] == pytest.approx(np.log((y[kept] == 1).mean() / (y[kept] == 0).mean()), abs=0.3)


def test_scaling_lowers_the_error_and_keeps_the_order() -> None:
    probabilities, y = too_sure(4.0)
    found = fit_calibration(probabilities, y, SAMPLES, FROM_SAMPLES)
    after = scaled(probabilities, found)

    assert calibration_error(probabilities, y) > 0.15
    assert calibration_error(after, y) < 0.03
    assert found.before["ece"] == pytest.approx(calibration_error(probabilities, y))
    # Each sample was scaled by what fits the others, so it differs a little.
    assert found.after["ece"] == pytest.approx(calibration_error(after, y), abs=0.01)
    assert found.samples == ("A", "B", "C", "D")
    assert accuracy(after, y) == pytest.approx(accuracy(probabilities, y), abs=0.02)
    assert roc_auc(after, y) == pytest.approx(roc_auc(probabilities, y), abs=1e-6)
    np.testing.assert_allclose(after.sum(axis=1), 1, rtol=1e-6)


def test_saturated_outputs_stay_finite() -> None:
    after = scaled(np.array([[0.0, 1.0], [1.0, 0.0]]), Calibration(temperature=3.0))
    assert np.isfinite(after).all()
    assert after[0, 1] > 0.99 > 1 - after[1, 1] - 0.02


def test_where_there_is_nothing_to_calibrate_with_a_sentence_says_so() -> None:
    probabilities, y = too_sure(2.0)
    few = fit_calibration(probabilities[:12], y[:12], SAMPLES[:12], FROM_SAMPLES)
    assert (few.temperature, few.fitted_on) == (1.0, "")
    assert in_words(few) == "Not calibrated: 12 held-out grains are too few to calibrate with; it takes 20."
    ones = y == 1
    one_class = fit_calibration(probabilities[ones], y[ones], SAMPLES[ones], FROM_SAMPLES)
    assert one_class.temperature == 1
    assert in_words(one_class) == (
        "Not calibrated: the held-out grains are all of one class; hold out samples of each class, "
        "or each sample once."
    )


def test_words_say_what_a_calibration_is_worth() -> None:
    probabilities, y = too_sure(4.0)
    words = in_words(fit_calibration(probabilities, y, SAMPLES, FROM_SAMPLES))
    assert "Calibrated on 2000 grains of held-out samples: temperature " in words
    assert words.endswith("after.")
    words = in_words(fit_calibration(probabilities, y, SAMPLES, FROM_GRAINS))
    assert words.endswith("the probabilities may still be too sure; hold samples out to know.")
    one = np.full(len(y), "A")
    assert "of the very grains that chose the temperature" in in_words(
        fit_calibration(probabilities, y, one, FROM_SAMPLES)
    )
