import numpy as np
import pytest

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.lenet5 import FEATURE_MAPS, build_lenet5
from napari_zircon_cnn.networks.registry import build_network, network_names
from napari_zircon_cnn.networks.settings import NetworkSettings


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("value_range", ["zero_to_one", "minus_one_to_one"])
def test_the_paper_s_lenet5_has_22029_parameters(dropout: bool, value_range: str) -> None:
    settings = NetworkSettings(dropout=dropout, value_range=value_range)  # type: ignore[arg-type]
    assert build_network(settings).count_params() == 22_029


def test_layers_are_named_and_sized_as_in_the_paper() -> None:
    model = build_lenet5()
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert [shapes[name] for name in FEATURE_MAPS] == [
        (32, 32, 6),
        (16, 16, 6),
        (16, 16, 16),
        (8, 8, 16),
        (8, 8, 32),
        (4, 4, 32),
    ]
    assert shapes["flatten"] == (512,)
    assert shapes["F7"] == (32,)
    assert shapes["output"] == (1,)
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0.5, 0.5]


def test_more_than_two_classes_share_a_softmax() -> None:
    model = build_lenet5(input_size=64, n_classes=3)
    probabilities = model.predict_on_batch(np.random.default_rng(0).random((5, 64, 64, 1), np.float32))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert probabilities.shape == (5, 3)


def test_the_notebook_s_range_is_made_inside_the_network() -> None:
    paper, notebook = build_lenet5(), build_lenet5(value_range="minus_one_to_one")
    notebook.set_weights(paper.get_weights())
    crops = np.random.default_rng(0).random((4, 32, 32, 1), np.float32)
    np.testing.assert_allclose(
        notebook.predict_on_batch(crops), paper.predict_on_batch(2 * crops - 1), atol=1e-6
    )


def test_an_unknown_network_is_answered_with_those_that_exist() -> None:
    assert "lenet5" in network_names()
    with pytest.raises(ZirconError, match=r"no network named 'lenet6'.*lenet5"):
        build_network(NetworkSettings(network="lenet6"))
