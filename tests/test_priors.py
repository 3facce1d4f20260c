import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zircon_cnn.priors import equal_priors, estimated_priors, evened, leaning, with_priors

shares = st.floats(0.05, 0.95).map(lambda share: (1 - share, share))


def posterior(scores: np.ndarray, share: float) -> np.ndarray:
    """Return the probability of two classes whose scores are normal about 0 and 1.5."""
    densities = np.stack([np.exp(-(scores**2) / 2), np.exp(-((scores - 1.5) ** 2) / 2)], axis=1)
    weighted = densities * [1 - share, share]
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def drawn(share: float, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    return rng.normal(1.5 * y), y


def test_probabilities_of_one_training_become_those_of_another() -> None:
    scores, _ = drawn(0.5, 50)
    of_one, of_other = posterior(scores, 0.9), posterior(scores, 0.5)
    np.testing.assert_allclose(with_priors(of_one, (0.1, 0.9), (0.5, 0.5)), of_other)
    # Counts do as well as shares.
    np.testing.assert_allclose(with_priors(of_one, (40, 360), (1, 1)), of_other)


@given(shares, shares)
def test_there_and_back_again(trained: tuple[float, float], wanted: tuple[float, float]) -> None:
    p = np.array([[0.3, 0.7], [0.9, 0.1], [0.5, 0.5]])
    there = with_priors(p, trained, wanted)
    np.testing.assert_allclose(there.sum(axis=1), 1)
    np.testing.assert_allclose(with_priors(there, wanted, trained), p, rtol=1e-6)
    assert (np.argsort(there[:, 1]) == np.argsort(p[:, 1])).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.85])
def test_share_of_a_class_is_estimated_from_probabilities_trained_on_another(share: float) -> None:
    scores, _ = drawn(share, 4000)
    trained = posterior(scores, 0.9)
    assert abs(trained[:, 1].mean() - share) > 0.05 or share == 0.85
    assert estimated_priors(trained, (0.1, 0.9))[1] == pytest.approx(share, abs=0.03)


def test_without_grains_the_training_s_frequencies_stay() -> None:
    assert estimated_priors(np.empty((0, 2)), (1, 3)) == (0.25, 0.75)
    assert equal_priors(4) == (0.25,) * 4


def test_evened_probabilities_lean_to_no_class() -> None:
    assert evened(np.array([[0.5, 0.5]]), (0.8, 0.2))[0, 1] == pytest.approx(0.8)
    # Whatever the frequencies of two trainings, one who knows nothing but these says the same after both.
    for counts in itertools.product(range(1, 40), repeat=2):
        shares = np.array(counts) / sum(counts)
        assert (evened(shares[None], shares.tolist()) == 0.5).all()


def test_leaning_is_what_a_classifier_assumes_and_not_how_frequent_its_grains_are() -> None:
    y = np.repeat([0, 1], [300, 100])
    assert leaning(np.tile([0.7, 0.3], (400, 1)), y) == pytest.approx((0.7, 0.3), abs=1e-4)
    odds = np.random.default_rng(0).normal(2.0 * y - 1, 1.0)
    for share in (0.25, 0.5, 0.9):
        said = 1 / (1 + np.exp(-(2 * odds + np.log(share / (1 - share)))))
        assert leaning(np.stack([1 - said, said], axis=1), y)[1] == pytest.approx(share, abs=0.05)
