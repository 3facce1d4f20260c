"""What moved a network's answer, on networks whose answer is known."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from drawn_crops import discs_and_rings
from napari_zircon_cnn.explain.gradients import gradient
from napari_zircon_cnn.explain.saliency import Saliency
from napari_zircon_cnn.explain.sanity import likeness, shuffled
from napari_zircon_cnn.networks.lenet5 import build_lenet5
from napari_zircon_cnn.networks.settings import NetworkSettings
from napari_zircon_cnn.progress import Cancelled


def corner_network(n_classes: int = 2) -> keras.Model:
    """Return a network that answers by the light in the top left quarter alone, of 16 x 16 px."""
    crops = keras.Input((16, 16, 1))
    x = layers.Conv2D(2, 3, padding="same", activation="relu", name="C1")(crops)
    units, activation = (1, "sigmoid") if n_classes == 2 else (n_classes, "softmax")
    model = keras.Model(crops, layers.Dense(units, activation=activation)(layers.Flatten()(x)))
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[1, 1, 0, 0] = 1
    weights = np.zeros((16, 16, 2, units), np.float32)
    weights[:8, :8, 0, -1] = 0.2
    model.set_weights([kernel, np.zeros(2), weights.reshape(-1, units), np.full(units, 0.1)])
    return model


def corner_share(values: NDArray[np.float32]) -> float:
    height, width = values.shape
    return float(np.abs(values[: height // 2, : width // 2]).sum() / np.abs(values).sum())


CROPS = np.random.default_rng(0).uniform(0.2, 1, (5, 16, 16, 1)).astype(np.float32)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_method_finds_the_quarter_that_the_answer_depends_on(n_classes: int) -> None:
    network = Saliency(corner_network(n_classes))
    cam, grid = network.grad_cam(CROPS, n_classes - 1)
    assert grid.shape == cam.shape[1:] == (16, 16)
    assert (cam >= 0).all()
    integrated = network.integrated_gradients(CROPS, n_classes - 1)
    hidden = network.occlusion(CROPS, n_classes - 1, patch_px=4, step_px=1)
    assert min(map(corner_share, integrated)) > 0.99
    assert min(map(corner_share, hidden)) > 0.75
    # Its weights are means over the maps, so that it tells of the other quarters' light as well.
    assert cam.max() > 0


def test_what_speaks_for_one_of_two_classes_speaks_against_the_other() -> None:
    network = Saliency(corner_network())
    for method in (network.integrated_gradients, network.occlusion):
        np.testing.assert_allclose(method(CROPS, 0), -method(CROPS, 1), atol=1e-6)
    np.testing.assert_allclose(network.scores(CROPS, 0), -network.scores(CROPS, 1))
    assert network.grad_cam(CROPS, 0)[0].max() == 0


def test_scores_are_what_the_sigmoid_gets() -> None:
    model = corner_network()
    scores = Saliency(model).scores(CROPS, 1)
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), model.predict(CROPS, verbose=0)[:, 0], rtol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_integrated_gradients_add_up_to_the_score(n_classes: int) -> None:
    model = build_lenet5(NetworkSettings(n_classes=n_classes))
    crops, _ = discs_and_rings(6)
    network = Saliency(model)
    sums = network.integrated_gradients(crops, 1, steps=128).sum(axis=(1, 2))
    black = network.scores(np.zeros((1, 32, 32, 1), np.float32), 1)
    np.testing.assert_allclose(sums, network.scores(crops, 1) - black, atol=0.02)


def test_maps_do_not_depend_on_the_crops_beside() -> None:
    crops, _ = discs_and_rings(5)
    network = Saliency(build_lenet5())
    for method in (network.integrated_gradients, network.occlusion, lambda *a: network.grad_cam(*a)[0]):
        np.testing.assert_allclose(method(crops, 1)[3:4], method(crops[3:4], 1), atol=1e-5)
        assert method(crops[:0], 1).shape[0] == 0


def test_no_crops_no_maps_and_a_wish_to_stop_is_heard() -> None:
    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Saliency(corner_network()).occlusion(CROPS, 1, progress=stop)


def test_explaining_leaves_the_network_as_it_was() -> None:
    model = build_lenet5()
    crops, _ = discs_and_rings(3)
    before = model.predict(crops, verbose=0)
    network = Saliency(model)
    network.grad_cam(crops, 1)
    network.grad_cam(crops, 1, "C3")
    network.integrated_gradients(crops, 0)
    other = shuffled(model, seed=1)
    np.testing.assert_array_equal(model.predict(crops, verbose=0), before)
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]


def test_shuffled_networks_hold_the_same_numbers_in_a_disorder_that_the_seed_tells() -> None:
    model = build_lenet5()
    one, same, other = (shuffled(model, seed).get_weights() for seed in (1, 1, 2))
    for weights, a, b, c in zip(model.get_weights(), one, same, other, strict=True):
        np.testing.assert_array_equal(np.sort(weights, axis=None), np.sort(a, axis=None))
        np.testing.assert_array_equal(a, b)
        if weights.ndim > 1:
            assert (a != c).any()
            assert (a != weights).any()


def test_map_of_the_learnt_survives_no_disorder_and_one_of_the_light_does() -> None:
    model = corner_network()
    maps = Saliency(model).integrated_gradients(CROPS, 1)
    untaught = Saliency(shuffled(model)).integrated_gradients(CROPS, 1)
    learnt = likeness(maps, untaught, CROPS)
    assert not learnt.survives
    assert "depends on what the network has learnt" in learnt.sentence()

    light = CROPS[..., 0]
    same = likeness(light, light * 3, CROPS)
    assert (same.rank_correlation, same.ssim) == pytest.approx((1, 1))
    assert same.survives
    assert "much the same map (" in same.sentence()
    assert "explains nothing" in same.sentence()
    reverse = likeness(light, -light, CROPS)
    assert reverse.survives
    assert "much the same map, reversed (" in reverse.sentence()

    signs = np.random.default_rng(1).choice([-1, 1], light.shape).astype(np.float32)
    only_places = likeness(light * signs, light * signs[::-1], CROPS)
    assert not only_places.survives
    assert "only the signs tell" in only_places.sentence()


def test_only_what_is_not_black_is_compared() -> None:
    crops = np.zeros((1, 16, 16, 1), np.float32)
    crops[0, 4:12, 4:12] = CROPS[0, 4:12, 4:12]
    a, b = np.random.default_rng(2).normal(size=(2, 1, 16, 16)).astype(np.float32) * (crops[..., 0] > 0)
    assert abs(likeness(a, b, crops).rank_correlation) < 0.4
    nothing = likeness(a, np.zeros_like(a), crops)
    assert np.isnan(nothing.rank_correlation)
    assert "nothing to compare" in nothing.sentence()


def test_gradient_of_a_known_function() -> None:
    points = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_allclose(gradient(lambda x: x**3, points), 3 * points**2, rtol=1e-5)
