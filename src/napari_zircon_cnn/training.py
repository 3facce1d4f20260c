"""Fit a network to crops, with its figures of merit after each epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.inference import class_probabilities, predict
from napari_zircon_cnn.metrics import accuracy, log_loss, roc_auc
from napari_zircon_cnn.networks.augmentation import build_augmentation
from napari_zircon_cnn.networks.registry import build_network
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.progress import Cancelled, Progress, silent

__all__ = ["Epoch", "History", "TrainResult", "TrainSettings", "train"]

Epoch = dict[str, int | float]
"""One epoch's figures: `epoch` from 1, `loss`, `accuracy`, `roc_auc`, these with `val_`, `seconds`."""
History = list[Epoch]

_SMALL_NETWORK = 1_000_000  # parameters below which starting a step costs as much as the step
_CHUNK_VALUES = 2**24  # grey values augmented in one go: 64 MiB


def _unheard(epoch: Epoch) -> None:
    """Ignore an epoch's figures."""


@dataclass(frozen=True, eq=False)
class TrainResult:
    """A trained network.

    Parameters
    ----------
    model
        Uncompiled, without augmentation; see `registry.build_network` for what goes in and out.
    history
        Figures per epoch.
    epoch
        The epoch, from 1, whose weights the model has.
    was_stopped
        Whether `Cancelled` ended the training; the history then ends with the last whole epoch.
    """

    model: keras.Model
    history: History
    epoch: int
    was_stopped: bool


def train(  # noqa: PLR0917 -- crops and classes come in pairs
    x_train: NDArray[np.float32],
    y_train: NDArray[np.integer[Any]],
    x_val: NDArray[np.float32],
    y_val: NDArray[np.integer[Any]],
    classes: tuple[str, ...],
    settings: TrainSettings | None = None,
    progress: Progress = silent,
    *,
    on_epoch: Callable[[Epoch], None] = _unheard,
    keep_best_on_cancel: bool = False,
) -> TrainResult:
    """Train a network from fresh weights with Adam and cross-entropy.

    Parameters
    ----------
    x_train
        Training crops, shape (n, size, size, 1), 0 to 1.
    y_train
        Their classes, shape (n,), indices into `classes`.
    x_val, y_val
        Validation crops and classes; may be empty, and the validation figures are NaN then.
    classes
        Names of the classes, class 0 first.
    settings
        How to train; the paper's way by default.
    progress
        Called after each epoch; may raise `Cancelled`.
    on_epoch
        Called with the figures of each epoch when it is over; may raise `Cancelled`.
    keep_best_on_cancel
        Whether a training that `Cancelled` ends after one whole epoch or more gives back the best
        weights so far instead of raising.

    Returns
    -------
    TrainResult
        The network and the figures per epoch. The network is that of the last epoch or, where
        the settings say `keep_best` or the training was stopped, that of the best one: the first
        with the lowest loss on the validation crops, or on the training crops where there are no
        others. Figures of the training crops are taken while training, with augmentation and
        dropout, as Keras reports them (the loss with class weights where they are asked for);
        ROC-AUC is exact, and NaN where only one class is present.

    Raises
    ------
    Cancelled
        Where a callback raises it and no weights are kept.

    Notes
    -----
    The same input and seed give the same numbers on one machine. Keras, Python's `random` and
    NumPy's global generator are seeded for that.
    """
    settings = settings or TrainSettings()
    keras.utils.set_random_seed(settings.seed)
    n_classes = len(classes)
    network = build_network(settings.network_settings(x_train.shape[1], n_classes))
    seen = _Seen(len(x_train) + settings.batch_size, network.output_shape[-1])
    steps = math.ceil(len(x_train) / settings.batch_size)
    network.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="binary_crossentropy" if n_classes == 2 else "sparse_categorical_crossentropy",
        metrics=[seen],
        steps_per_execution=steps if network.count_params() < _SMALL_NETWORK else 1,
    )
    figures = _Figures(seen, x_val, y_val, settings.epochs, progress, on_epoch)
    figures.keeps_best = settings.keep_best or keep_best_on_cancel
    was_stopped = False
    try:
        network.fit(
            _batches(x_train, y_train, n_classes, settings),
            steps_per_epoch=steps,
            epochs=settings.epochs,
            callbacks=[figures],
            shuffle=False,
            verbose=0,
        )
    except Cancelled:
        if not keep_best_on_cancel or not figures.history:
            raise
        was_stopped = True
    is_best = was_stopped or settings.keep_best
    # A fresh copy, so that neither the optimiser nor our metric ends up in a saved file.
    trained = build_network(settings.network_settings(x_train.shape[1], n_classes))
    trained.set_weights(figures.best_weights if is_best else network.get_weights())
    epoch = figures.best_epoch if is_best else settings.epochs
    return TrainResult(trained, figures.history, epoch, was_stopped)


