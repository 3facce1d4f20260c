import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import training_run
from drawn_crops import CLASSES, discs_and_rings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.training import Epoch, TrainResult, TrainSettings, train
from vgg_weights import write_vgg_weights

QUICK = TrainSettings(epochs=6, batch_size=8, learning_rate=0.01, class_weights=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vgg_weights(tmp_path_factory.mktemp("vgg") / "weights.h5")


@pytest.fixture(scope="module")
def unbroken(weights: Path) -> TrainResult:
    return training_run.run(None, weights)


def assert_same(one: TrainResult, other: TrainResult) -> None:
    def numbers(result: TrainResult) -> str:
        return repr([{**epoch, "seconds": 0} for epoch in result.history])

    assert numbers(one) == numbers(other)
    assert (one.epoch, one.was_stopped) == (other.epoch, other.was_stopped)
    for mine, theirs in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("killed_after", [2, 4])
def test_a_killed_training_goes_on_to_the_same_numbers(
    tmp_path: Path, weights: Path, unbroken: TrainResult, killed_after: int
) -> None:
    """In the first stage, and in the second with another optimiser and more layers that learn."""
    checkpoint = tmp_path / "state.npz"
    words = [sys.executable, str(training_run.__file__), str(checkpoint), str(weights)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == killed_after:
                process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
                break
    assert {epoch["stage"] for epoch in unbroken.history} == {1, 2}
    told: list[Epoch] = []
    assert_same(training_run.run(checkpoint, weights, told.append, resume=True), unbroken)
    assert killed_after < told[0]["epoch"] <= 7
    # And once it is over, the file gives the same back without training.
    assert_same(training_run.run(checkpoint, weights, resume=True), unbroken)


def quick(settings: TrainSettings = QUICK, n: int = 30, **options: object) -> TrainResult:
    x, y = discs_and_rings(40, seed=3)
    return train(x[:n], y[:n], x[30:], y[30:], CLASSES, settings, **options)  # type: ignore[arg-type]


def cancel_after(epoch: int) -> object:
    def hear(figures: Epoch) -> None:
        if figures["epoch"] == epoch:
            raise Cancelled

    return hear


@pytest.mark.parametrize(
    "settings", [QUICK, replace(QUICK, early_stopping=3, balanced_batches=True, class_weights=False)]
)
def test_a_cancelled_training_goes_on_to_the_same_numbers(tmp_path: Path, settings: TrainSettings) -> None:
    checkpoint = tmp_path / "state.npz"
    for epoch in (1, 3):
        with pytest.raises(Cancelled):
            quick(settings, checkpoint=checkpoint, resume=True, on_epoch=cancel_after(epoch))
    told: list[Epoch] = []
    resumed = quick(settings, checkpoint=checkpoint, resume=True, on_epoch=told.append)
    assert_same(resumed, quick(settings))
    assert told == resumed.history[-len(told) :]
    assert len(told) < len(resumed.history)


def test_without_resume_a_training_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        quick(checkpoint=tmp_path / "state.npz", on_epoch=cancel_after(2))
    told: list[Epoch] = []
    quick(checkpoint=tmp_path / "state.npz", on_epoch=told.append)
    assert len(told) == 6


def test_a_state_of_another_training_or_a_damaged_one_is_answered(tmp_path: Path) -> None:
    checkpoint = tmp_path / "state.npz"
    quick(replace(QUICK, epochs=1), checkpoint=checkpoint)
    for other in (
        lambda: quick(checkpoint=checkpoint, resume=True),
        lambda: quick(replace(QUICK, epochs=1), 29, checkpoint=checkpoint, resume=True),
    ):
        with pytest.raises(ZirconError, match="was left by a training of other grains, with other settings"):
            other()
    checkpoint.write_bytes(checkpoint.read_bytes()[:-50])
    with pytest.raises(ZirconError, match=r"state\.npz is damaged; train anew instead of resuming"):
        quick(replace(QUICK, epochs=1), checkpoint=checkpoint, resume=True)
