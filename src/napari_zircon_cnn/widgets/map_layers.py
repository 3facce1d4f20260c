"""The layers that lie over the mount to show what a network sees: one over a grain, one over all grains."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import Colormap, ensure_colormap
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_zircon_cnn.placement import Placement, layer_transform
from napari_zircon_cnn.widgets.layers import METADATA, frame_of, selection_kept
from napari_zircon_cnn.widgets.napari_window import lay_out_layer_list
from napari_zircon_cnn.widgets.open_sample import OpenSample

GRAIN_LAYER = "map over the grain"
SAMPLE_LAYER = "saliency of all grains"

# The hue stays where little is seen of it, or weak values would only make the grain pale.
_BLUE, _RED = (0.20, 0.45, 1.00), (1.00, 0.25, 0.15)
_COLOURS = [(*_BLUE, 1.0), (*_BLUE, 0.85), (*_BLUE, 0.0), (*_RED, 0.0), (*_RED, 0.85), (*_RED, 1.0)]
_CONTROLS = [0.0, 0.25, 0.495, 0.505, 0.75, 1.0]
_STRONG_PERCENT = 99
_OPACITY = 0.85


class Look(NamedTuple):
    """How the values of a map become colours.

    Parameters
    ----------
    colormap
        The colours.
    limits
        The values that have the first and the last of them.
    """

    colormap: Colormap
    limits: tuple[float, float]


def map_look(values: NDArray[np.float32]) -> Look:
    """Return the look of a feature map: viridis over its own full range, as in figure 11 of the paper."""
    low, high = float(values.min()), float(values.max())
    return Look(ensure_colormap("viridis"), (low, high if high > low else low + 1))


def saliency_look(values: NDArray[np.float32]) -> Look:
    """Return the look of a saliency map: red for the class, blue against it, clear where it is near 0.

    The strongest hundredth of what is not 0 has the full colours.
    """
    sizes = np.abs(values[values != 0])
    strong = float(np.percentile(sizes, _STRONG_PERCENT)) if sizes.size else 1.0
    colours = Colormap(_COLOURS, controls=_CONTROLS, name="zircon saliency", display_name="for and against")
    return Look(colours, (-strong, strong))


class MapLayers:
    """Shows and removes the layers; each is there once and changed in place, whatever grain it is about.

    They lie below the grains that are picked, and whichever layer was active stays so.

    Parameters
    ----------
    viewer
        The viewer.
    on_removed
        Called with the name of a layer that the user has removed.
    """

    def __init__(self, viewer: Viewer, on_removed: Callable[[str], None]) -> None:
        self._viewer = viewer
        self._on_removed = on_removed
        self._shown: dict[str, Image] = {}
        viewer.layers.events.removed.connect(self._on_layer_removed)

    @property
    def grain(self) -> Image | None:
        """The layer over the grain, if there is one."""
        return self._shown.get(GRAIN_LAYER)

    @property
    def sample(self) -> Image | None:
        """The layer over all grains, if there is one."""
        return self._shown.get(SAMPLE_LAYER)

    def show_grain(
        self, sample: OpenSample, values: NDArray[np.float32], placement: Placement, look: Look
    ) -> None:
        """Show a map over its grain.

        Parameters
        ----------
        sample
            The sample that the grain belongs to.
        values
            The map, shape (rows, columns).
        placement
            Where it lies on the mosaic.
        look
            Its colours.
        """
        frame = frame_of(sample.image)
        shear = float(np.ravel(sample.image.shear)[0])
        frame["scale"], frame["translate"] = layer_transform(
            placement, frame["scale"], frame["translate"], frame["rotate"], shear
        )
        self._show(GRAIN_LAYER, sample, values, frame, look)

    def show_sample(self, sample: OpenSample, values: NDArray[np.float32], look: Look) -> None:
        """Show an image of the mosaic's shape over all grains of a sample."""
        self._show(SAMPLE_LAYER, sample, values, frame_of(sample.image), look)

    def hide(self, *names: str) -> None:
        """Remove layers, all of ours where none is named."""
        for name in names or tuple(self._shown):
            layer = self._shown.pop(name, None)
            if layer is not None and layer in self._viewer.layers:
                with selection_kept(self._viewer):
                    self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Remove the layers and heed the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.hide()

    def _show(
        self,
        name: str,
        sample: OpenSample,
        values: NDArray[np.float32],
        frame: dict[str, Any],
        look: Look,
    ) -> None:
        layer = self._shown.get(name)
        if layer is None:
            with selection_kept(self._viewer):
                layer = self._viewer.add_image(
                    # Its pixels are written over, and others hold the map too.
                    values.copy(),
                    name=name,
                    colormap=look.colormap,
                    contrast_limits=look.limits,
                    interpolation2d="nearest",
                    opacity=_OPACITY,
                    metadata={METADATA: {"is_map": True}},
                    **frame,
                )
                self._shown[name] = layer
        else:
            self._change(layer, values, frame | {"colormap": look.colormap}, look.limits)
        self._put_below(sample, layer)
        lay_out_layer_list(self._viewer)

    def _change(
        self, layer: Image, values: NDArray[np.float32], traits: dict[str, Any], limits: tuple[float, float]
    ) -> None:
        """Show other values elsewhere; after most of a layer's changes napari looks at all layers."""
        with self._steps_kept():
            if layer.data.shape == values.shape:
                layer.data[...] = values
            else:
                layer.data = values.copy()
            for key, value in traits.items():
                if not _is_same(getattr(layer, key), value):
                    setattr(layer, key, value)
            layer.contrast_limits = limits
            layer.refresh(extent=False)

    @contextmanager
    def _steps_kept(self) -> Iterator[None]:
        """Have no layer drawn anew where a crop reaches over the mosaic's edge or has the smallest pixels.

        napari's axes then have other ends or steps, which do not matter along the axes that are seen.
        """
        dims = self._viewer.dims
        if not {dims.ndim - 2, dims.ndim - 1} <= set(dims.displayed):
            yield
            return
        with dims.events.current_step.blocker(), dims.events.point.blocker():
            yield

    def _put_below(self, sample: OpenSample, layer: Image) -> None:
        """Put a layer between the colours of the grains and the grains that are picked."""
        layers = self._viewer.layers
        if sample.grains not in layers or sample.colours not in layers:
            return
        if layers.index(sample.colours) < layers.index(layer) < layers.index(sample.grains):
            return
        over_all = layer.name == SAMPLE_LAYER
        place = layers.index(sample.colours) + 1 if over_all else layers.index(sample.grains)
        with selection_kept(self._viewer):
            layers.move(layers.index(layer), place)

    def _on_layer_removed(self, event: Any) -> None:
        for name, layer in list(self._shown.items()):
            if event.value == layer:
                del self._shown[name]
                self._on_removed(name)


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two values of an attribute of layers are the same."""
    # An affine transform compares by identity.
    one, other = (getattr(value, "affine_matrix", value) for value in (one, other))
    return bool(np.all(one == other))
