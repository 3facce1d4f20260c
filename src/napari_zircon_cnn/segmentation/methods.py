"""The segmentation methods by name: each is a function from mount and parameters to a label image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.nathwani2023 import CannyParameters, segment_canny
from napari_zircon_cnn.segmentation.size_gate import too_small
from napari_zircon_cnn.settings import validated


@dataclass(frozen=True)
class Method:
    """A segmentation method.

    Parameters
    ----------
    function
        Called as ``function(mount, parameters, progress)``; returns the label image.
    parameters
        The validated dataclass of its parameters; each has a default.
    gate
        Called as ``gate(table, parameters)`` with the grain table; returns the reason by label
        of those objects that do not count.
    """

    function: Callable[[Mount, Any, Progress], NDArray[np.int32]]
    parameters: type[Any]
    gate: Callable[[pd.DataFrame, Any], dict[int, str]] = lambda table, parameters: {}  # noqa: ARG005


def _adaptive(mount: Mount, parameters: AdaptiveParameters, progress: Progress) -> NDArray[np.int32]:
    # Numba, which its loops are compiled by, takes a while to load.
    from napari_zircon_cnn.segmentation.adaptive import segment_adaptive

    return segment_adaptive(mount, parameters, progress)


METHODS: dict[str, Method] = {
    "adaptive": Method(_adaptive, AdaptiveParameters, too_small),
    "nathwani2023": Method(segment_canny, CannyParameters),
}
DEFAULT_METHOD = "adaptive"


def parameters_for(method: str, values: Mapping[str, Any]) -> Any:
    """Return a method's validated parameters.

    Parameters
    ----------
    method
        Name of the method, a key of `METHODS`.
    values
        The parameters that differ from the defaults, by name.

    Returns
    -------
    object
        An instance of the method's dataclass.

    Raises
    ------
    ZirconError
        Where the method or a parameter is unknown or a value out of range.
    """
    if method not in METHODS:
        raise ZirconError(f"There is no segmentation method {method!r}; there are {', '.join(METHODS)}.")
    return validated(METHODS[method].parameters, values)


def segment(
    mount: Mount,
    method: str = DEFAULT_METHOD,
    values: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> NDArray[np.int32]:
    """Find the grains of a mount.

    Parameters
    ----------
    mount
        The mosaic.
    method
        Name of the method, a key of `METHODS`.
    values
        The parameters that differ from the method's defaults, by name.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        The label image; 0 is background.

    Raises
    ------
    ZirconError
        As `parameters_for` and the method do.
    """
    parameters = parameters_for(method, values or {})
    return METHODS[method].function(mount, parameters, progress)
