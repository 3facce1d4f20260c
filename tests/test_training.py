import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from drawn_crops import CLASSES, discs_and_rings
from napari_zircon_cnn.inference import predict
from napari_zircon_cnn.metrics import evaluation
from napari_zircon_cnn.progress import Cancelled, silent
from napari_zircon_cnn.training import TrainResult, TrainSettings, train

PAPER = TrainSettings(epochs=12, batch_size=16, learning_rate=0.003)
QUICK = TrainSettings(epochs=3, batch_size=16, learning_rate=0.005, augmentation="none", dropout=False)


def fit(settings: TrainSettings, progress: Any = silent, n_classes: int = 2) -> TrainResult:
    x_train, y_train = discs_and_rings(90, seed=0, n_classes=n_classes)
    x_val, y_val = discs_and_rings(30, seed=1, n_classes=n_classes)
    classes = (*CLASSES, "square")[:n_classes]
    return train(x_train, y_train, x_val, y_val, classes, settings, progress)


@pytest.fixture(scope="module")
def told() -> list[tuple[float, str]]:
    """Return what the training of `paper_s_way` tells of its progress."""
    return []


@pytest.fixture(scope="module")
def paper_s_way(told: list[tuple[float, str]]) -> TrainResult:
    """Return a network trained with augmentation and dropout."""
    return fit(PAPER, lambda fraction, message: told.append((fraction, message)))


def test_lenet5_learns_discs_from_rings_with_the_paper_s_augmentation_and_dropout(
    paper_s_way: TrainResult,
) -> None:
    assert paper_s_way.history[-1]["val_roc_auc"] > 0.9
    assert [entry["epoch"] for entry in paper_s_way.history] == list(range(1, 13))


def test_three_classes_are_learnt_too() -> None:
    result = fit(replace(QUICK, epochs=10), n_classes=3)
    assert result.model.output_shape == (None, 3)
    assert result.history[-1]["val_roc_auc"] > 0.9


def test_the_same_seed_gives_the_same_numbers(paper_s_way: TrainResult) -> None:
    again = fit(PAPER)
    crops, _ = discs_and_rings(20, seed=2)
    np.testing.assert_array_equal(predict(again.model, crops), predict(paper_s_way.model, crops))
    for entry, same in zip(again.history, paper_s_way.history, strict=True):
        assert {**entry, "seconds": 0} == {**same, "seconds": 0}
    other = fit(replace(PAPER, seed=1, epochs=1))
    assert other.history[0]["loss"] != paper_s_way.history[0]["loss"]


def test_the_last_epoch_s_validation_is_that_of_the_network_given_back(paper_s_way: TrainResult) -> None:
    x_val, y_val = discs_and_rings(30, seed=1)
    figures = evaluation(predict(paper_s_way.model, x_val), y_val)
    last = paper_s_way.history[-1]
    assert last["val_loss"] == pytest.approx(figures["loss"], rel=1e-5)
    assert last["val_accuracy"] == figures["accuracy"]
    assert last["val_roc_auc"] == figures["roc_auc"]


def test_the_training_figures_are_those_that_keras_takes() -> None:
    """With steps too small to change the network, an epoch's figures are those of the first weights."""
    settings = TrainSettings(epochs=1, learning_rate=1e-12, augmentation="none", dropout=False)
    x_train, y_train = discs_and_rings(90, seed=0)
    result = fit(settings)
    result.model.compile(loss="binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(20_000)])
    loss, accuracy, auc = result.model.evaluate(x_train, y_train[:, None], verbose=0)
    assert result.history[0]["loss"] == pytest.approx(loss, rel=1e-4)
    assert result.history[0]["accuracy"] == pytest.approx(accuracy)
    assert result.history[0]["roc_auc"] == pytest.approx(auc, abs=0.01)


def test_progress_tells_each_epoch(paper_s_way: TrainResult, told: list[tuple[float, str]]) -> None:
    assert [fraction for fraction, _ in told] == pytest.approx(np.arange(1, 13) / 12)
    assert told[1][1].startswith("epoch 2 of 12: loss ")
    assert "validation ROC-AUC " in told[1][1]


def test_training_can_be_cancelled() -> None:
    seen = []

    def cancel(fraction: float, message: str) -> None:
        seen.append(message)
        raise Cancelled

    with pytest.raises(Cancelled):
        fit(QUICK, cancel)
    assert len(seen) == 1


def test_class_weights_keep_a_rare_class_from_being_ignored_without_validation_too() -> None:
    x, y = discs_and_rings(200, seed=0)
    few = np.flatnonzero(y == 1)[:8]
    kept = np.concatenate([np.flatnonzero(y == 0), few])
    shares = []
    told: list[str] = []
    for weighted in (False, True):
        settings = TrainSettings(epochs=1, augmentation="none", dropout=False, class_weights=weighted)
        result = train(x[kept], y[kept], x[:0], y[:0], CLASSES, settings, lambda _, text: told.append(text))
        shares.append(predict(result.model, x)[:, 1].mean())
    assert shares[1] > shares[0] + 0.1
    # There were no validation grains.
    assert math.isnan(result.history[-1]["val_loss"])
    assert math.isnan(result.history[-1]["val_roc_auc"])
    assert "nan" not in told[-1]


def test_a_network_given_back_carries_nothing_of_its_training(paper_s_way: TrainResult) -> None:
    model = paper_s_way.model
    assert not model.compiled
    assert not any("random" in layer.name for layer in model.layers)
    assert model.count_params() == 22_029
