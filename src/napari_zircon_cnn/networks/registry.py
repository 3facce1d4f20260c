"""The networks by name, our own and those that other packages add; builds without knowing any."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.settings import NetworkSettings

if TYPE_CHECKING:
    import keras

ENTRY_POINT_GROUP = "napari_zircon_cnn.networks"
"""Group under which another package names a function from `NetworkSettings` to a Keras model."""

_OWN = {"lenet5": "napari_zircon_cnn.networks.lenet5:from_settings"}


@cache
def _builders() -> dict[str, EntryPoint]:
    foreign = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    own = {name: EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in _OWN.items()}
    return foreign | own


def network_names() -> list[str]:
    """Return the names of the networks that can be built, in alphabetical order."""
    return sorted(_builders())


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
        Where no network has that name.
    """
    if settings.network not in _builders():
        raise ZirconError(
            f"There is no network named {settings.network!r}; choose one of {', '.join(network_names())}."
        )
    return _builders()[settings.network].load()(settings)
