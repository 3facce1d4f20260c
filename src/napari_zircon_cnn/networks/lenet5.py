"""LeNet-5 as modified by Nathwani et al. (2023)."""

import keras
from keras import layers

from napari_zircon_cnn.networks.settings import NetworkSettings, ValueRange

FEATURE_MAPS = ("C1", "S2", "C3", "S4", "C5", "S6")
"""The layers whose output is a feature map, from the input on."""

_DROPOUT_RATE = 0.5


def build_lenet5(
    input_size: int = 32,
    n_classes: int = 2,
    dropout: bool = True,
    value_range: ValueRange = "zero_to_one",
) -> keras.Model:
    """Build LeNet-5 with fresh weights.

    Three blocks of a 3x3 convolution and a 2x2 max-pooling (6, 16 and 32 maps), a dense layer
    of 32 units and the output; 22,029 parameters at 32 px and two classes.

    Parameters
    ----------
    input_size
        Edge of the crops in px.
    n_classes
        Number of classes.
    dropout
        Whether half of the units before and after the dense layer are dropped in training.
    value_range
        What the first convolution sees; for "minus_one_to_one" the network rescales its input.

    Returns
    -------
    keras.Model
        Uncompiled; takes (n, input_size, input_size, 1) of 0 to 1. Gives (n, 1), the
        probability of class 1, for two classes and (n, n_classes) for more.
    """
    crops = keras.Input((input_size, input_size, 1), name="crops")
    x = crops
    if value_range == "minus_one_to_one":
        x = layers.Rescaling(2.0, -1.0, name="rescaling")(x)
    for convolution, pooling, maps in (("C1", "S2", 6), ("C3", "S4", 16), ("C5", "S6", 32)):
        x = layers.Conv2D(maps, 3, padding="same", activation="relu", name=convolution)(x)
        x = layers.MaxPooling2D(2, name=pooling)(x)
    x = layers.Flatten(name="flatten")(x)
    if dropout:
        x = layers.Dropout(_DROPOUT_RATE, name="dropout_flatten")(x)
    x = layers.Dense(32, activation="relu", name="F7")(x)
    if dropout:
        x = layers.Dropout(_DROPOUT_RATE, name="dropout_F7")(x)
    if n_classes == 2:
        outputs = layers.Dense(1, activation="sigmoid", name="output")(x)
    else:
        outputs = layers.Dense(n_classes, activation="softmax", name="output")(x)
    return keras.Model(crops, outputs, name="lenet5")


def from_settings(settings: NetworkSettings) -> keras.Model:
    """Build LeNet-5 from settings; see `build_lenet5`."""
    return build_lenet5(settings.input_size, settings.n_classes, settings.dropout, settings.value_range)
