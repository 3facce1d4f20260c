"""The mount: one sample's mosaic as a grey image with its pixel size."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError

PAPER_PIXEL_SIZE_UM = 2.0
"""Pixel size of the mosaics of Nathwani et al. (2023), in µm."""

# Resolution tags outside this range are a screen's or a printer's dots per inch, not a microscope's.
_PLAUSIBLE_PIXEL_UM = (0.005, 20.0)
_LARGEST_PIXEL_UM = 1000.0
_WHITE_LEVELS = (255.0, 4095.0, 65535.0, 4294967295.0)
_ROWS_AT_A_TIME = 512
# JPEG and screenshots leave grey pictures with channels that differ a little; colour differs far more.
_COLOUR_SHARE_OF_WHITE = 0.02

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


@dataclass(frozen=True, eq=False)
class Mount:
    """One sample's mosaic.

    Parameters
    ----------
    image
        Grey values, shape (rows, columns), of the depth they were recorded with: uint8,
        uint16, uint32 or float32.
    pixel_size_um
        Edge of a pixel in µm.
    sample
        Name of the sample.
    white
        The grey value that counts as full brightness (255 for 8-bit data).
    source
        The file that the image was read from, if any.

    Raises
    ------
    ZirconError
        Where the image is not 2-D, the pixel size impossible or the sample's name unusable.
    """

    image: NDArray[Any]
    pixel_size_um: float
    sample: str
    white: float = 255.0
    source: Path | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 2 or 0 in self.image.shape:
            raise ZirconError(
                f"The image of {self.sample} has the shape {self.image.shape}; a mount is one grey plane."
            )
        check_pixel_size(self.pixel_size_um)
        check_sample_name(self.sample)

    def unit_values(self, region: tuple[slice, slice]) -> NDArray[np.float32]:
        """Return a region's grey values scaled so that black is 0 and `white` is 1."""
        values = self.image[region].astype(np.float32) / np.float32(self.white)
        return np.clip(values, 0, 1, out=values)

    def as_uint8(self) -> NDArray[np.uint8]:
        """Return the whole image scaled to 0 to 255; 8-bit data are returned as they are, not copied."""
        if self.image.dtype == np.uint8:
            return self.image
        scaled = np.empty(self.image.shape, np.uint8)
        for rows in _row_blocks(self.image.shape[0]):
            scaled[rows] = np.rint(self.unit_values((rows, slice(None))) * np.float32(255))
        return scaled


def read_mount(path: Path | str, *, pixel_size_um: float | None = None, sample: str | None = None) -> Mount:
    """Read a mosaic from a PNG, TIFF, OME-TIFF, BigTIFF or JPEG file.

    RGB with equal channels becomes grey without loss. 16-bit values that are all 8-bit values
    times 257, as in the paper's PNGs, become those 8-bit values. Full brightness is the
    smallest of 255, 4095, 65535 and 4294967295 that holds the brightest pixel (1 for floats
    within 0 to 1).

    Parameters
    ----------
    path
        The mosaic.
    pixel_size_um
        Edge of a pixel in µm; by default what the OME metadata or the TIFF resolution tags say
        and, where they say nothing, 2 µm as in Nathwani et al. (2023).
    sample
        Name of the sample; by default the file's name without its suffixes.

    Returns
    -------
    Mount
        The mosaic as a 2-D grey image of its own depth.

    Raises
    ------
    ZirconError
        Where the file is missing, broken, not an image, in colour, a stack or holds NaN, or
        the pixel size is impossible.
    """
    path = Path(path)
    if pixel_size_um is not None:
        check_pixel_size(pixel_size_um)
    pixels, found_pixel_size_um = _read(path)
    image, white = _to_grey(pixels, path)
    if pixel_size_um is None:
        pixel_size_um = found_pixel_size_um or PAPER_PIXEL_SIZE_UM
    return Mount(image, pixel_size_um, sample or sample_name(path), white, path)


def sample_name(path: Path) -> str:
    """Return the sample's name that a file name stands for: `QVC028.ome.tif` is QVC028."""
    return re.sub(r"(\.ome)?\.[^.]+$", "", path.name, flags=re.IGNORECASE)


def check_sample_name(sample: str) -> None:
    """Raise a `ZirconError` where a sample's name cannot be the name of a folder."""
    if not sample.strip() or sample in {".", ".."} or re.search(r'[/\\:*?"<>|\x00-\x1f]', sample):
        raise ZirconError(
            f"The sample name {sample!r} cannot name a folder; use letters, digits, spaces, '-', '_' and '.'."
        )


def check_pixel_size(pixel_size_um: float) -> None:
    """Raise a `ZirconError` where a pixel size in µm is impossible."""
    if not (math.isfinite(pixel_size_um) and 0 < pixel_size_um <= _LARGEST_PIXEL_UM):
        raise ZirconError(
            f"A pixel size of {pixel_size_um:g} µm is impossible; give the edge of a pixel in µm "
            f"(the paper's mosaics have {PAPER_PIXEL_SIZE_UM:g})."
        )


