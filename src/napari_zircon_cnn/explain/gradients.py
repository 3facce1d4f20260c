"""Gradients for each of Keras's backends, which have no common way to them: the one place that knows."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError


def gradient(function: Callable[[Any], Any], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the gradient of the sum of a function's values.

    Parameters
    ----------
    function
        From a tensor of the points' shape to a tensor, by operations of Keras.
    points
        Where the gradient is wanted.

    Returns
    -------
    ndarray of float32
        Of the shape of the points. Where each value depends on one point alone, as a network's answer
        depends on one crop, each point has the gradient of its own value.

    Raises
    ------
    ZirconError
        Where Keras runs on a backend that has no gradients.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tensor = tf.convert_to_tensor(points)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            total = keras.ops.sum(function(tensor))
        return np.asarray(keras.ops.convert_to_numpy(tape.gradient(total, tensor)), np.float32)
    if backend == "torch":
        import torch

        tensor = keras.ops.convert_to_tensor(points).detach().requires_grad_()
        (found,) = torch.autograd.grad(keras.ops.sum(function(tensor)), tensor)
        return np.asarray(keras.ops.convert_to_numpy(found), np.float32)
    if backend == "jax":
        import jax

        found = jax.grad(lambda values: keras.ops.sum(function(values)))(keras.ops.convert_to_tensor(points))
        return np.asarray(keras.ops.convert_to_numpy(found), np.float32)
    raise ZirconError(
        f"Keras runs on {backend}, which has no gradients; use occlusion, or set KERAS_BACKEND to "
        "tensorflow, torch or jax."
    )
