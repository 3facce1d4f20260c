"""The multilayer perceptron that Nathwani et al. (2023) take as their baseline."""

import keras
from keras import layers

from napari_zircon_cnn.networks.blocks import crops_in, dense, probabilities_out
from napari_zircon_cnn.networks.settings import NetworkSettings


def build_mlp(settings: NetworkSettings) -> keras.Model:
    """Build the perceptron with fresh weights: dense layers of 128 and 32 units and the output.

    135,361 parameters at 32 px and two classes.

    Parameters
    ----------
    settings
        What it is built from.

    Returns
    -------
    keras.Model
        See `spec.NetworkSpec` for what goes in and out. It has no feature maps.
    """
    crops, x = crops_in(settings)
    x = layers.Flatten(name="flatten")(x)
    for units, name in ((128, "F1"), (32, "F2")):
        x = dense(x, units, name, settings)
    return keras.Model(crops, probabilities_out(x, settings), name="mlp")
