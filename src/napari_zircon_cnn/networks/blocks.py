"""What the networks have in common: how they take crops and give probabilities."""

from typing import Any

import keras
from keras import layers

from napari_zircon_cnn.networks.settings import NetworkSettings

DROPOUT_RATE = 0.5


def crops_in(settings: NetworkSettings) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return a network's input, crops of 0 to 1, and the same in the range that its first layer sees."""
    crops = keras.Input((settings.input_size, settings.input_size, 1), name="crops")
    if settings.value_range == "minus_one_to_one":
        return crops, layers.Rescaling(2.0, -1.0, name="rescaling")(crops)
    return crops, crops


def dense(x: Any, units: int, name: str, settings: NetworkSettings) -> Any:
    """Add a dense layer, with dropout behind it where the settings ask for it."""
    return dropped(layers.Dense(units, activation=settings.activation, name=name)(x), name, settings)


def dropped(x: Any, name: str, settings: NetworkSettings) -> Any:
    """Add dropout behind the layer of that name where the settings ask for it."""
    return layers.Dropout(DROPOUT_RATE, name=f"dropout_{name}")(x) if settings.dropout else x


def probabilities_out(x: Any, settings: NetworkSettings) -> Any:
    """Add the output: the probability of class 1 of two, or one for each class.

    In single precision also where the layers below compute in half.
    """
    if settings.n_classes == 2:
        return layers.Dense(1, activation="sigmoid", dtype="float32", name="output")(x)
    return layers.Dense(settings.n_classes, activation="softmax", dtype="float32", name="output")(x)
