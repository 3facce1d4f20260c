"""AlexNet as modified by Nathwani et al. (2023)."""

import keras
from keras import layers

from napari_zircon_cnn.networks.blocks import crops_in, dense, probabilities_out
from napari_zircon_cnn.networks.settings import NetworkSettings

# Name, maps, kernel, stride and padding of each convolution, and the pooling behind it, if any.
_CONVOLUTIONS = (
    ("C1", 96, 11, 4, "valid", "S1"),
    ("C2", 256, 5, 1, "same", "S2"),
    ("C3", 384, 3, 1, "same", ""),
    ("C4", 384, 3, 1, "same", ""),
    ("C5", 256, 3, 1, "same", "S5"),
)


def build_alexnet(settings: NetworkSettings) -> keras.Model:
    """Build AlexNet with fresh weights.

    Five convolutions with batch normalisation behind each and a 3x3 max-pooling behind the first,
    second and fifth; dense layers of 1,024 and 64 units and the output. 10,349,761 parameters at
    224 px and two classes, of which 10,347,009 are trained and the others are running means.

    Parameters
    ----------
    settings
        What it is built from. Dropout takes half of the units behind each dense layer.

    Returns
    -------
    keras.Model
        See `spec.NetworkSpec` for what goes in and out. The feature maps are C1, S1, C2, S2, C3,
        C4, C5 and S5, the dense layers F6 and F7.

    Notes
    -----
    After Krizhevsky et al. (2012), ImageNet classification with deep convolutional neural networks.
    """
    crops, x = crops_in(settings)
    for name, maps, kernel, stride, padding, pooling in _CONVOLUTIONS:
        x = layers.Conv2D(
            maps, kernel, strides=stride, padding=padding, activation=settings.activation, name=name
        )(x)
        x = layers.BatchNormalization(name=f"normalisation_{name}")(x)
        if pooling:
            x = layers.MaxPooling2D(3, strides=2, name=pooling)(x)
    x = layers.Flatten(name="flatten")(x)
    for units, name in ((1024, "F6"), (64, "F7")):
        x = dense(x, units, name, settings)
    return keras.Model(crops, probabilities_out(x, settings), name="alexnet")
