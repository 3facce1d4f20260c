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
from napari_zircon_cnn.training import Epoch, History, TrainResult, TrainSettings, train
from napari_zircon_cnn.training import fit as fitting

PAPER = TrainSettings(epochs=12, batch_size=16, learning_rate=0.003)
QUICK = TrainSettings(epochs=3, batch_size=16, learning_rate=0.005, augmentation="none", dropout=False)


# Steps far too large to settle, so that the best epoch is seldom the last.
RESTLESS = replace(QUICK, epochs=8, learning_rate=0.05, seed=1)


def fit(
    settings: TrainSettings,
    progress: Any = silent,
    n_classes: int = 2,
    n_train: int = 90,
    n_val: int = 30,
    **options: Any,
) -> TrainResult:
    x_train, y_train = discs_and_rings(n_train, seed=0, n_classes=n_classes)
    x_val, y_val = discs_and_rings(30, seed=1, n_classes=n_classes)
    classes = (*CLASSES, "square")[:n_classes]
    return train(x_train, y_train, x_val[:n_val], y_val[:n_val], classes, settings, progress, **options)


def without_time(history: History) -> str:
    return repr([{name: value for name, value in epoch.items() if name != "seconds"} for epoch in history])


def same_numbers(one: TrainResult, other: TrainResult) -> bool:
    crops, _ = discs_and_rings(20, seed=2)
    return bool((predict(one.model, crops) == predict(other.model, crops)).all())


class StopsAfter:
    """Remembers what it is told, and raises `Cancelled` from some epoch on."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.told: History = []

    def __call__(self, epoch: Epoch) -> None:
        self.told.append(epoch)
        if epoch["epoch"] >= self.epoch:
            raise Cancelled


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
    # PyTorch's backend tells of each step as well.
    whole = [
        (fraction, message)
        for fraction, message in told
        if fraction * 12 == pytest.approx(round(fraction * 12))
    ]
    assert [fraction for fraction, _ in whole] == pytest.approx(np.arange(1, 13) / 12)
    assert whole[1][1].startswith("epoch 2 of 12: loss ")
    assert "validation ROC-AUC " in whole[1][1]


def test_each_epoch_s_figures_are_told_when_it_is_over() -> None:
    told: History = []
    result = fit(QUICK, on_epoch=told.append)
    assert told == result.history
    assert [epoch["epoch"] for epoch in told] == [1, 2, 3]
    assert (result.epoch, result.was_stopped) == (3, False)
    told[0]["loss"] = -1
    assert result.history[0]["loss"] > 0


@pytest.mark.parametrize(("n_val", "n_epochs"), [(30, 6), (0, 5)])
def test_a_stopped_training_gives_back_its_best_epoch(n_val: int, n_epochs: int) -> None:
    """The best so far is what a training of as many epochs ends with, by the validation if there is one."""
    stop = StopsAfter(n_epochs)
    stopped = fit(RESTLESS, n_val=n_val, on_epoch=stop, keep_best_on_cancel=True)

    losses = [epoch["val_loss" if n_val else "loss"] for epoch in stopped.history]
    assert stopped.history == stop.told
    assert len(losses) == n_epochs
    assert stopped.was_stopped
    assert stopped.epoch == 1 + int(np.argmin(losses))
    # Without validation the last epoch may be the best, as it is with some backends.
    assert stopped.epoch < n_epochs or not n_val
    whole = fit(replace(RESTLESS, epochs=stopped.epoch), n_val=n_val)
    assert without_time(whole.history) == without_time(stopped.history[: stopped.epoch])
    assert same_numbers(stopped, whole)


def test_a_training_that_runs_to_its_end_keeps_its_best_epoch_if_asked() -> None:
    last, best = fit(RESTLESS), fit(replace(RESTLESS, keep_best=True))
    losses = [epoch["val_loss"] for epoch in best.history]
    assert without_time(last.history) == without_time(best.history)
    assert last.epoch == 8 != best.epoch == 1 + int(np.argmin(losses))
    assert not best.was_stopped
    x_val, y_val = discs_and_rings(30, seed=1)
    assert evaluation(predict(best.model, x_val), y_val)["loss"] == pytest.approx(min(losses), rel=1e-5)
    assert same_numbers(last, fit(RESTLESS, keep_best_on_cancel=True))


@pytest.mark.parametrize(("after", "n_epochs"), [(0.0, 0), (0.5, 1)])
def test_only_whole_epochs_are_kept(after: float, n_epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # As with a large network, whose every step is told.
    monkeypatch.setattr(fitting, "_SMALL_NETWORK", 0)
    told: list[float] = []

    def cancel(fraction: float, message: str) -> None:
        told.append(fraction)
        if fraction > after:
            raise Cancelled

    two_epochs = replace(QUICK, epochs=2)
    if n_epochs:
        stopped = fit(two_epochs, cancel, keep_best_on_cancel=True)
        assert (len(stopped.history), stopped.epoch) == (1, 1)
        assert same_numbers(stopped, fit(replace(QUICK, epochs=1)))
    else:
        with pytest.raises(Cancelled):
            fit(two_epochs, cancel, keep_best_on_cancel=True)
    assert after < told[-1] < after + 0.5


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
