from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_crops import discs_and_rings
from napari_zircon_cnn.training import TrainSettings
from napari_zircon_cnn.training.batches import balanced_order, class_weights, endless_batches

SETTINGS = TrainSettings(batch_size=8)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_balanced_batches_hold_each_class_equally_often(classes: list[int], seed: int) -> None:
    y = np.array(classes)
    order = balanced_order(y, np.random.default_rng(seed))
    assert len(order) == len(y)
    present = np.unique(y)
    for stop in range(1, len(y) + 1):
        counts = np.bincount(y[order[:stop]], minlength=4)[present]
        assert np.ptp(counts) <= 1
    # No grain comes a further time while another one of its class has come less often.
    for index in present:
        times = np.bincount(order, minlength=len(y))[y == index]
        assert np.ptp(times) <= 1


def test_class_weights_make_all_classes_count_the_same() -> None:
    y = np.array([0] * 30 + [1] * 10)
    weights = class_weights(y, 3)
    assert weights[0] * 30 == pytest.approx(weights[1] * 10) == pytest.approx(20)


def test_an_epoch_is_the_same_wherever_the_training_begins() -> None:
    x, y = discs_and_rings(20)
    options = {"n_classes": 2, "settings": SETTINGS, "augmentation": "paper"}
    from_start = list(islice(endless_batches(x, y, first_epoch=1, **options), 9))  # type: ignore[arg-type]
    later = list(islice(endless_batches(x, y, first_epoch=3, **options), 3))  # type: ignore[arg-type]
    for (crops, targets), (again, same) in zip(from_start[6:], later, strict=True):
        np.testing.assert_array_equal(crops, again)
        np.testing.assert_array_equal(targets, same)
    assert sum(len(targets) for _, targets in later) == 20
    assert not np.array_equal(from_start[0][0], later[0][0])


def test_rare_crops_come_as_often_as_common_ones_if_asked() -> None:
    x, y = discs_and_rings(40)
    kept = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:4]])
    batches = endless_batches(
        x[kept],
        y[kept],
        n_classes=2,
        settings=replace(SETTINGS, balanced_batches=True),
        first_epoch=1,
        augmentation="none",
    )
    for _, targets in islice(batches, 3):
        assert targets.mean() == 0.5
