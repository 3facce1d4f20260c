"""VGG-16 with the head of Nathwani et al. (2023), and its weights from ImageNet."""

import keras
from keras import layers

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.blocks import crops_in, dense, probabilities_out
from napari_zircon_cnn.networks.settings import IMAGENET, NetworkSettings

# What the weights from ImageNet expect: grey values to 255 about these means, blue, green and red.
_MEANS = (103.939, 116.779, 123.68)
_ADDRESS = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
)


def build_vgg16(settings: NetworkSettings) -> keras.Model:
    """Build VGG-16 with fresh weights.

    The thirteen convolutions and five poolings of VGG-16, a global average pooling to 512 values,
    dense layers of 128 and 32 units and the output: 14,784,513 parameters for two classes. The
    network itself repeats the grey channel and brings it to the range that ImageNet's weights expect.

    Parameters
    ----------
    settings
        What it is built from. Dropout takes half of the units behind each dense layer.

    Returns
    -------
    keras.Model
        See `spec.NetworkSpec` for what goes in and out. The feature maps are `block1_conv1` to
        `block5_pool`, the dense layers F6 and F7.

    Notes
    -----
    After Simonyan and Zisserman (2015), Very deep convolutional networks for large-scale image
    recognition; the layers are those of `keras.applications.VGG16`.
    """
    crops, x = crops_in(settings)
    x = layers.Concatenate(name="three_channels")([x, x, x])
    x = layers.Rescaling(255.0, [-mean for mean in _MEANS], name="preprocessing")(x)
    base = keras.applications.VGG16(include_top=False, weights=None, input_tensor=x)
    x = layers.GlobalAveragePooling2D(name="average")(base.output)
    for units, name in ((128, "F6"), (32, "F7")):
        x = dense(x, units, name, settings)
    return keras.Model(crops, probabilities_out(x, settings), name="vgg16")


def load_imagenet(model: keras.Model, weights: str) -> None:
    """Put weights from ImageNet into the convolutions.

    Parameters
    ----------
    model
        As `build_vgg16` gives it.
    weights
        `settings.IMAGENET` for Keras' own file, downloaded once and checked by its hash, or the
        path of a file of weights of the same layers.

    Raises
    ------
    ZirconError
        Where the file cannot be downloaded or holds other layers.
    """
    try:
        base = keras.applications.VGG16(include_top=False, weights=weights)
    except Exception as error:
        # Keras raises whatever the network or the file at fault happens to raise.
        if weights == IMAGENET:
            raise ZirconError(
                "The weights from ImageNet cannot be downloaded; connect to the network, or download "
                f"{_ADDRESS} elsewhere and name the file as the weights."
            ) from error
        raise ZirconError(
            f"{weights} holds no weights of VGG-16 without its top; choose another file or download it again."
        ) from error
    for layer in base.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())
