import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.typing import NDArray

from napari_zircon_cnn.embedding import neighbours
from napari_zircon_cnn.embedding.neighbours import nearest, strangeness
from napari_zircon_cnn.progress import Cancelled

FEATURES = stn.arrays(
    np.float32, st.tuples(st.integers(2, 25), st.just(3)), elements=st.floats(0, 8, width=16)
)


@given(FEATURES, st.integers(1, 30))
def test_neighbours_are_those_of_a_search_by_hand(features: NDArray[np.float32], n: int) -> None:
    found, apart = nearest(features, features, n, same=True)
    assert found.shape == (len(features), min(n, len(features) - 1))
    for row, point in enumerate(features.astype(np.float64)):
        distances = np.linalg.norm(features - point, axis=1)
        distances[row] = np.inf
        np.testing.assert_allclose(apart[row], np.sort(distances)[: found.shape[1]], atol=1e-6)
        np.testing.assert_allclose(distances[found[row]], apart[row], atol=1e-6)
        assert row not in found[row]


def test_grains_as_near_come_by_their_index() -> None:
    points = np.zeros((6, 4), np.float32)
    found, apart = nearest(points[:1], points, 4)
    assert found.tolist() == [[0, 1, 2, 3]]
    assert not apart.any()


def test_neighbours_are_found_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).random((50, 8), np.float32)
    whole = nearest(features, features, 5, same=True)
    monkeypatch.setattr(neighbours, "_DISTANCES_AT_ONCE", 150)
    parts = nearest(features, features, 5, same=True)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])

    def stop(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        nearest(features, features, 5, stop)


def test_nothing_has_no_neighbours() -> None:
    some = np.ones((3, 2), np.float32)
    assert nearest(some, some[:0], 5)[0].shape == (3, 0)
    assert nearest(some[:0], some, 2)[0].shape == (0, 2)
    assert nearest(some[:1], some[:1], 2, same=True)[0].shape == (1, 0)


def test_a_grain_far_from_the_training_is_strange() -> None:
    features = np.random.default_rng(0).normal(size=(201, 8)).astype(np.float32)
    features[200] = 40
    is_training = np.arange(201) < 150
    far, limit = strangeness(features, is_training)
    assert far[200] > 10 * limit
    assert 0.98 <= (far[:150] <= limit).mean() < 1
    assert (far[150:200] <= limit).mean() > 0.8
