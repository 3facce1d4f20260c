import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_crops import discs_and_rings
from napari_zircon_cnn.training import TrainSettings, batches
from napari_zircon_cnn.training.batches import Epochs, balanced_order, class_weights

SETTINGS = TrainSettings(batch_size=8)


def epochs_of(n: int, asked: TrainSettings = SETTINGS, augmentation: Any = "paper", **options: Any) -> Epochs:
    x, y = discs_and_rings(n)
    return Epochs(x, y, n_classes=2, settings=asked, augmentation=augmentation, **options)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.integers(0, 30), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_balanced_batches_hold_each_class_equally_often(classes: list[int], more: int, seed: int) -> None:
    y = np.array(classes)
    order = balanced_order(y, len(y) + more, np.random.default_rng(seed))
    assert len(order) == len(y) + more
    present = np.unique(y)
    for stop in range(1, len(order) + 1):
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


@given(st.integers(1, 60), st.integers(1, 40), st.booleans(), st.integers(1, 12), st.integers(1, 8))
@settings(max_examples=80, deadline=None)
def test_an_epoch_shows_each_crop_and_few_of_them_again(
    n: int, batch_size: int, are_features: bool, portion: int, n_sharing: int
) -> None:
    """All batches are of one size that the devices can share, and no larger than asked for but for that."""
    x = np.arange(n, dtype=np.float32)[:, None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_PORTION_VALUES", portion * batch_size)
        epochs = Epochs(
            x,
            np.arange(n) % 2,
            n_classes=2,
            settings=TrainSettings(batch_size=batch_size),
            augmentation="none",
            features=(lambda shown: shown + 100) if are_features else None,
            n_sharing=n_sharing,
        )
    portions = list(epochs.portions(3))
    assert epochs.batch_size % n_sharing == 0
    assert epochs.batch_size < batch_size + n_sharing
    assert epochs.steps >= math.ceil(n / batch_size)
    assert {len(one.x) for one in portions} == {epochs.batch_size * epochs.steps_per_portion}
    assert len(portions) * epochs.steps_per_portion == epochs.steps
    assert epochs.steps_per_portion <= (1 if are_features else portion)
    shown = np.concatenate([one.x for one in portions])[:, 0] - 100 * are_features
    classes = np.concatenate([one.y for one in portions])
    np.testing.assert_array_equal(classes, shown % 2)
    np.testing.assert_array_equal(np.sort(shown[:n]), np.arange(n))
    np.testing.assert_array_equal(epochs.classes(3), classes[:n])
    assert len(shown) - n < epochs.steps * n_sharing
    assert np.ptp(np.bincount(shown.astype(int), minlength=n)) <= 1


def test_an_epoch_is_the_same_wherever_the_training_begins() -> None:
    epochs = epochs_of(20)
    (third,), (first,) = epochs.portions(3), epochs.portions(1)
    (again,) = epochs_of(20).portions(3)
    np.testing.assert_array_equal(third.x, again.x)
    np.testing.assert_array_equal(third.y, again.y)
    assert not np.array_equal(first.x, third.x)


def test_rare_crops_come_as_often_as_common_ones_if_asked() -> None:
    x, y = discs_and_rings(40)
    kept = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:4]])
    epochs = Epochs(
        x[kept],
        y[kept],
        n_classes=2,
        settings=replace(SETTINGS, balanced_batches=True),
        augmentation="none",
    )
    (portion,) = epochs.portions(1)
    assert epochs.steps == 3
    assert (portion.y.reshape(epochs.steps, epochs.batch_size).mean(axis=1) == 0.5).all()
