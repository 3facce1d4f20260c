"""Which layers of a network give maps, and where their pixels lie on the crop."""

from typing import Any

import keras
from keras import layers

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.layers import feature_map_layers
from napari_zircon_cnn.placement import MapGrid

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
_POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)


def map_layers(model: keras.Model) -> tuple[str, ...]:
    """Return the names of a network's convolutions and poolings, from the input on.

    Parameters
    ----------
    model
        The network.

    Returns
    -------
    tuple of str
        The names; C1, S2, C3, S4, C5 and S6 for LeNet-5.

    Raises
    ------
    ZirconError
        Where the network has no convolution.
    """
    names = feature_map_layers(model)
    if not any(isinstance(model.get_layer(name), _CONVOLUTIONS) for name in names):
        raise ZirconError(
            f"The network {model.name} has no convolutions, so it makes no maps that could be shown; choose "
            "a network such as lenet5, or occlusion, which needs none."
        )
    return names


def chosen_layers(model: keras.Model, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the layers of some names, or all where none is named; unknown ones are a `ZirconError`."""
    known = map_layers(model)
    for name in names:
        if name not in known:
            raise ZirconError(
                f"The network {model.name} has no layer {name} with maps; it has {', '.join(known)}."
            )
    return names or known


def last_convolution(model: keras.Model) -> str:
    """Return the name of a network's last convolution; a `ZirconError` says that there is none."""
    known = map_layers(model)
    return next(name for name in reversed(known) if isinstance(model.get_layer(name), _CONVOLUTIONS))


def map_grid(model: keras.Model, name: str) -> MapGrid:
    """Return where the pixels of a layer's maps lie on the crop.

    Parameters
    ----------
    model
        The network.
    name
        One of its `map_layers`.

    Returns
    -------
    MapGrid
        Each pixel's centre is that of the part of the crop that it sees.

    Raises
    ------
    ZirconError
        Where a layer before it moves pixels in a way that is not known.
    """
    produced_by = {id(layer.output): layer for layer in model.layers}
    return _grid_of(model.get_layer(name).output, produced_by)


def _grid_of(tensor: Any, produced_by: dict[int, Any]) -> MapGrid:
    layer = produced_by.get(id(tensor))
    shape = (int(tensor.shape[1]), int(tensor.shape[2]))
    if layer is None or isinstance(layer, layers.InputLayer):
        return MapGrid(shape)
    source = layer.input[0] if isinstance(layer.input, list) else layer.input
    before = _grid_of(source, produced_by)
    pairs = [_step_of(layer, axis, before.shape[axis], shape[axis]) for axis in (0, 1)]
    offsets, steps = zip(*pairs, strict=True)
    return before.then(shape, offsets, steps)


def _step_of(layer: Any, axis: int, n_in: int, n_out: int) -> tuple[float, float]:
    """Return where a layer's first pixel lies on its input along an axis, and the step to the next."""
    if isinstance(layer, _CONVOLUTIONS):
        reach = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        return _window(reach, layer.strides[axis], layer.padding, n_in, n_out)
    if isinstance(layer, _POOLINGS):
        return _window(layer.pool_size[axis], layer.strides[axis], layer.padding, n_in, n_out)
    if isinstance(layer, layers.ZeroPadding2D):
        return -float(layer.padding[axis][0]), 1.0
    if isinstance(layer, layers.Resizing):
        step = n_in / n_out
        return step / 2 - 0.5, step
    if n_in == n_out:
        return 0.0, 1.0
    raise ZirconError(
        f"It is not known where the pixels of the layer {layer.name} lie on the crop, so its maps cannot be "
        "laid over the grain; choose a layer before it."
    )


def _window(reach: int, step: int, padding: str, n_in: int, n_out: int) -> tuple[float, float]:
    # What "same" adds is split evenly; the odd pixel goes to the far side.
    added = max((n_out - 1) * step + reach - n_in, 0) if padding == "same" else 0
    return (reach - 1) / 2 - added // 2, float(step)
