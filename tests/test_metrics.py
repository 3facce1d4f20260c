import math

import numpy as np
import pytest
from sklearn import metrics as reference

from napari_zircon_cnn.metrics import (
    MIN_GRAINS,
    UNDECIDED,
    accuracy,
    evaluation,
    log_loss,
    roc_auc,
    verdict,
    wilson_interval,
)

CLASSES = ("batholith", "porphyry")


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


def test_a_sample_that_leans_to_a_class_is_given_it() -> None:
    grains = np.random.default_rng(0).beta(4, 2, 100)
    answer = verdict(two_columns(list(grains)), CLASSES, "porphyry")
    assert answer.verdict == "porphyry"
    assert answer.n_grains == 100
    assert answer.mean_probability == pytest.approx(grains.mean())
    assert answer.share_above_half == pytest.approx((grains > 0.5).mean())
    # The bootstrap's interval of a mean is close to that of the central limit theorem.
    half = 1.96 * grains.std() / 10
    assert answer.low == pytest.approx(grains.mean() - half, abs=0.01)
    assert answer.high == pytest.approx(grains.mean() + half, abs=0.01)


def test_the_target_class_changes_the_probability_told_and_not_the_verdict() -> None:
    grains = two_columns([0.8, 0.9, 0.7, 0.6, 0.9, 0.8, 0.4])
    one, other = (verdict(grains, CLASSES, target) for target in CLASSES)
    assert one.verdict == other.verdict == "porphyry"
    assert one.mean_probability == pytest.approx(1 - other.mean_probability)
    assert one.low == pytest.approx(1 - other.high)


def test_a_sample_that_leans_nowhere_is_undecided() -> None:
    assert verdict(two_columns([0.1, 0.9] * 20), CLASSES, "porphyry").verdict == UNDECIDED


def test_one_of_three_classes_leads() -> None:
    grains = np.random.default_rng(0).dirichlet([2, 2, 4], 60)
    assert verdict(grains, ("a", "b", "c"), "a").verdict == "c"


def test_few_grains_give_no_verdict() -> None:
    none = verdict(np.empty((0, 2)), CLASSES, "porphyry")
    assert none.n_grains == 0
    assert math.isnan(none.mean_probability)
    assert none.verdict == UNDECIDED
    one = verdict(two_columns([0.9]), CLASSES, "porphyry")
    assert one.mean_probability == pytest.approx(0.9)
    assert math.isnan(one.low)
    assert one.verdict == UNDECIDED
    assert verdict(two_columns([0.9] * (MIN_GRAINS - 1)), CLASSES, "porphyry").verdict == UNDECIDED
    assert verdict(two_columns([0.9] * MIN_GRAINS), CLASSES, "porphyry").verdict == "porphyry"


def test_the_same_seed_gives_the_same_interval() -> None:
    grains = two_columns(list(np.random.default_rng(0).random(5000)))
    assert verdict(grains, CLASSES, "porphyry", seed=3) == verdict(grains, CLASSES, "porphyry", seed=3)
    assert verdict(grains, CLASSES, "porphyry", seed=3) != verdict(grains, CLASSES, "porphyry", seed=4)
