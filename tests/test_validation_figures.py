import numpy as np
import pandas as pd
import pytest

from napari_zircon_cnn.calibration import fit_calibration, reliability_curves
from napari_zircon_cnn.networks.card import Calibration
from napari_zircon_cnn.validation_figures import reliability_figure, side_by_side_figure


def row(by: str, over: str, auc: float) -> dict[str, object]:
    figures = {"roc_auc": auc, "roc_auc_low": auc - 0.1, "roc_auc_high": auc + 0.1}
    return {"by": by, "over": over, **figures, "accuracy": 0.8, "accuracy_between_folds": 0.1}


def test_both_ways_of_holding_out_stand_in_one_figure() -> None:
    table = pd.DataFrame([row("majority class", "grains", 0.5), row("lenet5", "grains", 0.9)])
    axes, of_accuracy = side_by_side_figure(table).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["majority class", "lenet5"]
    assert len(axes.collections) == len(of_accuracy.collections) == 1
    both = pd.concat([table, pd.DataFrame([row("lenet5", "samples", float("nan"))])])
    axes, _ = side_by_side_figure(both).axes
    assert len(axes.collections) == 2
    assert "one class only" in [text.get_text() for text in axes.texts]


def test_reliability_is_drawn_before_and_after_scaling() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 400)
    y = (rng.random(400) < 1 / (1 + np.exp(-odds))).astype(int)
    sure = 1 / (1 + np.exp(-3 * odds))
    samples = np.repeat(["A", "B", "C", "D"], 100)
    calibration = fit_calibration(np.stack([1 - sure, sure], axis=1), y, samples, "grains")
    curves = reliability_curves(calibration)
    before, after = curves
    assert before.startswith("uncalibrated, ECE 0.1")
    assert after.startswith("calibrated, ECE 0.0")
    (axes,) = reliability_figure({"lenet5": curves}, "porphyry").axes
    diagonal, *lines = axes.lines
    assert np.asarray(diagonal.get_xdata()).tolist() == [0, 1]
    said = [point["probability"] for point in curves[before]]
    assert np.asarray(lines[0].get_xdata()).tolist() == pytest.approx(said)
    assert axes.get_xlabel() == "probability of porphyry"


def test_without_a_calibration_there_are_no_curves() -> None:
    assert reliability_curves(Calibration()) == {}
    (axes,) = reliability_figure({"lenet5": {}}).axes
    assert len(axes.lines) == 1
