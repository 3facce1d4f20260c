"""Laying grains out, and placing later ones among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_zircon_cnn.embedding.layout import embed, fit, place
from napari_zircon_cnn.embedding_file import Embedding, EmbeddingSettings
from napari_zircon_cnn.errors import ZirconError

UMAP, PCA = EmbeddingSettings(), EmbeddingSettings(method="pca")
BOTH = pytest.mark.parametrize("how", [UMAP, PCA], ids=["umap", "pca"])


def clouds(n: int, seed: int = 0) -> NDArray[np.float32]:
    """Return features of grains in three clouds."""
    random = np.random.default_rng(seed)
    middles = np.random.default_rng(7).normal(0, 4, (3, 16))
    points = middles[np.arange(n) % 3] + random.normal(0, 1, (n, 16))
    return np.maximum(points, 0).astype(np.float32)


def names(n: int, start: int = 0) -> NDArray[np.str_]:
    return np.array([f"grain{k}" for k in range(start, start + n)])


def embedded(n: int, how: EmbeddingSettings) -> Embedding:
    return embed(names(n), clouds(n), np.arange(n) % 2 == 0, how, "model")


@BOTH
@pytest.mark.parametrize("components", [2, 3])
def test_same_seed_same_coordinates(how: EmbeddingSettings, components: int) -> None:
    how = EmbeddingSettings(method=how.method, components=components)
    one, other = (fit(clouds(60), how) for _ in range(2))
    assert one.shape == (60, components)
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(one).all()


def test_another_seed_gives_another_layout_by_umap() -> None:
    assert (fit(clouds(60), UMAP) != fit(clouds(60), EmbeddingSettings(seed=2))).any()


@BOTH
def test_grains_of_a_cloud_stay_together(how: EmbeddingSettings) -> None:
    found = embedded(120, how)
    kinds = np.arange(120) % 3
    order = np.concatenate([np.arange(0, 120, 2), np.arange(1, 120, 2)])
    middles = np.stack([found.coordinates[kinds[order] == kind].mean(axis=0) for kind in range(3)])
    apart = np.linalg.norm(found.coordinates[:, None] - middles, axis=2)
    assert (apart.argmin(axis=1) == kinds[order]).mean() > 0.95


@BOTH
def test_later_grains_move_no_earlier_one(how: EmbeddingSettings) -> None:
    before = embedded(90, how)
    assert before.is_fitted.sum() == 45
    hashes = np.concatenate([names(40, 90), names(90)])
    features = np.concatenate([clouds(40, seed=3), clouds(90)])
    after = embed(hashes, features, np.ones(130, bool), how, "model", former=before)
    np.testing.assert_array_equal(after.coordinates[:90], before.coordinates)
    assert after.hashes.tolist() == [*before.hashes.tolist(), *names(40, 90).tolist()]
    assert after.is_fitted.sum() == 45
    # They lie where they would lie had they been there from the start.
    at_once = embed(hashes, features, np.isin(hashes, before.hashes[before.is_fitted]), how, "model")
    if how == PCA:
        np.testing.assert_allclose(
            at_once.coordinates[np.argsort(at_once.hashes)],
            after.coordinates[np.argsort(after.hashes)],
            atol=2e-4,
        )


@BOTH
def test_other_settings_or_another_model_are_fitted_anew(how: EmbeddingSettings) -> None:
    before = embedded(60, how)
    everything = np.ones(60, bool)
    for settings_now, model in (
        (EmbeddingSettings(method=how.method, fit="all"), "model"),
        (how, "another"),
    ):
        after = embed(names(60), clouds(60), everything, settings_now, model, former=before)
        assert after.is_fitted.all()


@settings(max_examples=30)
@given(st.lists(st.integers(0, 29), min_size=1, max_size=30, unique=True))
def test_a_grains_place_does_not_depend_on_what_comes_with_it(rows: list[int]) -> None:
    fitted, new = clouds(60), clouds(30, seed=5)
    laid_out = np.random.default_rng(0).normal(size=(60, 3))
    for how in (UMAP, PCA):
        whole = place(new, fitted, laid_out, how)
        np.testing.assert_allclose(place(new[rows], fitted, laid_out, how), whole[rows], atol=1.1e-4)


def test_placed_grains_lie_among_their_neighbours() -> None:
    fitted = clouds(60)
    laid_out = np.random.default_rng(0).normal(size=(60, 2))
    placed = place(fitted[:5] + 1e-3, fitted, laid_out, EmbeddingSettings(components=2))
    assert (placed >= laid_out.min(axis=0)).all()
    assert (placed <= laid_out.max(axis=0)).all()


def test_a_grain_that_comes_twice_is_one() -> None:
    hashes = np.concatenate([names(30), names(5)])
    features = np.concatenate([clouds(30), clouds(5)])
    assert len(embed(hashes, features, np.ones(35, bool), PCA, "model").hashes) == 30


@BOTH
@pytest.mark.parametrize("n", [5, 6, 9, 16, 21])
def test_few_grains_can_be_laid_out(how: EmbeddingSettings, n: int) -> None:
    assert np.isfinite(fit(clouds(n), how)).all()


@BOTH
def test_some_grains_alike_can_be_laid_out(how: EmbeddingSettings) -> None:
    features = clouds(30)
    features[:20] = features[0]
    assert np.isfinite(fit(features, how)).all()


@BOTH
def test_too_few_grains_and_grains_all_alike_are_answered_with_a_sentence(how: EmbeddingSettings) -> None:
    with pytest.raises(ZirconError, match="fitted on 5 grains or more, and there are 4; add samples"):
        fit(clouds(4), how)
    with pytest.raises(ZirconError, match="all 20 grains the same features, so there is nothing"):
        fit(np.tile(clouds(1), (20, 1)), how)
