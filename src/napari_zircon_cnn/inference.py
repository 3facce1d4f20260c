"""The probability of every class for every grain."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Progress, silent

# Values per batch: large enough to fill the processor, small enough for its memory.
_BATCH_VALUES = 2**20


def predict(
    model: keras.Model,
    crops: NDArray[np.float32],
    batch_size: int | None = None,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Give the probability of every class for every crop.

    Parameters
    ----------
    model
        A network; see `registry.build_network`.
    crops
        Shape (n, size, size, 1), 0 to 1.
    batch_size
        Crops that go through the network at once; by default about a million grey values. A
        grain's numbers do not depend on it beyond rounding.
    progress
        Called after each batch; may raise `Cancelled`.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_classes), float32; each row sums to 1.

    Raises
    ------
    ZirconError
        Where the crops are not of the size that the network takes.
    """
    expected = tuple(model.input_shape[1:])
    if crops.shape[1:] != expected:
        raise ZirconError(
            f"The crops have the shape {crops.shape[1:]} and the network takes {expected}; "
            "cut them with the settings on the model's card."
        )
    return class_probabilities(outputs(model, crops, batch_size, progress))


def outputs(
    model: keras.Model,
    inputs: NDArray[np.float32],
    batch_size: int | None = None,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Give what comes out of a network, or of a part of one.

    Parameters
    ----------
    model
        The network or the part.
    inputs
        What goes in, shape (n, ...).
    batch_size
        How many of them go through at once; see `predict`.
    progress
        Called after each batch; may raise `Cancelled`.

    Returns
    -------
    numpy.ndarray
        Shape (n, ...), float32.
    """
    n = len(inputs)
    most = batch_size or max(1, _BATCH_VALUES // max(1, math.prod(model.input_shape[1:])))
    found = np.empty((n, *model.output_shape[1:]), np.float32)
    for start in range(0, n, most):
        batch = inputs[start : start + most]
        rows = len(batch)
        # Few shapes of batches, so that the network is seldom compiled anew: at most an eighth is padding.
        step = max(1, (1 << (rows - 1).bit_length()) // 8)
        size = min(most, -(-rows // step) * step)
        if rows < size:
            batch = np.concatenate([batch, np.zeros((size - rows, *batch.shape[1:]), batch.dtype)])
        found[start : start + rows] = ops.convert_to_numpy(model.predict_on_batch(batch))[:rows]
        progress((start + rows) / n, f"{start + rows} of {n} grains classified")
    return found


def class_probabilities(found: NDArray[Any]) -> NDArray[np.float32]:
    """Turn a network's outputs into one column per class.

    Parameters
    ----------
    found
        Shape (n, 1), the probability of class 1; or (n, n_classes), returned as it is.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_classes), float32.
    """
    found = np.asarray(found, np.float32)
    return np.hstack([1 - found, found]) if found.shape[1] == 1 else found
