import numpy as np
import pytest
from numpy.typing import NDArray

from napari_zircon_cnn.networks.augmentation import (
    AugmentationLayers,
    build_augmentation,
    notebook_augmentation,
    paper_augmentation,
)

SIZE = 33


def only(augmentation: AugmentationLayers, *names: str) -> AugmentationLayers:
    """Keep the layers of these kinds alone, so that each can be seen by itself."""
    return AugmentationLayers([layer for layer in augmentation.layers if type(layer).__name__ in names])


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


@pytest.mark.parametrize("build", [paper_augmentation, notebook_augmentation])
def test_crops_vary_and_stay_grey_values(build: type[AugmentationLayers]) -> None:
    crops = np.random.default_rng(0).random((64, SIZE, SIZE, 1), np.float32)
    varied = build(seed=1).predict_on_batch(crops)
    assert varied.shape == crops.shape
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert (np.abs(varied - crops).mean(axis=(1, 2, 3)) > 0.02).all()


def test_the_seed_decides_and_each_call_draws_anew() -> None:
    crops = bars(16)
    one, other = paper_augmentation(seed=1), paper_augmentation(seed=1)
    first = one.predict_on_batch(crops)
    np.testing.assert_array_equal(first, other.predict_on_batch(crops))
    assert np.abs(one.predict_on_batch(crops) - first).max() > 0.1
    assert np.abs(paper_augmentation(seed=2).predict_on_batch(crops) - first).max() > 0.1


def test_flips_reach_all_four_quarters_alike() -> None:
    places = np.sign(centroids(only(paper_augmentation(), "RandomFlip").predict_on_batch(bars(800))))
    quarters, counts = np.unique(places, axis=0, return_counts=True)
    assert len(quarters) == 4
    assert counts.min() > 140


def test_rotation_reaches_a_fifth_of_a_turn_either_way() -> None:
    augmentation = only(paper_augmentation(), "RandomRotation")
    crops = bars(400)
    before = np.arctan2(*centroids(crops)[0])
    angles = np.arctan2(*centroids(augmentation.predict_on_batch(crops)).T) - before
    turns = (angles + np.pi) % (2 * np.pi) - np.pi
    turns /= 2 * np.pi
    assert turns.min() == pytest.approx(-0.2, abs=0.01)
    assert turns.max() == pytest.approx(0.2, abs=0.01)


def test_zoom_reaches_two_fifths_either_way_and_fills_with_black() -> None:
    crops = np.ones((400, SIZE, SIZE, 1), np.float32)
    shares = only(paper_augmentation(), "RandomZoom").predict_on_batch(crops).mean(axis=(1, 2, 3))
    # Zoomed out by 1.4 the crop fills 1 / 1.4² of the picture; zoomed in it fills all of it.
    assert shares.min() == pytest.approx(1 / 1.4**2, abs=0.05)
    assert (shares > 0.999).mean() == pytest.approx(0.5, abs=0.1)


def test_contrast_and_brightness_reach_a_fifth() -> None:
    crops = np.full((400, SIZE, SIZE, 1), 0.5, np.float32)
    crops[:, ::2] = 0.3
    contrasts = only(paper_augmentation(), "RandomContrast").predict_on_batch(crops).std(axis=(1, 2, 3))
    assert contrasts.min() / crops[0].std() == pytest.approx(0.8, abs=0.02)
    assert contrasts.max() / crops[0].std() == pytest.approx(1.2, abs=0.02)
    shifts = (only(paper_augmentation(), "RandomBrightness").predict_on_batch(crops) - crops).mean(
        axis=(1, 2, 3)
    )
    assert shifts.min() == pytest.approx(-0.2, abs=0.02)
    assert shifts.max() == pytest.approx(0.2, abs=0.02)


def test_the_notebook_neither_flips_nor_brightens() -> None:
    kinds = {type(layer).__name__ for layer in notebook_augmentation().layers}
    assert kinds == {"RandomContrast", "RandomRotation", "RandomZoom"}
    assert build_augmentation("none") is None
