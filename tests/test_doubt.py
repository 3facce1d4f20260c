import keras
import numpy as np
import pytest

from drawn_crops import discs_and_rings
from napari_zircon_cnn.doubt import familiar_with, features_of, uncertainty, unlikeness
from napari_zircon_cnn.inference import predict
from napari_zircon_cnn.networks.card import Calibration
from napari_zircon_cnn.networks.layers import penultimate_layer
from napari_zircon_cnn.networks.lenet5 import build_lenet5
from napari_zircon_cnn.networks.settings import NetworkSettings, TrainSettings
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.training import train

SETTINGS = TrainSettings(epochs=12, augmentation="none", learning_rate=0.005)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    crops, y = discs_and_rings(300)
    return train(crops, y, crops[:0], y[:0], ("disc", "ring"), SETTINGS).model


def between(n: int) -> np.ndarray:
    """Return crops halfway between discs and rings."""
    crops, y = discs_and_rings(2 * n, seed=9)
    return np.asarray((crops[y == 0] + crops[y == 1]) / 2)


def test_a_grain_halfway_between_the_classes_makes_the_network_waver(model: keras.Model) -> None:
    clear, _ = discs_and_rings(100, seed=1)
    wavering = uncertainty(model, between(100), 1)
    assert np.median(wavering) > 2 * np.median(uncertainty(model, clear, 1))
    assert ((wavering >= 0) & (wavering <= 0.5)).all()


def test_the_same_seed_gives_the_same_uncertainty_and_the_network_stays_as_it_was(model: keras.Model) -> None:
    crops = between(20)
    before = predict(model, crops)
    first = uncertainty(model, crops, 1)
    np.testing.assert_array_equal(uncertainty(model, crops, 1), first)
    assert (uncertainty(model, crops, 1, seed=5) != first).any()
    np.testing.assert_array_equal(predict(model, crops), before)
    # A higher temperature brings all probabilities of these passes nearer to each other.
    assert uncertainty(model, crops, 1, calibration=Calibration(temperature=20.0)).mean() < first.mean()


def test_without_dropout_nothing_is_known_of_the_uncertainty() -> None:
    crops, _ = discs_and_rings(5)
    assert np.isnan(uncertainty(build_lenet5(NetworkSettings(dropout=False)), crops, 1)).all()


def test_crops_of_noise_are_unlike_the_training_and_grains_are_not(model: keras.Model) -> None:
    crops, y = discs_and_rings(300)
    held_out, _ = discs_and_rings(200, seed=1)
    known = familiar_with(model, crops, y, held_out)
    assert known is not None
    others, _ = discs_and_rings(200, seed=2)
    noise = np.random.default_rng(0).random((50, 32, 32, 1), np.float32)
    assert (unlikeness(model, others, known) > 1).mean() < 0.05
    assert (unlikeness(model, noise, known) > 1).mean() > 0.9
    assert (unlikeness(model, held_out, known) > 1).sum() <= 2


def test_too_few_held_out_grains_give_no_limit(model: keras.Model) -> None:
    crops, y = discs_and_rings(60)
    assert familiar_with(model, crops, y, crops[:19]) is None
    assert np.isnan(unlikeness(model, crops[:3], None)).all()


def test_last_hidden_layer_is_what_the_output_is_made_from(model: keras.Model) -> None:
    crops, _ = discs_and_rings(7)
    features = features_of(model, crops, penultimate_layer(model))
    output = model.layers[-1]
    weights, bias = (np.asarray(part) for part in output.get_weights())
    expected = 1 / (1 + np.exp(-(features @ weights + bias)))
    np.testing.assert_allclose(predict(model, crops)[:, 1], expected[:, 0], atol=1e-5)


def test_no_grains_have_no_doubt_and_progress_can_cancel(model: keras.Model) -> None:
    nothing = np.empty((0, 32, 32, 1), np.float32)
    assert uncertainty(model, nothing, 1).shape == (0,)

    def cancel(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        uncertainty(model, between(3), 1, progress=cancel)
