"""Layers and what they stand for: a mount as an image layer, and an image layer as a mount."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.types import LayerData
from napari.viewer import Viewer

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount, check_pixel_size, check_sample_name

METADATA = "zircon_cnn"
"""Key in a layer's metadata under which the facts lie that a layer has no place for."""

_UM_PER_METRE = 1e6
_FRAME = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def mount_layer(mount: Mount, *, is_assumed: bool = False) -> LayerData:
    """Return a mount as an image layer in µm, black at 0 and white at the mount's white.

    Parameters
    ----------
    mount
        The mount.
    is_assumed
        Whether nobody has said its pixel size, so that the user is asked to confirm it.

    Returns
    -------
    LayerData
        What napari makes the layer of.
    """
    facts = {"sample": mount.sample, "white": mount.white, "source": mount.source, "is_assumed": is_assumed}
    look = {
        "name": mount.sample,
        "colormap": "gray",
        "contrast_limits": (0, mount.white),
        "metadata": {METADATA: facts},
    }
    return mount.image, grid(mount) | look, "image"


def grid(mount: Mount) -> dict[str, Any]:
    """Return the keyword arguments that put a mount's layers in µm."""
    return {"scale": (mount.pixel_size_um,) * 2, "units": ("um", "um"), "axis_labels": ("y", "x")}


def frame_of(layer: Layer) -> dict[str, Any]:
    """Return the keyword arguments that put another layer exactly over a layer."""
    return {name: getattr(layer, name) for name in _FRAME}


@contextmanager
def selection_kept(viewer: Viewer) -> Iterator[None]:
    """Leave a viewer's layers selected that were so, since the active one has the mouse and the keys."""
    selection = viewer.layers.selection
    active, chosen = selection.active, set(selection)
    try:
        yield
    finally:
        there = {layer for layer in chosen if layer in viewer.layers}
        selection.clear()
        selection.update(there)
        if active is not None and active in viewer.layers:
            selection.active = active


def pixel_size_of(layer: Image) -> float | None:
    """Return an image layer's pixel size in µm, or None where its units are no lengths.

    Parameters
    ----------
    layer
        A 2-D image layer.

    Returns
    -------
    float or None
        The edge of a pixel in µm.

    Raises
    ------
    ZirconError
        Where the layer's pixels are not square.
    """
    units = layer.units[-2:]
    if not all(unit.is_compatible_with("metre") for unit in units):
        return None
    sizes = [
        abs(float(scale)) * (1 * unit).to("metre").magnitude * _UM_PER_METRE
        for scale, unit in zip(layer.scale[-2:], units, strict=True)
    ]
    if not math.isclose(*sizes, rel_tol=1e-3):
        raise ZirconError(
            f"The layer {layer.name!r} has pixels of {sizes[1]:g} x {sizes[0]:g} µm; "
            "give it the same scale in both directions."
        )
    return float(sizes[0])


def check_is_mosaic(layer: Layer) -> Image:
    """Return a layer that can be a mount, or say with a `ZirconError` why it cannot."""
    if not isinstance(layer, Image):
        # Not its type, which is that of the proxy that plugins get.
        kind = layer.__class__.__name__.lower()
        raise ZirconError(
            f"The layer {layer.name!r} is a {kind} layer; choose the image layer with the mosaic."
        )
    if layer.rgb:
        raise ZirconError(
            f"The layer {layer.name!r} is a colour picture; open the mosaic's file through "
            "Zircon CNN, which makes grey of equal channels, or convert it to grey."
        )
    if layer.ndim != 2:
        raise ZirconError(
            f"The layer {layer.name!r} has {layer.ndim} dimensions; a mosaic is one plane, "
            "so extract the plane that you want."
        )
    return layer


def mount_of(layer: Layer, *, pixel_size_um: float | None = None, sample: str | None = None) -> Mount:
    """Return the mount that an image layer shows.

    Parameters
    ----------
    layer
        The layer.
    pixel_size_um
        Edge of a pixel in µm; by default that of the layer's scale, where its units are lengths.
    sample
        Name of the sample; by default that of the file it was read from, or the layer's name.

    Returns
    -------
    Mount
        The mount; its image is the layer's own array where that has a depth that mounts have.

    Raises
    ------
    ZirconError
        Where the layer is no grey plane or its pixel size is not known.
    """
    image = check_is_mosaic(layer)
    known = image.metadata.get(METADATA, {})
    size = pixel_size_um if pixel_size_um is not None else pixel_size_of(image)
    if size is None:
        raise ZirconError(f"The pixel size of {image.name!r} is not known; give it in µm.")
    check_pixel_size(size)
    name = sample or known.get("sample") or image.name
    check_sample_name(name)
    pixels = np.asarray(image.data[0] if image.multiscale else image.data)
    grey, white = _supported(pixels, image.name)
    source = known.get("source")
    return Mount(grey, size, name, known.get("white", white), Path(source) if source else None)


def _supported(pixels: np.ndarray, name: str) -> tuple[np.ndarray, float]:
    """Return pixels of a depth that a mount may have, and the value that counts as white."""
    if pixels.dtype.kind not in "uifb":
        raise ZirconError(f"The layer {name!r} holds {pixels.dtype} values; a mosaic is grey.")
    if pixels.dtype == np.uint8:
        return pixels, 255.0
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255), 255.0
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ZirconError(f"The layer {name!r} holds NaN or infinite values; replace them by 0.")
    if float(pixels.min()) < 0:
        raise ZirconError(f"The layer {name!r} holds negative grey values; shift them to 0 and above.")
    brightest = float(pixels.max())
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False), 1.0 if brightest <= 1 else brightest
    white = next((level for level in (255.0, 4095.0, 65535.0) if brightest <= level), brightest)
    return pixels.astype(np.uint16 if brightest < 2**16 else np.uint32, copy=False), white
