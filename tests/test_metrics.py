import math

import numpy as np
import pytest
from sklearn import metrics as reference

from napari_zircon_cnn.metrics import (
    accuracy,
    evaluation,
    log_loss,
    roc_auc,
    wilson_interval,
)


def two_columns(porphyry: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    p = np.array(porphyry, float)
    return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("n", [4, 11, 500])
@pytest.mark.parametrize("decimals", [1, 7])
def test_figures_of_two_classes_are_scikit_learn_s(n: int, decimals: int) -> None:
    rng = np.random.default_rng(n)
    y = rng.permutation(np.arange(n) % 2)
    probabilities = two_columns(list(rng.uniform(0.05, 0.95, n).round(decimals)))
    assert roc_auc(probabilities, y) == pytest.approx(
        reference.roc_auc_score(y, probabilities[:, 1]), abs=1e-12
    )
    assert log_loss(probabilities, y) == pytest.approx(reference.log_loss(y, probabilities), rel=1e-6)
    assert accuracy(probabilities, y) == reference.accuracy_score(y, probabilities[:, 1] > 0.5)


def test_figures_of_three_classes_are_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    probabilities = rng.dirichlet([1, 2, 3], 200)
    expected = reference.roc_auc_score(y, probabilities, multi_class="ovr", average="macro")
    assert roc_auc(probabilities, y) == pytest.approx(expected, abs=1e-12)
    figures = evaluation(probabilities, y)
    np.testing.assert_array_equal(
        figures["confusion"], reference.confusion_matrix(y, probabilities.argmax(axis=1))
    )
    assert figures["n"] == 200


def test_what_cannot_be_known_is_nan() -> None:
    probabilities = two_columns([0.2, 0.9])
    assert math.isnan(roc_auc(probabilities, np.array([1, 1])))
    figures = evaluation(np.empty((0, 2)), np.empty(0, int))
    assert figures["n"] == 0
    assert all(math.isnan(figures[name]) for name in ("loss", "accuracy", "roc_auc", "accuracy_low"))


def test_one_sure_mistake_leaves_the_loss_finite() -> None:
    assert log_loss(two_columns([0.0]), np.array([1])) == pytest.approx(-math.log(1e-7))


def test_the_interval_of_the_paper_s_test_is_wide() -> None:
    low, high = wilson_interval(61, 71)
    assert low == pytest.approx(0.76, abs=0.005)
    assert high == pytest.approx(0.92, abs=0.005)
    assert wilson_interval(0, 5)[0] == 0
    assert wilson_interval(5, 5)[1] == 1
