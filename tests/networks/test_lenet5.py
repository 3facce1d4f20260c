from typing import Any

import numpy as np
import pytest
from keras import layers

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.layers import feature_map_layers
from napari_zircon_cnn.networks.lenet5 import build_lenet5
from napari_zircon_cnn.networks.registry import build_network
from napari_zircon_cnn.networks.settings import NetworkSettings


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("value_range", ["zero_to_one", "minus_one_to_one"])
def test_the_paper_s_lenet5_has_22029_parameters(dropout: bool, value_range: Any) -> None:
    settings = NetworkSettings(dropout=dropout, value_range=value_range)
    assert build_network(settings).count_params() == 22_029


def test_layers_are_named_and_sized_as_in_the_paper() -> None:
    model = build_lenet5()
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert [(name, *shapes[name]) for name in feature_map_layers(model)] == [
        ("C1", 32, 32, 6),
        ("S2", 16, 16, 6),
        ("C3", 16, 16, 16),
        ("S4", 8, 8, 16),
        ("C5", 8, 8, 32),
        ("S6", 4, 4, 32),
    ]
    assert shapes["flatten"] == (512,)
    assert shapes["F7"] == (32,)
    assert shapes["output"] == (1,)
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0.5, 0.5]


def test_more_than_two_classes_share_a_softmax() -> None:
    model = build_lenet5(NetworkSettings(input_size=64, n_classes=3))
    probabilities = model.predict_on_batch(np.random.default_rng(0).random((5, 64, 64, 1), np.float32))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert probabilities.shape == (5, 3)


def test_the_notebook_s_range_is_made_inside_the_network() -> None:
    paper, notebook = build_lenet5(), build_lenet5(NetworkSettings(value_range="minus_one_to_one"))
    notebook.set_weights(paper.get_weights())
    crops = np.random.default_rng(0).random((4, 32, 32, 1), np.float32)
    np.testing.assert_allclose(
        notebook.predict_on_batch(crops), paper.predict_on_batch(2 * crops - 1), atol=1e-6
    )


def test_hyperparameters_of_table_s5_shape_the_network() -> None:
    model = build_lenet5(
        NetworkSettings(activation="tanh", padding="valid", kernel_size=5, batch_normalisation=True)
    )
    sizes = [model.get_layer(name).output.shape[1] for name in feature_map_layers(model)]
    assert sizes == [28, 14, 10, 5, 1, 1]
    assert model.get_layer("C3").activation.__name__ == model.get_layer("F7").activation.__name__ == "tanh"
    assert sum(isinstance(layer, layers.BatchNormalization) for layer in model.layers) == 3
    # Two running means for each map are not trained.
    assert sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights) == 2 * (6 + 16 + 32)


@pytest.mark.parametrize("size", [32, 64])
def test_a_stride_of_two_leaves_a_map_to_look_at(size: int) -> None:
    model = build_lenet5(NetworkSettings(input_size=size, stride=2))
    assert model.get_layer("C1").output.shape[1] == size // 2
    assert model.get_layer("S6").output.shape[1] == 1


def test_crops_that_are_eaten_up_are_answered() -> None:
    with pytest.raises(ZirconError, match=r"lenet5 cannot be built for crops of 32 px .* smaller kernel"):
        build_network(NetworkSettings(padding="valid", stride=2))
