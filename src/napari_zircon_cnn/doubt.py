"""How sure a network is of a grain, and how unlike the grain is to all that it was trained on."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.calibration import scaled
from napari_zircon_cnn.inference import class_probabilities
from napari_zircon_cnn.networks.card import Calibration, Familiar
from napari_zircon_cnn.networks.layers import penultimate_layer
from napari_zircon_cnn.progress import Progress, silent

PASSES = 30
"""How often a grain goes through the network with its dropout left on."""

KEPT_SHARE = 0.99
"""Share of the held-out training grains that lie nearer than the limit from which a grain is unlike them."""

MOST_FEATURES = 256
"""Features of the last hidden layer above which distances are not known: too few grains tell of so many."""

_SHRINKAGE = 0.05  # of the mean variance, added to each direction, so that a silent unit has a distance
_FEWEST_HELD_OUT = 20
_BATCH_VALUES = 2**21


class _AlwaysDropout(keras.layers.Dropout):
    """Dropout that drops outside of the training too."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ARG002
        return super().call(inputs, training=True)


def uncertainty(
    model: keras.Model,
    crops: NDArray[np.float32],
    class_index: int,
    calibration: Calibration | None = None,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> NDArray[np.float64]:
    """Return how much a network wavers over each grain, by Monte Carlo dropout.

    Parameters
    ----------
    model
        A network whose dropout comes in its plain row of last layers.
    crops
        Shape (n, size, size, 1), 0 to 1.
    class_index
        The class whose probability is looked at.
    calibration
        What the network's probabilities are calibrated with, if anything.
    seed
        Seed of the dropout.
    progress
        Told of each batch; may raise `Cancelled`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Standard deviation of the calibrated probability over `PASSES` passes, 0 to 0.5; NaN where the
        network has no such dropout.

    Notes
    -----
    Source: Gal & Ghahramani (2016), ICML 33, 1050.
    """
    halves = _split_at_dropout(model, seed)
    if halves is None:
        return np.full(len(crops), np.nan)
    body, head = halves

    def waver(batch: NDArray[np.float32]) -> NDArray[np.float64]:
        hidden = ops.convert_to_numpy(body.predict_on_batch(batch))
        passes = ops.convert_to_numpy(head.predict_on_batch(np.repeat(hidden, PASSES, axis=0)))
        values = scaled(class_probabilities(passes), calibration or Calibration())[:, class_index]
        return np.asarray(values.reshape(len(batch), PASSES).std(axis=1, dtype=np.float64))

    per_grain = max(int(np.prod(crops.shape[1:])), PASSES * int(np.prod(body.output_shape[1:])))
    return _in_batches(waver, crops, per_grain, progress)


def familiar_with(
    model: keras.Model, crops: NDArray[np.float32], y: NDArray[np.integer[Any]], held_out: NDArray[np.float32]
) -> Familiar | None:
    """Note where a network's training grains lie, so that a grain unlike them all can be told.

    Parameters
    ----------
    model
        The trained network.
    crops
        The crops that it was trained on, shape (n, size, size, 1).
    y
        Their classes, shape (n,).
    held_out
        Crops of the same kind that it was not trained on, from which the limit comes.

    Returns
    -------
    Familiar or None
        None where fewer than 20 grains were held out or the last hidden layer has too many features.

    Notes
    -----
    Mahalanobis distance to the nearest class mean with one covariance for all classes.
    Source: Lee et al. (2018), NeurIPS 31, 7167.
    """
    layer = penultimate_layer(model)
    features = features_of(model, crops, layer)
    if len(held_out) < _FEWEST_HELD_OUT or features.shape[1] > MOST_FEATURES:
        return None
    present = np.unique(y)
    means = np.stack([features[y == c].mean(axis=0) for c in present])
    residuals = features - means[np.searchsorted(present, y)]
    covariance = residuals.T @ residuals / max(len(features) - len(present), 1)
    covariance += np.eye(len(covariance)) * (_SHRINKAGE * np.trace(covariance) / len(covariance) + 1e-12)
    variances, directions = np.linalg.eigh(covariance)
    whitening = directions / np.sqrt(variances)
    known = Familiar(layer=layer, means=_rounded(means @ whitening), whitening=_rounded(whitening), limit=1.0)
    limit = np.quantile(unlikeness(model, held_out, known), KEPT_SHARE, method="higher")
    return known.model_copy(update={"limit": max(float(limit), 1e-9)})


def unlikeness(
    model: keras.Model, crops: NDArray[np.float32], known: Familiar | None, progress: Progress = silent
) -> NDArray[np.float64]:
    """Return how far grains are from those that a network was trained on.

    Parameters
    ----------
    model
        The network.
    crops
        Shape (n, size, size, 1), 0 to 1.
    known
        Where the training grains lie.
    progress
        Told of each batch; may raise `Cancelled`.

    Returns
    -------
    ndarray of float64, shape (n,)
        The distance to the nearest class's mean relative to the limit: above 1 the grain is unlike any
        seen in training. NaN where `known` is None.
    """
    if known is None:
        return np.full(len(crops), np.nan)
    whitened = features_of(model, crops, known.layer, progress) @ np.array(known.whitening)
    apart = whitened[:, None] - np.array(known.means)[None]
    return np.asarray(np.sqrt((apart**2).sum(axis=2)).min(axis=1) / known.limit)


def features_of(
    model: keras.Model, crops: NDArray[np.float32], layer: str, progress: Progress = silent
) -> NDArray[np.float64]:
    """Return a layer's output for each crop, flattened, shape (n, n_features)."""
    part = keras.Model(model.inputs, model.get_layer(layer).output)

    def look(batch: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(ops.convert_to_numpy(part.predict_on_batch(batch)), np.float64).reshape(
            len(batch), -1
        )

    return _in_batches(look, crops, int(np.prod(crops.shape[1:])), progress)


def _split_at_dropout(model: keras.Model, seed: int) -> tuple[keras.Model, keras.Model] | None:
    """Return what comes before the first dropout, and the rest with its dropout always on."""
    row = model.layers
    first = next((n for n, layer in enumerate(row) if isinstance(layer, keras.layers.Dropout)), None)
    if first is None or any(
        later.input is not before.output for before, later in zip(row[first:], row[first + 1 :], strict=False)
    ):
        return None
    hidden = row[first].input
    start = answer = keras.Input(hidden.shape[1:])
    for n, layer in enumerate(row[first:]):
        is_dropout = isinstance(layer, keras.layers.Dropout)
        answer = (_AlwaysDropout(layer.rate, seed=seed + n) if is_dropout else layer)(answer)
    return keras.Model(model.inputs, hidden), keras.Model(start, answer)


def _in_batches(
    work: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    crops: NDArray[np.float32],
    values_per_grain: int,
    progress: Progress,
) -> NDArray[np.float64]:
    """Do work on batches of one size, so that the network is compiled once."""
    n = len(crops)
    size = max(1, min(_BATCH_VALUES // values_per_grain, 1 << max(n - 1, 0).bit_length()))
    found = []
    for start in range(0, max(n, 1), size):
        batch = crops[start : start + size]
        short = size - len(batch)
        if short:
            batch = np.concatenate([batch, np.zeros((short, *crops.shape[1:]), np.float32)])
        found.append(work(batch)[: size - short])
        done = min(start + size, n)
        progress(done / max(n, 1), f"{done} of {n} grains looked at")
    return np.concatenate(found)


def _rounded(values: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{value:.7g}") for value in row) for row in values)
