"""A network with what it is shown, which learns from numbers of rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.inference import class_probabilities
from napari_zircon_cnn.training.batches import Epochs, Portion

_ROWS = 2**20  # numbers of rows handed to Keras at once, for as many epochs as they come to: 4 MiB


class Seen(keras.metrics.Metric):
    """Keeps a network's outputs, from which exact figures are taken at an epoch's end.

    Keras' own AUC counts at 200 thresholds in each step, which is neither exact nor cheap.

    Parameters
    ----------
    capacity
        How many outputs it can keep.
    n_outputs
        Values in each.
    """

    def __init__(self, capacity: int, n_outputs: int) -> None:
        super().__init__(name="seen", dtype="float32")
        self.outputs = self.add_variable((capacity, n_outputs), initializer="zeros", name="outputs")
        self.count = self.add_variable((), initializer="zeros", dtype="int32", name="count")

    def update_state(self, outputs: Any) -> None:
        """Keep those of a batch."""
        rows = self.count + ops.arange(ops.shape(outputs)[0], dtype="int32")
        outputs = ops.cast(outputs, self.outputs.dtype)
        self.outputs.assign(ops.scatter_update(self.outputs, rows[:, None], outputs))
        self.count.assign_add(ops.shape(outputs)[0])

    def result(self) -> Any:
        """Return nothing of note: the figures are taken from `probabilities`."""
        return ops.zeros(())

    def reset_state(self) -> None:
        """Forget all batches."""
        self.count.assign(0)

    def probabilities(self) -> NDArray[np.float32]:
        """Return the probabilities seen since the last reset, shape (n, n_classes)."""
        return class_probabilities(
            ops.convert_to_numpy(self.outputs)[: int(ops.convert_to_numpy(self.count))]
        )


class Lesson(keras.Model):
    """Learns from what lies in its variables, and is fitted to numbers of rows in them.

    To hand every batch from Python to a backend costs a small network a fifth of its time. So a
    portion of an epoch is put here in one go, and Keras is given nothing but which rows a step takes.

    Parameters
    ----------
    network
        What learns, from crops or from features.
    epochs
        What it will be shown.
    """

    def __init__(self, network: keras.Model, epochs: Epochs) -> None:
        super().__init__(name="lesson")
        self.network = network
        n_rows = epochs.batch_size * epochs.steps_per_portion
        n_outputs = network.output_shape[-1]
        self.x = self._variable("x", (n_rows, *network.input_shape[1:]), "float32")
        self.y = self._variable("y", (n_rows,), "int32")
        self._epochs = epochs
        self.seen = Seen(epochs.batch_size * epochs.steps, n_outputs)
        self._crossentropy = (
            keras.losses.binary_crossentropy
            if n_outputs == 1
            else keras.losses.sparse_categorical_crossentropy
        )
        self.built = True

    def learn(self, done: int, last: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Fit the network, compiled before, to all epochs behind those that are done, up to the last."""
        epochs = self._epochs
        n_portions = epochs.steps // epochs.steps_per_portion
        rows = np.tile(np.arange(self.y.shape[0], dtype=np.int32), n_portions)
        # When it is through with them, Keras begins anew, which takes longer than a small network's epoch.
        n_epochs = min(last - done, max(1, _ROWS // len(rows)))
        self.fit(
            np.tile(rows, n_epochs),
            batch_size=epochs.batch_size,
            steps_per_epoch=epochs.steps,
            initial_epoch=done,
            epochs=last,
            callbacks=[_Showing(epochs), *callbacks],
            shuffle=False,
            verbose=0,
        )

    def show(self, portion: Portion) -> None:
        """Put the next portion in the place of the last."""
        self.x.assign(portion.x)
        self.y.assign(portion.y)

    def call(self, rows: Any, training: bool | None = None) -> Any:
        """Return the network's outputs for rows of the portion."""
        return self.network(ops.take(self.x, rows, axis=0), training=training)

    def compute_loss(  # noqa: D102 -- Keras' own
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        del y, sample_weight, training
        classes = ops.take(self.y, x, axis=0)
        losses = self._crossentropy(classes[:, None], y_pred)
        return ops.mean(losses * ops.take(self._epochs.class_weights, classes, axis=0))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:  # noqa: D102 -- Keras' own
        del x, y, sample_weight
        self.seen.update_state(y_pred)
        return self.get_metrics_result()

    def _variable(self, name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
        # Not cast by mixed precision: that would be done to all of it in each step.
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False, autocast=False
        )


class _Showing(keras.callbacks.Callback):
    """Puts the portions of each epoch in a lesson as their turn comes.

    Parameters
    ----------
    epochs
        What is shown.
    """

    def __init__(self, epochs: Epochs) -> None:
        super().__init__()
        self._epochs = epochs
        self._portions: Iterator[Portion] = iter(())

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Begin with an epoch."""
        self._portions = self._epochs.portions(epoch + 1)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Show what the step takes, if it is not there already."""
        if batch % self._epochs.steps_per_portion == 0:
            self.model.show(next(self._portions))
