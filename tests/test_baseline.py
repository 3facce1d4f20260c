import dataclasses

import numpy as np
import pandas as pd
import pytest

from napari_zircon_cnn.baseline import (
    BASELINES,
    MAJORITY,
    SHAPE_COLUMNS,
    SHAPES,
    beside,
    brightness_baseline,
    majority,
    shape_baseline,
)
from napari_zircon_cnn.dataset import Dataset, random_split
from napari_zircon_cnn.metrics import evaluation


def grains(n: int = 200, classes: tuple[str, ...] = ("a", "b"), seed: int = 0) -> Dataset:
    """Return grains of which the last class is longer; what is in them says nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(classes), n)
    rows = pd.DataFrame(rng.uniform(1, 100, (n, len(SHAPE_COLUMNS))), columns=list(SHAPE_COLUMNS))
    rows["aspect_ratio"] = rng.normal(1.5 + y, 0.5)
    crops = rng.random((n, 8, 8, 1), np.float32)
    return Dataset(crops, y, np.repeat("A", n), np.arange(1, n + 1), classes, rows)


def test_shapes_alone_tell_what_shapes_can_tell() -> None:
    train, test = grains(seed=0), grains(seed=1)
    assert evaluation(shape_baseline(train, test), test.y)["roc_auc"] > 0.85
    # The unit of a column does not matter, since each is standardised over the training grains.
    for other in (train, test):
        other.rows["area_um2"] *= 1e6
    assert evaluation(shape_baseline(train, test), test.y)["roc_auc"] > 0.85


def test_majority_is_right_as_often_as_the_class_is_frequent() -> None:
    train, test = grains(seed=0), grains(seed=1)
    figures = evaluation(majority(train, test), test.y)
    most = np.bincount(train.y).argmax()
    assert figures["accuracy"] == (test.y == most).mean()
    assert figures["roc_auc"] == 0.5


@pytest.mark.parametrize("name", list(BASELINES))
def test_class_that_no_training_grain_has_gets_nothing(name: str) -> None:
    everything = grains(classes=("a", "b", "c"))
    test = grains(40, classes=("a", "b", "c"), seed=1)
    for present in ([0, 2], [1]):
        train = everything.take(np.isin(everything.y, present))
        found = BASELINES[name](train, test)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert not found[:, [c for c in range(3) if c not in present]].any()
    assert BASELINES[name](everything, test.take(np.zeros(40, bool))).shape == (0, 3)


def test_baselines_are_scored_on_the_network_s_own_grains() -> None:
    everything, held_out = grains(), grains(30, seed=2)
    split = random_split(everything)
    found = beside(everything, split, [split, split], held_out)
    assert list(found) == [MAJORITY, SHAPES]
    for figures in found.values():
        assert figures["validation"]["n"] == len(split.validation)
        assert figures["hold_out"]["n"] == 30
        assert [fold["held_out"] for fold in figures["folds"]] == [split.name] * 2
    assert set(beside(everything, split, [])[SHAPES]) == {"validation"}


def test_brightness_alone_tells_what_brightness_can_tell() -> None:
    train, test = grains(seed=0), grains(seed=1)
    assert evaluation(brightness_baseline(train, test), test.y)["roc_auc"] < 0.65
    for each in (train, test):
        # A larger grain is no brighter: black around it does not count.
        each.crops[:, :4] = 0
        each.crops[:, 4:] *= 1 + 0.5 * each.y[:, None, None, None]
        each.crops[::2, 6:] = 0
    assert evaluation(brightness_baseline(train, test), test.y)["roc_auc"] > 0.95
    black = dataclasses.replace(test, crops=np.zeros_like(test.crops))
    assert np.isfinite(brightness_baseline(train, black)).all()
