"""The figures of merit of an epoch, taken while Keras fits."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.inference import class_probabilities, outputs
from napari_zircon_cnn.metrics import accuracy, log_loss, roc_auc
from napari_zircon_cnn.progress import Progress
from napari_zircon_cnn.training.batches import Epochs
from napari_zircon_cnn.training.lesson import Seen
from napari_zircon_cnn.training.record import Epoch
from napari_zircon_cnn.training.stages import Stage


class Figures(keras.callbacks.Callback):
    """Takes the figures of merit after each epoch and hands them on.

    Parameters
    ----------
    seen
        What the model keeps of an epoch.
    epochs
        What it is shown.
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
        epochs: Epochs,
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
        self._seen, self._epochs, self._validated, self._x_val, self._y_val = (
            seen,
            epochs,
            validated,
            x_val,
            y_val,
        )
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
        y = self._epochs.classes(epoch + 1)
        probabilities = self._seen.probabilities()[: len(y)]
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
