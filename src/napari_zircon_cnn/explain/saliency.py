"""What moved a network's answer: Grad-CAM, integrated gradients and occlusion."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from napari_zircon_cnn.explain.gradients import gradient
from napari_zircon_cnn.explain.layers import chosen_layers, last_convolution, map_grid
from napari_zircon_cnn.placement import MapGrid
from napari_zircon_cnn.progress import Progress, silent

STEPS = 32
"""Points between the black crop and the grain at which the gradients are taken."""

_VALUES_AT_ONCE = 2**18
"""Grey values that go through a network at once, whose every layer is then kept for the gradients."""

_SQUEEZING = {"sigmoid", "softmax"}

Maps = NDArray[np.float32]


class Saliency:
    """Maps of what speaks for a class in a grain, by one network.

    What is explained is the network's score for the class before the sigmoid or softmax squeezes it
    to a probability: a score has a slope where a probability is all but 0 or 1. Where a network
    ends in another way it is the output itself. Of two classes with one output the first has the
    score of the second with the other sign.

    Parameters
    ----------
    model
        The network.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def scores(self, crops: NDArray[np.float32], class_index: int) -> NDArray[np.float32]:
        """Return the score for a class of crops (n, size, size, 1), shape (n,)."""
        return _answer(lambda x: _of_class(self._score_model(x, training=False), class_index), crops)

    def grad_cam(
        self,
        crops: NDArray[np.float32],
        class_index: int,
        layer: str = "",
        progress: Progress = silent,
    ) -> tuple[Maps, MapGrid]:
        """Return Grad-CAM: a layer's maps, weighed by how much each speaks for the class.

        Parameters
        ----------
        crops
            Shape (n, size, size, 1), 0 to 1.
        class_index
            The class.
        layer
            A layer with maps; the last convolution by default.
        progress
            Told of the crops done; may raise `Cancelled`.

        Returns
        -------
        tuple
            The maps, shape (n, rows, columns) of the layer, 0 where nothing speaks for the class, and
            where their pixels lie on the crop.

        Raises
        ------
        ZirconError
            Where the network has no convolution, or no such layer.

        Notes
        -----
        Source: Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks via
        gradient-based localization, doi:10.1109/ICCV.2017.74.
        """
        name = chosen_layers(self.model, (layer,))[0] if layer else last_convolution(self.model)
        upto, beyond = self._cut_at(name)

        def of(batch: NDArray[np.float32]) -> Maps:
            maps = _answer(lambda x: upto(x, training=False), batch)
            slopes = gradient(lambda x: _of_class(beyond(x, training=False), class_index), maps)
            weights = slopes.mean(axis=(1, 2), keepdims=True)
            return np.asarray(np.maximum((weights * maps).sum(axis=-1), 0))

        return self._in_batches(of, crops, 1, progress), map_grid(self.model, name)

    def integrated_gradients(
        self, crops: NDArray[np.float32], class_index: int, steps: int = STEPS, progress: Progress = silent
    ) -> Maps:
        """Return integrated gradients from a black crop to the grain.

        Parameters
        ----------
        crops
            Shape (n, size, size, 1), 0 to 1.
        class_index
            The class.
        steps
            Points on the way at which the gradient is taken.
        progress
            Told of the crops done; may raise `Cancelled`.

        Returns
        -------
        ndarray of float32, shape (n, size, size)
            What each pixel adds to the score, below 0 where it speaks against the class; the sum is the
            score of the grain less that of the black crop. What is black has 0.

        Notes
        -----
        Source: Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks,
        arXiv:1703.01365. Black is what the crop has around the grain's box; the integral is taken by
        the midpoint rule.
        """
        shares = ((np.arange(steps) + 0.5) / steps).astype(np.float32).reshape(1, -1, 1, 1, 1)

        def of(batch: NDArray[np.float32]) -> Maps:
            on_the_way = (batch[:, None] * shares).reshape(-1, *batch.shape[1:])
            score = self._score_model
            slopes = _in_parts(
                lambda part: gradient(lambda x: _of_class(score(x, training=False), class_index), part),
                on_the_way,
            )
            means = slopes.reshape(len(batch), steps, *batch.shape[1:]).mean(axis=1)
            return np.asarray((means * batch)[..., 0])

        return self._in_batches(of, crops, steps, progress)

    def occlusion(
        self,
        crops: NDArray[np.float32],
        class_index: int,
        patch_px: int = 8,
        step_px: int = 2,
        progress: Progress = silent,
    ) -> Maps:
        """Return how much the score falls where a black patch covers the grain, without any gradient.

        Parameters
        ----------
        crops
            Shape (n, size, size, 1), 0 to 1.
        class_index
            The class.
        patch_px
            Edge of the patch in px of the crop.
        step_px
            How far the patch moves at a time.
        progress
            Told of the crops done; may raise `Cancelled`.

        Returns
        -------
        ndarray of float32, shape (n, size, size)
            The mean fall of the score over all patches that cover a pixel, below 0 where it rises.

        Notes
        -----
        Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks,
        arXiv:1311.2901.
        """
        size = crops.shape[1]
        starts = np.arange(step_px - patch_px, size, step_px)
        covered = (np.arange(size) >= starts[:, None]) & (np.arange(size) < starts[:, None] + patch_px)
        patches = (covered[:, None, :, None] & covered[None, :, None, :]).reshape(-1, size, size)
        weights = patches.reshape(len(patches), -1).astype(np.float32)
        times = np.maximum(weights.sum(axis=0), 1)

        def of(batch: NDArray[np.float32]) -> Maps:
            whole = self.scores(batch, class_index)
            hidden = (batch[:, None, :, :, 0] * ~patches).reshape(-1, size, size, 1)
            falls = whole[:, None] - self.scores(hidden, class_index).reshape(len(batch), -1)
            return np.asarray((falls @ weights / times).reshape(-1, size, size), np.float32)

        return self._in_batches(of, crops, len(patches), progress)

    @cached_property
    def _score_model(self) -> keras.Model:
        """The network without the sigmoid or softmax at its end."""
        return keras.Model(self.model.inputs[0], self._scores_from(self.model.layers[-1].input))

    def _cut_at(self, name: str) -> tuple[keras.Model, keras.Model]:
        """Return the network up to a layer, and from its maps to the scores."""
        if name not in self._cuts:
            maps = self.model.get_layer(name).output
            upto = keras.Model(self.model.inputs[0], maps)
            self._cuts[name] = (upto, keras.Model(maps, self._score_model.outputs[0]))
        return self._cuts[name]

    @cached_property
    def _cuts(self) -> dict[str, tuple[keras.Model, keras.Model]]:
        return {}

    def _scores_from(self, penultimate: Any) -> Any:
        last = self.model.layers[-1]
        ends = keras.activations.serialize(last.activation) if isinstance(last, layers.Dense) else ""
        if ends not in _SQUEEZING:
            return self.model.outputs[0]
        linear = layers.Dense(last.units, use_bias=last.use_bias, name="scores")
        scores = linear(penultimate)
        linear.set_weights(last.get_weights())
        return scores

    @staticmethod
    def _in_batches(
        of: Callable[[NDArray[np.float32]], Maps], crops: NDArray[np.float32], times: int, progress: Progress
    ) -> Maps:
        """Return the maps of all crops, of which each needs so many passes through the network."""
        at_once = max(1, _VALUES_AT_ONCE // (times * int(np.prod(crops.shape[1:]))))
        found = []
        for start in range(0, len(crops), at_once):
            progress(start / len(crops), f"{start} of {len(crops)} grains explained")
            found.append(of(crops[start : start + at_once]))
        progress(1.0, f"{len(crops)} grains explained")
        return np.concatenate(found) if found else np.empty((0, *crops.shape[1:3]), np.float32)


def _answer(function: Callable[[Any], Any], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a function's values; it is not compiled, which a few batches are not worth."""
    return _in_parts(
        lambda part: np.asarray(ops.convert_to_numpy(ops.stop_gradient(function(part))), np.float32), points
    )


def _in_parts(
    function: Callable[[NDArray[np.float32]], NDArray[np.float32]], points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a function's values for points of which only so many fit into memory."""
    at_once = max(1, _VALUES_AT_ONCE // int(np.prod(points.shape[1:])))
    starts = range(0, max(len(points), 1), at_once)
    return np.concatenate([function(points[start : start + at_once]) for start in starts])


def _of_class(outputs: Any, class_index: int) -> Any:
    if outputs.shape[-1] == 1:
        return outputs[:, 0] if class_index == 1 else -outputs[:, 0]
    return outputs[:, class_index]
