from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from napari_zircon_cnn.networks.augmentation import Variations, draw_variations, vary
from napari_zircon_cnn.networks.settings import Augmentation

SIZE = 33


def drawn(n: int, kind: Augmentation = "paper", seed: int = 0) -> Variations:
    return draw_variations(n, kind, np.random.default_rng(seed))


def only(variations: Variations, *names: str) -> Variations:
    """Keep these variations alone, so that each can be seen by itself."""
    nothing = drawn(len(variations.turns), "none")
    return replace(nothing, **{name: getattr(variations, name) for name in names})


def bars(n: int) -> NDArray[np.float32]:
    """Return crops with a bright bar from the middle to the right, slightly above the middle."""
    crops = np.zeros((n, SIZE, SIZE, 1), np.float32)
    crops[:, 13:15, 17:29] = 0.8
    return crops


def centroids(crops: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the centre of brightness of each crop from the crop's middle, shape (n, 2): row, column."""
    offsets = np.arange(SIZE) - SIZE // 2
    pictures = crops[..., 0].astype(np.float64)
    moments = pictures.sum(axis=2) @ offsets, pictures.sum(axis=1) @ offsets
    return np.stack(moments, axis=1) / pictures.sum(axis=(1, 2))[:, None]


@pytest.mark.parametrize("kind", ["paper", "notebook", "session"])
def test_crops_vary_and_stay_grey_values(kind: Augmentation) -> None:
    crops = np.random.default_rng(0).random((64, SIZE, SIZE, 1), np.float32)
    before = crops.copy()
    varied = vary(crops, drawn(64, kind))
    assert varied.shape == crops.shape
    assert varied.dtype == np.float32
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert (np.abs(varied - crops).mean(axis=(1, 2, 3)) > 0.02).all()
    np.testing.assert_array_equal(crops, before)


def test_the_seed_decides() -> None:
    crops = bars(16)
    first = vary(crops, drawn(16, seed=1))
    np.testing.assert_array_equal(first, vary(crops, drawn(16, seed=1)))
    assert np.abs(vary(crops, drawn(16, seed=2)) - first).max() > 0.1


def test_flips_reach_all_four_quarters_alike() -> None:
    places = np.sign(centroids(vary(bars(800), only(drawn(800), "mirrored"))))
    quarters, counts = np.unique(places, axis=0, return_counts=True)
    assert len(quarters) == 4
    assert counts.min() > 140


def test_rotation_reaches_a_fifth_of_a_turn_either_way() -> None:
    crops = bars(400)
    before = np.arctan2(*centroids(crops)[0])
    angles = np.arctan2(*centroids(vary(crops, only(drawn(400), "turns"))).T) - before
    turns = (angles + np.pi) % (2 * np.pi) - np.pi
    turns /= 2 * np.pi
    assert turns.min() == pytest.approx(-0.2, abs=0.01)
    assert turns.max() == pytest.approx(0.2, abs=0.01)


def test_zoom_reaches_two_fifths_either_way_and_fills_with_black() -> None:
    crops = np.ones((400, SIZE, SIZE, 1), np.float32)
    shares = vary(crops, only(drawn(400), "zooms")).mean(axis=(1, 2, 3))
    # Zoomed out by 1.4 the crop fills 1 / 1.4² of the picture; zoomed in it fills all of it.
    assert shares.min() == pytest.approx(1 / 1.4**2, abs=0.05)
    assert (shares > 0.999).mean() == pytest.approx(0.5, abs=0.1)


def test_contrast_and_brightness_reach_a_fifth() -> None:
    crops = np.full((400, SIZE, SIZE, 1), 0.5, np.float32)
    crops[:, ::2] = 0.3
    contrasts = vary(crops, only(drawn(400), "contrasts")).std(axis=(1, 2, 3))
    assert contrasts.min() / crops[0].std() == pytest.approx(0.8, abs=0.02)
    assert contrasts.max() / crops[0].std() == pytest.approx(1.2, abs=0.02)
    shifts = (vary(crops, only(drawn(400), "brightnesses")) - crops).mean(axis=(1, 2, 3))
    assert shifts.min() == pytest.approx(-0.2, abs=0.02)
    assert shifts.max() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("turns", layers.RandomRotation((0.1, 0.1), fill_mode="constant")),
        ("zooms", layers.RandomZoom((0.25, 0.25), fill_mode="constant")),
        ("brightnesses", layers.RandomBrightness((0.15, 0.15), value_range=(0, 1))),
    ],
)
def test_each_variation_is_that_of_keras_s_layer(name: str, layer: layers.Layer) -> None:
    """With a single amount in place of a range, ours and Keras' own give the same picture."""
    amounts = {"turns": 0.1, "zooms": 1.25, "brightnesses": np.float32(0.15)}
    ours = vary(bars(1), replace(drawn(1, "none"), **{name: np.array([amounts[name]])}))
    theirs = keras.ops.convert_to_numpy(layer(bars(1), training=True))
    np.testing.assert_allclose(ours, theirs, atol=0.03)


def test_the_notebook_neither_flips_nor_brightens_and_none_changes_nothing() -> None:
    notebook = drawn(50, "notebook")
    assert not notebook.mirrored.any()
    assert not notebook.brightnesses.any()
    assert notebook.turns.std() > 0.05
    np.testing.assert_array_equal(vary(bars(3), drawn(3, "none")), bars(3))


def test_a_session_s_light_takes_the_place_of_the_grain_s_own() -> None:
    crops = np.concatenate([bars(300), 0.25 * bars(300)])
    variations = drawn(600, "session")
    assert not variations.brightnesses.any()
    assert (variations.contrasts == 1).all()
    lit = vary(crops, only(variations, "lights"))
    brightest = lit.max(axis=(1, 2, 3))
    assert brightest.min() == pytest.approx(0.2, abs=0.01)
    assert brightest.max() == pytest.approx(0.7, abs=0.01)
    # Nothing tells any more which grains were the bright ones, and black stays black.
    assert np.median(brightest[:300]) == pytest.approx(np.median(brightest[300:]), abs=0.05)
    assert not lit[crops == 0].any()
    assert not vary(np.zeros((600, SIZE, SIZE, 1), np.float32), variations).any()
