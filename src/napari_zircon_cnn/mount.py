"""The mount: one sample's mosaic as a grey image with its pixel size."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn import scratch
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grey import grey_of
from napari_zircon_cnn.mosaic_tiff import pixel_size_in_tiff, read_tiff
from napari_zircon_cnn.progress import Cancelled, Progress, silent

PAPER_PIXEL_SIZE_UM = 2.0
"""Pixel size of the mosaics of Nathwani et al. (2023), in µm."""

_LARGEST_PIXEL_UM = 1000.0
_TIFF_STARTS = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}
_PIXELS_AT_A_TIME = 2**20


@dataclass(frozen=True, eq=False)
class Mount:
    """One sample's mosaic.

    Parameters
    ----------
    image
        Grey values, shape (rows, columns), of the depth they were recorded with: uint8,
        uint16, uint32 or float32. Those of a large mosaic lie in a temporary file; see `scratch`.
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
        scaled = scratch.zeros(self.image.shape, np.uint8)
        for rows in scratch.row_blocks(self.image.shape, _PIXELS_AT_A_TIME):
            scaled[rows] = np.rint(self.unit_values((rows, slice(None))) * np.float32(255))
        return scaled


def read_mount(
    path: Path | str,
    *,
    pixel_size_um: float | None = None,
    sample: str | None = None,
    progress: Progress = silent,
) -> Mount:
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
    progress
        Told how much of a large TIFF is read; may raise `Cancelled`.

    Returns
    -------
    Mount
        The mosaic as a 2-D grey image of its own depth. That of a TIFF with more than 1 GiB of
        pixels is never in memory as a whole: it is decoded block by block into a temporary file.

    Raises
    ------
    ZirconError
        Where the file is missing, broken, not an image, in colour, a stack or holds NaN, or
        the pixel size is impossible; or where the disk has no room for a large one.
    """
    path = Path(path)
    if pixel_size_um is not None:
        check_pixel_size(pixel_size_um)
    image, white, found_pixel_size_um = _read(path, progress)
    if pixel_size_um is None:
        pixel_size_um = found_pixel_size_um or PAPER_PIXEL_SIZE_UM
    return Mount(image, pixel_size_um, sample or sample_name(path), white, path)


def pixel_size_in(path: Path | str) -> float | None:
    """Return what a mosaic's file says of the edge of a pixel in µm, or None where it says nothing.

    Parameters
    ----------
    path
        The mosaic; its pixels are not read.

    Returns
    -------
    float or None
        The edge of a pixel in µm.

    Raises
    ------
    ZirconError
        Where the file says that pixels are not square. What cannot be read says nothing.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            is_tiff = stream.read(4) in _TIFF_STARTS
        return pixel_size_in_tiff(path) if is_tiff else None
    except ZirconError:
        raise
    except Exception:
        # The decoders raise types of their own for a broken file; reading its pixels will tell.
        return None


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


def _read(path: Path, progress: Progress) -> tuple[NDArray[Any], float, float | None]:
    """Return the grey plane, its white level and the pixel size in µm."""
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise ZirconError(f"The mosaic {path} cannot be read ({error.strerror}); check its name.") from error
    try:
        if start.startswith(b"\x89PNG"):
            return *grey_of(imagecodecs.png_decode(path.read_bytes()), path), None
        if start.startswith(b"\xff\xd8"):
            return *grey_of(_decode_jpeg(path), path), None
        if start[:4] in _TIFF_STARTS:
            return read_tiff(path, progress)
    except (ZirconError, Cancelled):
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
