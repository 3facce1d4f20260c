"""Mosaics in TIFF, OME-TIFF and BigTIFF files: their grey plane and what they say of the pixel size."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn import scratch
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grey import Seen, ToGrey, grey_of
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.tiff_blocks import Region, each_block, has_blocks

# Resolution tags outside this range are a screen's or a printer's dots per inch, not a microscope's.
_PLAUSIBLE_PIXEL_UM = (0.005, 20.0)
_RELEASE_EVERY = 64

_UNIT_IN_UM = {
    "nm": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "inch": 25400.0,
    "m": 1e6,
}


def read_tiff(path: Path, progress: Progress = silent) -> tuple[NDArray[Any], float, float | None]:
    """Read a mosaic from a TIFF file.

    Parameters
    ----------
    path
        The file.
    progress
        Told how much of a large mosaic is read; may raise `Cancelled`.

    Returns
    -------
    tuple
        The grey plane, shape (rows, columns); the value that counts as white; and the edge of a
        pixel in µm, or None where the file says nothing of it. A large plane lies in a temporary
        file and was never in memory as a whole.

    Raises
    ------
    ZirconError
        Where the file holds something else than one grey plane of square pixels. A broken file
        raises what the decoders raise.
    """
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        sizes = dict(zip(series.axes, series.shape, strict=True))
        axes = "".join(axis for axis, size in sizes.items() if size > 1 or axis in "YX")
        if axes not in {"YX", "YXS", "SYX", "YXC", "CYX"}:
            raise ZirconError(
                f"{path} is a stack of the shape {series.shape} (axes {series.axes}); a mosaic is one plane, "
                "so export the plane that you want."
            )
        page = series.keyframe
        pixel_size_um = _pixel_size_of(tiff, path)
        is_inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        shape = tuple(sizes[axis] for axis in axes)
        is_large = scratch.is_large(math.prod(shape) * series.dtype.itemsize)
        if is_large and len(series.pages) == 1 and has_blocks(page, shape):
            to_grey = ToGrey(path, shape, series.dtype, is_inverted)
            return *_read_blocks(page, to_grey, progress), pixel_size_um
        out: Any = None
        if is_large:
            out = "memmap" if series.keyframe.is_memmappable else scratch.zeros(series.shape, series.dtype)
        pixels = series.asarray(out=out).reshape(shape)
        if axes[0] in "SC":
            pixels = np.moveaxis(pixels, 0, -1)
        return *grey_of(pixels, path, is_inverted=is_inverted, progress=progress), pixel_size_um


def pixel_size_in_tiff(path: Path) -> float | None:
    """Return the edge of a pixel in µm, or None where the file says nothing of it; reads no pixel."""
    with tifffile.TiffFile(path) as tiff:
        return _pixel_size_of(tiff, path)


def _pixel_size_of(tiff: tifffile.TiffFile, path: Path) -> float | None:
    return _pixel_size_from_ome(tiff, path) or _pixel_size_from_tags(tiff, tiff.series[0].keyframe, path)


def _read_blocks(page: tifffile.TiffPage, to_grey: ToGrey, progress: Progress) -> tuple[NDArray[Any], float]:
    """Return the grey plane of a page and its white level, with a few of its blocks in memory at once."""
    grey = scratch.zeros(to_grey.shape[:2], to_grey.depth)

    def work(pixels: NDArray[Any], region: Region) -> Seen:
        block, seen = to_grey.block(pixels if len(to_grey.shape) == 3 else pixels[..., 0])
        grey[region] = block
        return seen

    seen = Seen()
    for n, of_block in enumerate(each_block(page, work, progress)):
        seen = Seen.together([seen, of_block])
        if n % _RELEASE_EVERY == 0:
            scratch.release(grey)
    scratch.release(grey)
    return to_grey.finished(grey, seen)


def _pixel_size_from_ome(tiff: tifffile.TiffFile, path: Path) -> float | None:
    if not tiff.ome_metadata:
        return None
    image = tifffile.xml2dict(tiff.ome_metadata).get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    sizes = [
        float(pixels[f"PhysicalSize{axis}"])
        * _UNIT_IN_UM.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"), math.nan)
        for axis in "XY"
        if f"PhysicalSize{axis}" in pixels
    ]
    return _square_pixel(sizes, path)


def _pixel_size_from_tags(tiff: tifffile.TiffFile, page: Any, path: Path) -> float | None:
    if "XResolution" not in page.tags or "YResolution" not in page.tags:
        return None
    unit_tag = int(page.tags["ResolutionUnit"].value) if "ResolutionUnit" in page.tags else 2
    unit = {2: "inch", 3: "cm"}.get(unit_tag, "")
    if tiff.imagej_metadata:
        unit = str(tiff.imagej_metadata.get("unit", unit)).replace("\\u00B5", "µ")
    per_unit = [page.tags[f"{axis}Resolution"].value for axis in "XY"]
    sizes = [_UNIT_IN_UM.get(unit, math.nan) * low / high for high, low in per_unit if high]
    if not all(_PLAUSIBLE_PIXEL_UM[0] <= size <= _PLAUSIBLE_PIXEL_UM[1] for size in sizes):
        return None
    return _square_pixel(sizes, path)


def _square_pixel(sizes: list[float], path: Path) -> float | None:
    if not sizes or not all(math.isfinite(size) and size > 0 for size in sizes):
        return None
    if max(sizes) > 1.01 * min(sizes):
        raise ZirconError(
            f"{path} has pixels of {sizes[0]:g} x {sizes[1]:g} µm; resample it to square pixels first."
        )
    return sizes[0]
