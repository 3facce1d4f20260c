"""The layers of a network that people look into: its feature maps, and the last one before the output.

They are found in the network itself, so that one from elsewhere or from an old file has them too.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.card import CONFIG_MEMBER, open_archive, read_member

if TYPE_CHECKING:
    import keras

_MAPS = {"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "MaxPooling2D", "AveragePooling2D"}


class NamedLayers(NamedTuple):
    """Names of layers.

    Parameters
    ----------
    feature_maps
        The layers whose output is feature maps, (n, rows, columns, maps), from the input on: the
        convolutions and poolings. Empty for a network without any.
    penultimate
        The layer whose output, (n, units), the output layer weighs; dropout is passed over.
    """

    feature_maps: tuple[str, ...]
    penultimate: str


def feature_map_layers(model: "keras.Model") -> tuple[str, ...]:
    """Return the names of the layers whose output is feature maps, from the input on.

    Parameters
    ----------
    model
        A network; C1, S2, C3, S4, C5 and S6 are those of LeNet-5.

    Returns
    -------
    tuple of str
        For `keras.Model(model.input, model.get_layer(name).output)`; empty for a network without.
    """
    return _named(_layers(model)).feature_maps


def penultimate_layer(model: "keras.Model") -> str:
    """Return the name of the layer whose output, (n, units), the output layer weighs; F7 of LeNet-5.

    Parameters
    ----------
    model
        A network.

    Returns
    -------
    str
        For `keras.Model(model.input, model.get_layer(name).output)`.
    """
    return _named(_layers(model)).penultimate


def layers_in_file(path: Path | str) -> NamedLayers:
    """Return the same names for a saved network without opening it, and without Keras.

    Parameters
    ----------
    path
        The .keras file.

    Returns
    -------
    NamedLayers
        The names.

    Raises
    ------
    ZirconError
        Where the file is missing or no Keras file, or not a network whose layers can be told.
    """
    path = Path(path)
    with open_archive(path) as archive:
        config = read_member(archive, CONFIG_MEMBER, path)
    try:
        layers = json.loads(config)["config"]["layers"]
        return _named([(layer["class_name"], layer["config"]["name"]) for layer in layers])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ZirconError(f"The layers of the network in {path} cannot be told; train anew.") from error


def _layers(model: "keras.Model") -> list[tuple[str, str]]:
    return [(type(layer).__name__, layer.name) for layer in model.layers]


def _named(layers: Iterable[tuple[str, str]]) -> NamedLayers:
    kinds_and_names = list(layers)
    maps = tuple(name for kind, name in kinds_and_names if kind in _MAPS)
    before_output = [name for kind, name in kinds_and_names[:-1] if kind != "Dropout"]
    return NamedLayers(maps, before_output[-1])
