"""What a network sees in grains just before it answers: the output of its penultimate layer."""

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.inference import class_probabilities
from napari_zircon_cnn.networks.layers import penultimate_layer
from napari_zircon_cnn.progress import Progress, silent

_VALUES_AT_ONCE = 2**20


class Reading:
    """A network that gives both its penultimate layer and its answer.

    Parameters
    ----------
    model
        The network.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 10: the 32 values of LeNet-5's F7.
    """

    def __init__(self, model: keras.Model) -> None:
        penultimate = model.get_layer(penultimate_layer(model)).output
        self._model = keras.Model(model.inputs[0], [penultimate, model.outputs[0]])

    def of(
        self, crops: NDArray[np.float32], progress: Progress = silent
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return features and probabilities of crops.

        Parameters
        ----------
        crops
            Shape (n, size, size, 1), 0 to 1.
        progress
            Told of the crops read; may raise `Cancelled`.

        Returns
        -------
        tuple of ndarray
            The penultimate layer's output, shape (n, units), and the probability of each class,
            shape (n, number of classes).
        """
        units, outputs = (shape[-1] for shape in self._model.output_shape)
        features = np.empty((len(crops), units), np.float32)
        answers = np.empty((len(crops), outputs), np.float32)
        at_once = max(1, _VALUES_AT_ONCE // int(np.prod(crops.shape[1:])))
        for start in range(0, len(crops), at_once):
            progress(start / len(crops), f"{start} of {len(crops)} grains read")
            part = slice(start, start + at_once)
            found = [ops.stop_gradient(output) for output in self._model(crops[part], training=False)]
            features[part], answers[part] = (ops.convert_to_numpy(output) for output in found)
        progress(1.0, f"{len(crops)} grains read")
        return features, class_probabilities(answers)
