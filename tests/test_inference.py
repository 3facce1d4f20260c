import keras
import numpy as np
import pytest

from drawn_crops import discs_and_rings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.inference import predict
from napari_zircon_cnn.networks.lenet5 import build_lenet5
from napari_zircon_cnn.networks.settings import NetworkSettings
from napari_zircon_cnn.progress import Cancelled


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build_lenet5()


def test_every_class_of_every_grain_gets_a_probability(model: keras.Model) -> None:
    crops, _ = discs_and_rings(50)
    probabilities = predict(model, crops)
    assert probabilities.shape == (50, 2)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(probabilities[:, 1], model.predict(crops, verbose=0)[:, 0], atol=1e-6)


def test_three_classes_come_as_the_network_gives_them() -> None:
    crops, _ = discs_and_rings(9)
    model = build_lenet5(NetworkSettings(n_classes=3))
    np.testing.assert_allclose(predict(model, crops, 4), model.predict(crops, verbose=0), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_a_grain_s_numbers_do_not_depend_on_its_company(model: keras.Model, batch_size: int) -> None:
    crops, _ = discs_and_rings(100)
    np.testing.assert_allclose(predict(model, crops, batch_size), predict(model, crops), atol=1e-6)


def test_no_grains_give_no_probabilities(model: keras.Model) -> None:
    assert predict(model, np.empty((0, 32, 32, 1), np.float32)).shape == (0, 2)


def test_progress_ends_at_one_and_can_cancel(model: keras.Model) -> None:
    crops, _ = discs_and_rings(10)
    told: list[tuple[float, str]] = []
    predict(model, crops, 4, lambda fraction, message: told.append((fraction, message)))
    assert [fraction for fraction, _ in told] == [0.4, 0.8, 1.0]
    assert told[-1][1] == "10 of 10 grains classified"

    def cancel(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        predict(model, crops, 4, cancel)


def test_crops_of_another_size_are_refused(model: keras.Model) -> None:
    with pytest.raises(ZirconError, match=r"\(64, 64, 1\) and the network takes \(32, 32, 1\)"):
        predict(model, np.zeros((3, 64, 64, 1), np.float32))
