"""The networks by name, our own and those that other packages add; light, so that a window may list them."""

import dataclasses
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.settings import IMAGENET, NO_WEIGHTS, NetworkSettings, TrainSettings
from napari_zircon_cnn.networks.spec import NetworkSpec

if TYPE_CHECKING:
    import keras

ENTRY_POINT_GROUP = "napari_zircon_cnn.networks"
"""Group under which another package names a `NetworkSpec` of its own."""

_ROOM = "napari_zircon_cnn.networks"
_OWN = {
    "alexnet": NetworkSpec(
        f"{_ROOM}.alexnet:build_alexnet",
        size_px=224,
        smallest_px=67,
        options=("dropout", "value_range", "activation"),
        title="AlexNet",
        about="Ten million parameters and crops of 224 px, trained from nothing: slow without a GPU.",
    ),
    "lenet5": NetworkSpec(
        f"{_ROOM}.lenet5:build_lenet5",
        options=(
            *("dropout", "value_range", "batch_normalisation", "activation"),
            *("padding", "stride", "kernel_size"),
        ),
        title="LeNet-5",
        about="The paper's small network, 22,029 parameters; quick on any computer.",
    ),
    "mlp": NetworkSpec(
        f"{_ROOM}.mlp:build_mlp",
        options=("dropout", "value_range", "activation"),
        title="MLP",
        about="The paper's baseline without convolutions: what a better network must beat.",
    ),
    "vgg16": NetworkSpec(
        f"{_ROOM}.vgg16:build_vgg16",
        size_px=224,
        smallest_px=32,
        options=("dropout",),
        pretrained=f"{_ROOM}.vgg16:load_imagenet",
        frozen_until=("average", "block5_conv2"),
        title="VGG-16",
        about="The paper's best network: it knows photographs and learns zircons in two stages; slow without "
        "a GPU, unless features are cached.",
    ),
}


@cache
def _foreign() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP) if entry.name not in _OWN}


def network_names() -> list[str]:
    """Return the names of the networks that can be built, in alphabetical order."""
    return sorted({*_OWN, *_foreign()})


def network_spec(name: str) -> NetworkSpec:
    """Return what must be known of a network before it is built.

    Parameters
    ----------
    name
        One of `network_names`.

    Returns
    -------
    NetworkSpec
        Its spec.

    Raises
    ------
    ZirconError
        Where no network has that name, or another package's entry point is broken.
    """
    if name in _OWN:
        return _OWN[name]
    if name not in _foreign():
        raise ZirconError(f"There is no network named {name!r}; choose one of {', '.join(network_names())}.")
    entry = _foreign()[name]
    try:
        spec = entry.load()
    except Exception as error:
        # Another package's module raises whatever it happens to raise.
        raise ZirconError(
            f"The network {name} of another package cannot be loaded ({entry.value}: {error}); "
            "update that package or choose another network."
        ) from error
    if not isinstance(spec, NetworkSpec):
        raise ZirconError(
            f"The network {name} of another package is no NetworkSpec ({entry.value}); "
            "update that package or choose another network."
        )
    return spec


def build_network(settings: NetworkSettings) -> "keras.Model":
    """Build a network with fresh weights.

    Parameters
    ----------
    settings
        Which network, for which crops and classes.

    Returns
    -------
    keras.Model
        Uncompiled; takes crops (n, size, size, 1) of 0 to 1 and gives (n, 1) for two classes,
        the probability of class 1, or (n, n_classes).

    Raises
    ------
    ZirconError
        Where no network has that name, or it does not suit the settings; see `check_network`.
    """
    check_network(settings)
    try:
        return function_named(network_spec(settings.network).builder)(settings)
    except ValueError as error:
        raise ZirconError(
            f"The network {settings.network} cannot be built for crops of {settings.input_size} px with "
            f"these settings; take larger crops, or a smaller kernel or stride ({error})."
        ) from error


def check_network(settings: NetworkSettings) -> None:
    """Refuse what a network cannot be built from, without building it.

    Parameters
    ----------
    settings
        Which network, for which crops and classes.

    Raises
    ------
    ZirconError
        Where no network has that name, the crops are too small for it, or it does not heed a setting
        that differs from its default.
    """
    spec = network_spec(settings.network)
    if settings.input_size < spec.smallest_px:
        raise ZirconError(
            f"The network {settings.network} takes crops of {spec.smallest_px} px or more, not of "
            f"{settings.input_size}; leave the size out for its {spec.size_px} px."
        )
    everywhere = {"network", "input_size", "n_classes", *spec.options}
    defaults = NetworkSettings()
    for name in {field.name for field in dataclasses.fields(settings)} - everywhere:
        if getattr(settings, name) != getattr(defaults, name):
            raise ZirconError(f"The network {settings.network} has no setting {name}; leave it as it is.")


def check_training(settings: TrainSettings, input_size: int) -> None:
    """Refuse settings that do not fit together or to the network, before a long training.

    Parameters
    ----------
    settings
        How to train.
    input_size
        Edge of the crops in px.

    Raises
    ------
    ZirconError
        Where they do not fit, or there is no file of that name for the pretrained weights.
    """
    check_network(settings.network_settings(input_size, n_classes=2))
    spec = network_spec(settings.network)
    if settings.class_weights and settings.balanced_batches:
        raise ZirconError(
            "Class weights and balanced batches both make up for a rare class; choose one of the two."
        )
    if settings.cached_features and not spec.frozen_until:
        raise ZirconError(
            f"The network {settings.network} has no frozen layers whose features could be cached; "
            "leave cached features out."
        )
    if settings.weights == IMAGENET:
        return
    if not spec.pretrained:
        raise ZirconError(
            f"The network {settings.network} starts from random weights; leave {settings.weights} out."
        )
    if settings.weights != NO_WEIGHTS and not Path(settings.weights).is_file():
        raise ZirconError(
            f"There is no file of weights {settings.weights}; check the path, or leave it out to download "
            "the weights."
        )


def total_epochs(settings: TrainSettings) -> int:
    """Return how many epochs a training has in all its stages, at most."""
    further = len(network_spec(settings.network).frozen_until) - 1
    return settings.epochs + max(0, further) * settings.fine_tuning_epochs


def function_named(path: str) -> Any:
    """Return the function that ``package.module:function`` names."""
    return EntryPoint(path, path, ENTRY_POINT_GROUP).load()
