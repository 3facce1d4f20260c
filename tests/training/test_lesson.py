from typing import Any

import keras
import numpy as np
import pytest

from drawn_crops import discs_and_rings
from napari_zircon_cnn.networks.lenet5 import build_lenet5
from napari_zircon_cnn.networks.settings import NetworkSettings
from napari_zircon_cnn.training import TrainSettings, batches
from napari_zircon_cnn.training import lesson as lesson_module
from napari_zircon_cnn.training.batches import Epochs
from napari_zircon_cnn.training.lesson import Lesson


def network(n_classes: int) -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_lenet5(NetworkSettings(n_classes=n_classes, dropout=False))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("steps_per_portion", [1, 2, 6])
@pytest.mark.parametrize("are_all_rows_handed_over", [True, False])
def test_a_lesson_learns_what_keras_learns_from_the_same_batches(
    n_classes: int, steps_per_portion: int, are_all_rows_handed_over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether an epoch is shown in one portion or in several, with classes of unequal weight."""
    if not are_all_rows_handed_over:
        monkeypatch.setattr(lesson_module, "_ROWS", 0)
    x, y = discs_and_rings(60, n_classes=n_classes)
    x, y = x[14:], y[14:]
    asked = TrainSettings(batch_size=8, class_weights=True)
    monkeypatch.setattr(batches, "_PORTION_VALUES", steps_per_portion * 8 * x[0].size)
    epochs = Epochs(x, y, n_classes=n_classes, settings=asked, augmentation="none")
    assert epochs.steps_per_portion == steps_per_portion

    ours = network(n_classes)
    many_at_once = 1 if keras.backend.backend() == "torch" else steps_per_portion
    lesson = Lesson(ours, epochs)
    lesson.compile(keras.optimizers.SGD(0.1), steps_per_execution=many_at_once)
    lesson.learn(0, 2, [])

    plain = network(n_classes)
    loss: Any = "binary_crossentropy" if n_classes == 2 else "sparse_categorical_crossentropy"
    plain.compile(keras.optimizers.SGD(0.1), loss)
    for epoch in (1, 2):
        portions = list(epochs.portions(epoch))
        shown, classes = (np.concatenate([getattr(one, name) for one in portions]) for name in "xy")
        before = plain.predict(shown[-epochs.batch_size :], verbose=0)
        plain.fit(
            shown,
            classes[:, None],
            sample_weight=epochs.class_weights[classes],
            batch_size=epochs.batch_size,
            shuffle=False,
            verbose=0,
        )
    for mine, theirs in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    # What was seen is the last epoch's outputs, in order: each batch's from before its step.
    seen = lesson.seen.probabilities()
    assert seen.shape == (epochs.steps * epochs.batch_size, n_classes)
    assert not np.allclose(seen[-epochs.batch_size :, -1], before[:, -1], atol=1e-4)
    np.testing.assert_allclose(seen.sum(axis=1), 1, rtol=1e-5)


def test_a_lesson_adds_nothing_that_learns() -> None:
    x, y = discs_and_rings(20)
    learning = network(2)
    epochs = Epochs(x, y, n_classes=2, settings=TrainSettings(batch_size=8), augmentation="none")
    lesson = Lesson(learning, epochs)
    assert [one.path for one in lesson.trainable_variables] == [
        one.path for one in learning.trainable_variables
    ]