def _batches(
    x: NDArray[np.float32], y: NDArray[np.integer[Any]], n_classes: int, settings: TrainSettings
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield batches for ever, each epoch in a new order and with new augmentation.

    One endless iterator spares Keras a new data pipeline per epoch, and augmenting many
    batches in one go spares it most of the small operations.
    """
    rng = np.random.default_rng(settings.seed)
    augmentation = build_augmentation(settings.augmentation, settings.seed)
    targets = y.astype(np.float32 if n_classes == 2 else np.int32)[:, None]
    weights = None
    if settings.class_weights:
        counts = np.bincount(y, minlength=n_classes)
        weights = (len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[y].astype(np.float32)
    size = settings.batch_size
    chunk_rows = max(1, _CHUNK_VALUES // (x[0].size * size)) * size
    while True:
        order = rng.permutation(len(x))
        for chunk in np.split(order, range(chunk_rows, len(x), chunk_rows)):
            crops = x[chunk]
            if augmentation is not None:
                crops = augmentation.predict_on_batch(crops)
            for start in range(0, len(chunk), size):
                rows = chunk[start : start + size]
                batch = crops[start : start + size], targets[rows]
                yield batch if weights is None else (*batch, weights[rows])


class _Seen(keras.metrics.Metric):
    """Keeps an epoch's targets and outputs, from which exact figures are taken at its end.

    Keras' own AUC counts at 200 thresholds in each step, which is neither exact nor cheap.
    """

    def __init__(self, capacity: int, n_outputs: int) -> None:
        super().__init__(name="seen")
        self.targets = self.add_variable((capacity, 1), initializer="zeros", name="targets")
        self.outputs = self.add_variable((capacity, n_outputs), initializer="zeros", name="outputs")
        self.count = self.add_variable((), initializer="zeros", dtype="int32", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # noqa: ARG002
        count = ops.add(self.count, 0)  # a tensor: ops.stack takes no variable
        start = ops.stack([count, ops.zeros_like(count)])
        y_true = ops.cast(ops.reshape(y_true, (-1, 1)), self.targets.dtype)
        self.targets.assign(ops.slice_update(self.targets, start, y_true))
        self.outputs.assign(ops.slice_update(self.outputs, start, ops.cast(y_pred, self.outputs.dtype)))
        self.count.assign(count + ops.shape(y_pred)[0])

    def result(self) -> Any:
        return ops.zeros(())

    def reset_state(self) -> None:
        self.count.assign(ops.zeros((), dtype="int32"))

    def epoch(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the probabilities (n, n_classes) and classes (n,) seen since the last reset."""
        n = int(ops.convert_to_numpy(self.count))
        outputs = ops.convert_to_numpy(self.outputs)[:n]
        targets = ops.convert_to_numpy(self.targets)[:n, 0]
        return class_probabilities(outputs), targets.astype(np.int64)


class _Figures(keras.callbacks.Callback):
    """Takes the figures of merit after each epoch, tells them and, if asked, keeps the best weights."""

    def __init__(  # noqa: PLR0917 -- crops and classes come in pairs
        self,
        seen: _Seen,
        x_val: NDArray[np.float32],
        y_val: NDArray[np.integer[Any]],
        epochs: int,
        progress: Progress,
        on_epoch: Callable[[Epoch], None],
    ) -> None:
        super().__init__()
        self.history: History = []
        self.keeps_best = False
        self.best_epoch = 0
        self.best_weights: list[NDArray[Any]] = []
        self._least_loss = math.inf
        self._on_epoch = on_epoch
        self._seen, self._x_val, self._y_val = seen, x_val, y_val
        self._epochs, self._progress = epochs, progress
        self._epoch, self._started, self._message = 0, 0.0, f"epoch 1 of {epochs}"

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        self._epoch, self._started = epoch, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        done = (batch + 1) / self.params["steps"]
        if done < 1:
            self._progress((self._epoch + done) / self._epochs, self._message)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        probabilities, y = self._seen.epoch()
        entry: Epoch = {
            "epoch": epoch + 1,
            "loss": float((logs or {})["loss"]),
            "accuracy": accuracy(probabilities, y),
            "roc_auc": roc_auc(probabilities, y),
        }
        probabilities = predict(self.model, self._x_val)
        entry |= {
            "val_loss": log_loss(probabilities, self._y_val),
            "val_accuracy": accuracy(probabilities, self._y_val),
            "val_roc_auc": roc_auc(probabilities, self._y_val),
            "seconds": time.perf_counter() - self._started,
        }
        self.history.append(entry)
        if self.keeps_best:
            self._keep_if_best(entry)
        self._on_epoch(dict(entry))
        self._message = f"epoch {epoch + 1} of {self._epochs}: loss {entry['loss']:.3f}"
        if not math.isnan(entry["val_roc_auc"]):
            self._message += f", validation ROC-AUC {entry['val_roc_auc']:.3f}"
        self._progress((epoch + 1) / self._epochs, self._message)

    def _keep_if_best(self, entry: Epoch) -> None:
        loss = entry["val_loss"] if len(self._y_val) else entry["loss"]
        # Where the loss was never a number, the first epoch is as good as any.
        if loss < self._least_loss or not self.best_epoch:
            self._least_loss = math.inf if math.isnan(loss) else loss
            self.best_epoch, self.best_weights = int(entry["epoch"]), self.model.get_weights()
