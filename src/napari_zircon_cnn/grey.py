"""A mosaic's pixels, whatever their depth and channels, to one grey plane."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn import scratch
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Progress, silent

_WHITE_LEVELS = (255.0, 4095.0, 65535.0, 4294967295.0)
_PIXELS_AT_A_TIME = 2**21
# JPEG and screenshots leave grey pictures with channels that differ a little; colour differs far more.
_COLOUR_SHARE_OF_WHITE = 0.02
_LOOKED_AT_FIRST = 16


@dataclass(frozen=True)
class Seen:
    """What was seen in some of a mosaic's pixels.

    Parameters
    ----------
    brightest
        The highest grey value.
    colour
        The sum over the pixels of the difference between their channels.
    is_times_257
        Whether each value is an 8-bit value times 257.
    """

    brightest: float = 0.0
    colour: float = 0.0
    is_times_257: bool = True

    @classmethod
    def together(cls, parts: Iterable["Seen"]) -> "Seen":
        """Return what was seen in several parts."""
        seen = cls()
        for part in parts:
            seen = cls(
                max(seen.brightest, part.brightest),
                seen.colour + part.colour,
                seen.is_times_257 and part.is_times_257,
            )
        return seen


@dataclass(frozen=True)
class ToGrey:
    """Turns the pixels of one mosaic to grey, block by block in any order.

    Parameters
    ----------
    path
        The mosaic's file, for what errors say.
    shape, dtype
        Those of its pixels: (rows, columns) or (rows, columns, channels).
    is_inverted
        Whether 0 stands for white.

    Raises
    ------
    ZirconError
        Where such pixels are no grey mosaic.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_inverted: bool = False

    def __post_init__(self) -> None:
        if len(self.shape) not in {2, 3} or (len(self.shape) == 3 and self.shape[2] not in {1, 2, 3, 4}):
            raise ZirconError(f"{self.path} has the shape {self.shape}; a mosaic is one grey or RGB plane.")
        if not (
            self.dtype == bool
            or (self.dtype.kind == "f" and self.dtype.itemsize <= 8)
            or (self.dtype.kind in "iu" and self.dtype.itemsize <= 4)
        ):
            raise ZirconError(f"{self.path} holds {self.dtype} values; export it as 8, 16 or 32-bit grey.")

    @property
    def depth(self) -> np.dtype[Any]:
        """The type of the grey values."""
        if self.dtype == bool:
            return np.dtype(np.uint8)
        return np.dtype(np.float32) if self.dtype.kind == "f" else np.dtype(f"u{self.dtype.itemsize}")

    def block(self, pixels: NDArray[Any]) -> tuple[NDArray[Any], Seen]:
        """Turn a block of pixels to grey.

        Parameters
        ----------
        pixels
            Shape (rows, columns) or (rows, columns, channels).

        Returns
        -------
        tuple
            The grey values, shape (rows, columns), of the type `depth`; and what was seen.

        Raises
        ------
        ZirconError
            Where a value is negative, NaN or infinite.
        """
        if self.is_inverted and pixels.dtype.kind == "u":
            pixels = np.iinfo(pixels.dtype).max - pixels
        pixels = self._of_depth(pixels)
        colour = 0.0
        if pixels.ndim == 3:
            # One channel, or two of which the second is alpha, are grey already.
            pixels, colour = (
                (pixels[..., 0], 0.0) if pixels.shape[2] < 3 else _mean_of_channels(pixels[..., :3])
            )
        if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
            raise ZirconError(
                f"{self.path} holds NaN or infinite values; replace them, by 0 for what was not scanned."
            )
        brightest = 255.0 if pixels.dtype == np.uint8 else float(pixels.max(initial=0))
        return pixels, Seen(brightest, colour, _is_times_257(pixels))

    def finished(self, grey: NDArray[Any], seen: Seen) -> tuple[NDArray[Any], float]:
        """Return the mosaic's grey plane and its white level, once all blocks are grey.

        Parameters
        ----------
        grey
            The whole mosaic in grey.
        seen
            What was seen in all blocks together.

        Returns
        -------
        tuple
            The plane, of 8 bits where no value needs more; and the value that counts as white.

        Raises
        ------
        ZirconError
            Where the mosaic is a colour picture.
        """
        white = _white_level(grey.dtype, seen.brightest)
        if seen.colour / grey.size > _COLOUR_SHARE_OF_WHITE * max(white, 1e-30):
            raise ZirconError(
                f"{self.path} is a colour picture; a CL mosaic is grey, "
                "so convert it to grey if it really is one."
            )
        if grey.dtype == np.uint16 and seen.is_times_257:
            eight_bit = scratch.zeros(grey.shape, np.uint8)
            for rows in scratch.row_blocks(grey.shape, _PIXELS_AT_A_TIME):
                eight_bit[rows] = grey[rows] >> 8
                scratch.release(grey)
            return eight_bit, 255.0
        return np.ascontiguousarray(grey), white

    def _of_depth(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if pixels.dtype == bool:
            return pixels.astype(np.uint8) * np.uint8(255)
        if pixels.dtype.kind == "i" and pixels.min(initial=0) < 0:
            raise ZirconError(
                f"{self.path} holds negative grey values; export it with values from 0 upwards."
            )
        return pixels.astype(self.depth, copy=False)


def grey_of(
    pixels: NDArray[Any], path: Path, *, is_inverted: bool = False, progress: Progress = silent
) -> tuple[NDArray[Any], float]:
    """Turn a whole mosaic to grey.

    Parameters
    ----------
    pixels
        Shape (rows, columns) or (rows, columns, channels).
    path
        The mosaic's file, for what errors say.
    is_inverted
        Whether 0 stands for white.
    progress
        Told of each block of rows; may raise `Cancelled`.

    Returns
    -------
    tuple
        The grey plane, of an own depth; and the value that counts as white.

    Raises
    ------
    ZirconError
        Where the pixels are no grey mosaic.
    """
    to_grey = ToGrey(path, pixels.shape, pixels.dtype, is_inverted)
    is_grey = pixels.ndim == 2 and pixels.dtype == to_grey.depth and not is_inverted
    grey = pixels if is_grey else scratch.zeros(pixels.shape[:2], to_grey.depth)
    seen = []
    for rows in scratch.row_blocks(pixels.shape, _PIXELS_AT_A_TIME):
        block, of_block = to_grey.block(pixels[rows])
        if not is_grey:
            grey[rows] = block
            scratch.release(grey)
        scratch.release(pixels)
        seen.append(of_block)
        progress(rows.stop / len(pixels), f"read {rows.stop} of {len(pixels)} rows")
    return to_grey.finished(grey, Seen.together(seen))


def _is_times_257(pixels: NDArray[Any]) -> bool:
    if pixels.dtype != np.uint16:
        return False
    # A few rows tell of most mosaics that they need their 16 bits.
    return not (pixels[::_LOOKED_AT_FIRST] % 257).any() and not (pixels % 257).any()


def _mean_of_channels(pixels: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Return the channels' mean, and the sum of their differences."""
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0], 0.0
    mean = pixels.mean(axis=2, dtype=np.float64)
    grey = (mean if pixels.dtype.kind == "f" else np.rint(mean)).astype(pixels.dtype)
    return grey, float(np.ptp(pixels.astype(np.float64), axis=2).sum())


def _white_level(depth: np.dtype[Any], brightest: float) -> float:
    if depth == np.uint8:
        return 255.0
    if depth.kind == "f" and brightest <= 1.0:
        return 1.0
    return next((level for level in _WHITE_LEVELS if brightest <= level), brightest)
