"""The networks of the paper beside LeNet-5, and what holds for all."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from drawn_crops import card_for, discs_and_rings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.inference import predict
from napari_zircon_cnn.networks import bundle
from napari_zircon_cnn.networks.bundle import ModelBundle
from napari_zircon_cnn.networks.layers import feature_map_layers, layers_in_file, penultimate_layer
from napari_zircon_cnn.networks.registry import build_network, network_names, network_spec
from napari_zircon_cnn.networks.settings import NetworkSettings

MAPS = {
    "alexnet": ["C1", "S1", "C2", "S2", "C3", "C4", "C5", "S5"],
    "lenet5": ["C1", "S2", "C3", "S4", "C5", "S6"],
    "mlp": [],
    "vgg16": [
        *("block1_conv1", "block1_conv2", "block1_pool"),
        *("block2_conv1", "block2_conv2", "block2_pool"),
        *("block3_conv1", "block3_conv2", "block3_conv3", "block3_pool"),
        *("block4_conv1", "block4_conv2", "block4_conv3", "block4_pool"),
        *("block5_conv1", "block5_conv2", "block5_conv3", "block5_pool"),
    ],
}


def usual(network: str) -> NetworkSettings:
    return NetworkSettings(network=network, input_size=network_spec(network).size_px)


def trained_parameters(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(
    ("network", "parameters", "trained"),
    [
        ("mlp", 135_361, 135_361),
        ("lenet5", 22_029, 22_029),
        ("alexnet", 10_349_761, 10_347_009),
        ("vgg16", 14_784_513, 14_784_513),
    ],
)
def test_parameters_are_as_many_as_in_the_paper(network: str, parameters: int, trained: int) -> None:
    model = build_network(usual(network))
    assert model.count_params() == parameters
    assert trained_parameters(model) == trained


def test_alexnet_flattens_6400_values_and_drops_behind_both_dense_layers() -> None:
    model = build_network(usual("alexnet"))
    assert model.get_layer("flatten").output.shape == (None, 6400)
    assert [layer.name for layer in model.layers if "dropout" in layer.name] == ["dropout_F6", "dropout_F7"]
    without = build_network(replace(usual("alexnet"), dropout=False))
    assert not any("dropout" in layer.name for layer in without.layers)


@pytest.mark.parametrize("network", network_names())
def test_each_network_gives_probabilities_and_comes_back_from_its_file(network: str, tmp_path: Path) -> None:
    size = max(32, network_spec(network).smallest_px)
    settings = NetworkSettings(network=network, input_size=size, n_classes=3)
    model = build_network(settings)
    crops, _ = discs_and_rings(3, size=size)
    probabilities = predict(model, crops)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)

    bundle.save(ModelBundle(model, card_for(settings, ("a", "b", "c"))), tmp_path / "m.keras")
    loaded = bundle.load(tmp_path / "m.keras").model
    np.testing.assert_array_equal(predict(loaded, crops), probabilities)
    assert list(feature_map_layers(loaded)) == MAPS[network]
    penultimate = penultimate_layer(loaded)
    assert loaded.get_layer(penultimate).output.shape == (None, 64 if network == "alexnet" else 32)
    assert layers_in_file(tmp_path / "m.keras") == (tuple(MAPS[network]), penultimate)


def test_vgg16_sees_the_grey_channel_thrice_as_imagenet_s_weights_expect() -> None:
    model = build_network(NetworkSettings(network="vgg16", input_size=32))
    crops = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
    seen = keras.Model(model.input, model.get_layer("preprocessing").output).predict_on_batch(crops)
    expected = keras.applications.vgg16.preprocess_input(np.repeat(255 * crops, 3, axis=-1))
    np.testing.assert_allclose(seen, expected, atol=1e-3)


def test_a_network_refuses_what_it_cannot_heed() -> None:
    with pytest.raises(ZirconError, match="The network vgg16 has no setting activation; leave it as it is"):
        build_network(replace(usual("vgg16"), activation="tanh"))
    with pytest.raises(ZirconError, match=r"alexnet takes crops of 67 px or more, not of 32.* its 224 px"):
        build_network(NetworkSettings(network="alexnet"))


def test_an_unknown_network_is_answered_with_those_that_exist() -> None:
    with pytest.raises(
        ZirconError, match=r"no network named 'lenet6'; choose one of alexnet, lenet5, mlp, vgg16"
    ):
        build_network(NetworkSettings(network="lenet6"))
