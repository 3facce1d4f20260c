"""The figures of merit of an epoch, taken while Keras fits."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.inference import class_probabilities, outputs
from napari_zircon_cnn.metrics import accuracy, log_loss, roc_auc
from napari_zircon_cnn.progress import Progress
from napari_zircon_cnn.training.record import Epoch
from napari_zircon_cnn.training.stages import Stage


class Seen(keras.metrics.Metric):
    """Keeps an epoch's targets and outputs, from which exact figures are taken at its end.

    Keras' own AUC counts at 200 thresholds in each step, which is neither exact nor cheap.

    Parameters
    ----------
    capacity
        How many crops it can keep.
    n_outputs
        Outputs of the network.
    """

    def __init__(self, capacity: int, n_outputs: int) -> None:
        super().__init__(name="seen", dtype="float32")
        self.batches = self.add_variable((capacity, 1 + n_outputs), initializer="zeros", name="batches")
        self.count = self.add_variable((), initializer="zeros", dtype="int32", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
        """Keep a batch."""
        rows = self.count + ops.arange(ops.shape(y_pred)[0], dtype="int32")
        y_true = ops.cast(ops.reshape(y_true, (-1, 1)), self.batches.dtype)
        batch = ops.concatenate([y_true, ops.cast(y_pred, self.batches.dtype)], axis=1)
        self.batches.assign(ops.scatter_update(self.batches, rows[:, None], batch))
        self.count.assign_add(ops.shape(y_pred)[0])

    def result(self) -> Any:
        """Return nothing of note: the figures are taken by `epoch`."""
        return ops.zeros(())

    def reset_state(self) -> None:
        """Forget all batches."""
        self.count.assign(0)

    def epoch(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the probabilities (n, n_classes) and classes (n,) seen since the last reset."""
        kept = ops.convert_to_numpy(self.batches)[: int(ops.convert_to_numpy(self.count))]
        return class_probabilities(kept[:, 1:]), kept[:, 0].astype(np.int64)


class Figures(keras.callbacks.Callback):
    """Takes the figures of merit after each epoch and hands them on.

    Parameters
    ----------
    seen
        The metric of the model.
    validated
        The network, or its part that takes features.
    x_val, y_val
        Validation crops, or their features, and classes; may be empty.
    stage
        The stage of the training.
    n_epochs
        Epochs of all stages.
    progress
        Told of each step and epoch.
    on_epoch
        Given each epoch's figures; returns whether the stage shall end.
    """

    def __init__(
        self,
        seen: Seen,
        *,
        validated: keras.Model,
        x_val: NDArray[np.float32],
        y_val: NDArray[np.integer[Any]],
        stage: Stage,
        n_epochs: int,
        progress: Progress,
        on_epoch: Callable[[Epoch], bool],
    ) -> None:
        super().__init__()
        self._seen, self._validated, self._x_val, self._y_val = seen, validated, x_val, y_val
        self._stage, self._n_epochs = stage, n_epochs
        self._progress, self._on_epoch = progress, on_epoch
        self._epoch, self._started = 0, 0.0
        self._message = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self._epoch, self._started = epoch, time.perf_counter()
        self._message = self._message or f"epoch {epoch + 1} of {self._n_epochs}"

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Tell how far the epoch is."""
        done = (batch + 1) / self.params["steps"]
        if done < 1:
            self._progress((self._epoch + done) / self._n_epochs, self._message)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Take the figures, hand them on and tell that the epoch is over."""
        probabilities, y = self._seen.epoch()
        entry: Epoch = {
            "epoch": epoch + 1,
            "stage": self._stage.number,
            "loss": float((logs or {})["loss"]),
            "accuracy": accuracy(probabilities, y),
            "roc_auc": roc_auc(probabilities, y),
        }
        probabilities = class_probabilities(outputs(self._validated, self._x_val))
        entry |= {
            "val_loss": log_loss(probabilities, self._y_val),
            "val_accuracy": accuracy(probabilities, self._y_val),
            "val_roc_auc": roc_auc(probabilities, self._y_val),
            "seconds": time.perf_counter() - self._started,
        }
        self.model.stop_training = self._on_epoch(entry)
        self._message = f"epoch {epoch + 1} of {self._n_epochs}: loss {entry['loss']:.3f}"
        if not np.isnan(entry["val_roc_auc"]):
            self._message += f", validation ROC-AUC {entry['val_roc_auc']:.3f}"
        self._progress((epoch + 1) / self._n_epochs, self._message)
