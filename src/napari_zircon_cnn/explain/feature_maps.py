"""The maps that a network's layers make of a grain: the network cut at those layers."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.explain.layers import chosen_layers, map_grid
from napari_zircon_cnn.placement import MapGrid


class MapReader:
    """A network cut at some layers, built once and read for one grain after the other.

    Parameters
    ----------
    model
        The network.
    names
        Layers with maps; all of them by default.

    Raises
    ------
    ZirconError
        Where the network has no convolution, or no such layer.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 11, after Chollet (2017).
    """

    def __init__(self, model: keras.Model, names: Sequence[str] = ()) -> None:
        self.names = chosen_layers(model, tuple(names))
        self.grids: dict[str, MapGrid] = {name: map_grid(model, name) for name in self.names}
        self._model = keras.Model(model.inputs[0], [model.get_layer(name).output for name in self.names])

    def read(self, crops: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return the maps of crops.

        Parameters
        ----------
        crops
            Shape (n, size, size, 1), 0 to 1.

        Returns
        -------
        dict
            By layer, float32 of the shape (n, rows, columns, number of maps).
        """
        # Called as it is: to compile it takes longer than a grain or two that are looked at.
        outputs = self._model(crops, training=False)
        found = outputs if isinstance(outputs, list) else [outputs]
        return {
            name: np.asarray(ops.convert_to_numpy(ops.stop_gradient(maps)), np.float32)
            for name, maps in zip(self.names, found, strict=True)
        }