def _read(path: Path) -> tuple[NDArray[Any], float | None]:
    """Return the pixels, shape (rows, columns) or (rows, columns, channels), and the pixel size in µm."""
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise ZirconError(f"The mosaic {path} cannot be read ({error.strerror}); check its name.") from error
    try:
        if start.startswith(b"\x89PNG"):
            return imagecodecs.png_decode(path.read_bytes()), None
        if start.startswith(b"\xff\xd8"):
            return _decode_jpeg(path), None
        if start[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
            return _read_tiff(path)
    except ZirconError:
        raise
    except Exception as error:
        # The decoders raise types of their own, ValueError, struct.error and more for a broken file.
        raise ZirconError(f"The mosaic {path} is broken or cut short ({error}); export it again.") from error
    raise ZirconError(f"{path} is not an image that can be read; give a PNG, TIFF or JPEG file.")


def _decode_jpeg(path: Path) -> NDArray[Any]:
    encoded = path.read_bytes()
    # The decoder fills what is missing with grey and says nothing, so look for the end mark ourselves.
    if b"\xff\xd9" not in encoded[-4096:]:
        raise ZirconError(f"The mosaic {path} is broken or cut short; export it again.")
    pixels: NDArray[Any] = imagecodecs.jpeg_decode(encoded)
    return pixels


def _read_tiff(path: Path) -> tuple[NDArray[Any], float | None]:
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        sizes = dict(zip(series.axes, series.shape, strict=True))
        axes = "".join(axis for axis, size in sizes.items() if size > 1 or axis in "YX")
        if axes not in {"YX", "YXS", "SYX", "YXC", "CYX"}:
            raise ZirconError(
                f"{path} is a stack of the shape {series.shape} (axes {series.axes}); a mosaic is one plane, "
                "so export the plane that you want."
            )
        pixels = series.asarray().reshape([sizes[axis] for axis in axes])
        if axes[0] in "SC":
            pixels = np.moveaxis(pixels, 0, -1)
        page = series.keyframe
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
            pixels = np.iinfo(pixels.dtype).max - pixels
        return pixels, _pixel_size_from_ome(tiff, path) or _pixel_size_from_tags(tiff, page, path)


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


def _to_grey(pixels: NDArray[Any], path: Path) -> tuple[NDArray[Any], float]:
    """Return the pixels as a 2-D array of an own depth, and the value that counts as white."""
    if pixels.ndim not in {2, 3} or (pixels.ndim == 3 and pixels.shape[2] not in {1, 2, 3, 4}):
        raise ZirconError(f"{path} has the shape {pixels.shape}; a mosaic is one grey or RGB plane.")
    pixels = _to_supported_depth(pixels, path)
    if pixels.ndim == 3:
        # One channel, or two of which the second is alpha, are grey already.
        pixels = pixels[..., 0] if pixels.shape[2] < 3 else _mean_of_channels(pixels[..., :3], path)
    if pixels.dtype.kind == "f" and not all(
        np.isfinite(pixels[rows]).all() for rows in _row_blocks(len(pixels))
    ):
        raise ZirconError(
            f"{path} holds NaN or infinite values; replace them, by 0 for what was not scanned."
        )
    if pixels.dtype == np.uint16 and not any((pixels[rows] % 257).any() for rows in _row_blocks(len(pixels))):
        eight_bit = np.empty(pixels.shape, np.uint8)
        for rows in _row_blocks(len(pixels)):
            eight_bit[rows] = pixels[rows] >> 8
        pixels = eight_bit
    return np.ascontiguousarray(pixels), _white_level(pixels)


def _to_supported_depth(pixels: NDArray[Any], path: Path) -> NDArray[Any]:
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "f" and pixels.dtype.itemsize <= 8:
        return pixels.astype(np.float32, copy=False)
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 4:
        if pixels.min() < 0:
            raise ZirconError(f"{path} holds negative grey values; export it with values from 0 upwards.")
        return pixels.astype(np.dtype(f"u{pixels.dtype.itemsize}"), copy=False)
    raise ZirconError(f"{path} holds {pixels.dtype} values; export it as 8, 16 or 32-bit grey.")


def _mean_of_channels(pixels: NDArray[Any], path: Path) -> NDArray[Any]:
    grey = np.empty(pixels.shape[:2], pixels.dtype)
    difference = 0.0
    for rows in _row_blocks(len(pixels)):
        block = pixels[rows]
        if (block == block[..., :1]).all():
            grey[rows] = block[..., 0]
        else:
            difference += float(np.ptp(block.astype(np.float64), axis=2).sum())
            mean = block.mean(axis=2, dtype=np.float64)
            grey[rows] = mean if grey.dtype.kind == "f" else np.rint(mean)
    if difference / grey.size > _COLOUR_SHARE_OF_WHITE * max(_white_level(grey), 1e-30):
        raise ZirconError(
            f"{path} is a colour picture; a CL mosaic is grey, so convert it to grey if it really is one."
        )
    return grey


def _white_level(grey: NDArray[Any]) -> float:
    if grey.dtype == np.uint8:
        return 255.0
    brightest = float(grey.max())
    if grey.dtype.kind == "f" and brightest <= 1.0:
        return 1.0
    return next((level for level in _WHITE_LEVELS if brightest <= level), brightest)


def _row_blocks(n_rows: int) -> list[slice]:
    """Return slices of a few rows each, so that temporary arrays stay small on a large mosaic."""
    return [slice(start, start + _ROWS_AT_A_TIME) for start in range(0, n_rows, _ROWS_AT_A_TIME)]
