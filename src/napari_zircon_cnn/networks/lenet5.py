"""LeNet-5 as modified by Nathwani et al. (2023)."""

import keras
from keras import layers

from napari_zircon_cnn.networks.blocks import crops_in, dense, dropped, probabilities_out
from napari_zircon_cnn.networks.settings import NetworkSettings


def build_lenet5(settings: NetworkSettings | None = None) -> keras.Model:
    """Build LeNet-5 with fresh weights.

    Three blocks of a 3x3 convolution and a 2x2 max-pooling (6, 16 and 32 maps), a dense layer
    of 32 units and the output; 22,029 parameters at 32 px and two classes.

    Parameters
    ----------
    settings
        The paper's by default. Dropout takes half of the units before and after the dense layer;
        batch normalisation follows each convolution; kernel, stride and padding are those of the
        convolutions.

    Returns
    -------
    keras.Model
        See `spec.NetworkSpec` for what goes in and out. The feature maps are C1, S2, C3, S4, C5
        and S6, the dense layer is F7.
    """
    settings = settings or NetworkSettings()
    crops, x = crops_in(settings)
    for convolution, pooling, maps in (("C1", "S2", 6), ("C3", "S4", 16), ("C5", "S6", 32)):
        x = layers.Conv2D(
            maps,
            settings.kernel_size,
            strides=settings.stride,
            padding=settings.padding,
            activation=settings.activation,
            name=convolution,
        )(x)
        if settings.batch_normalisation:
            x = layers.BatchNormalization(name=f"normalisation_{convolution}")(x)
        # What is left over at an edge counts, so that a single pixel is not pooled to none.
        x = layers.MaxPooling2D(2, padding="same", name=pooling)(x)
    x = dropped(layers.Flatten(name="flatten")(x), "flatten", settings)
    x = dense(x, 32, "F7", settings)
    return keras.Model(crops, probabilities_out(x, settings), name="lenet5")
