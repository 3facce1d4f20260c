"""Arrays too large for memory: they lie in a temporary file that no one sees and that goes with them."""

import math
import mmap
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_zircon_cnn.errors import ZirconError

LARGE_BYTES = 2**30
"""A mosaic or label image of more bytes is kept in a temporary file instead of in memory."""

_PIXELS_AT_A_TIME = 2**24
# The system may keep /tmp in memory; this is where large temporary files belong.
_LASTING = Path("/var/tmp")  # noqa: S108 - only files without a name are made there


class _Mapping(mmap.mmap):
    """The pages of a temporary file; a type of its own, so that no one else's pages are let go."""


def is_large(n_bytes: int) -> bool:
    """Tell whether an array of so many bytes belongs into a temporary file."""
    return n_bytes > LARGE_BYTES


def zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of zeros, in memory or, where it is large, in a temporary file.

    Parameters
    ----------
    shape, dtype
        As for `numpy.zeros`.

    Returns
    -------
    ndarray
        The array. Where it is large, the system moves its pages to the disk and back as needed;
        the file has no name and is gone with the array, also after a kill.

    Raises
    ------
    ZirconError
        Where the disk has no room.
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if not is_large(n_bytes):
        return np.zeros(shape, dtype)
    folder = _folder()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if shutil.disk_usage(folder).free < n_bytes:
                raise _no_room(n_bytes, folder)
            _reserve(file.fileno(), n_bytes)
            return np.ndarray(shape, dtype, buffer=_Mapping(file.fileno(), n_bytes))
    except OSError as error:
        raise _no_room(n_bytes, folder) from error


def copy_of(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of a 2-D array, in a temporary file where it is large."""
    if not is_large(array.nbytes):
        return array.copy()
    copied = zeros(array.shape, array.dtype)
    for rows in row_blocks(array.shape):
        block = array[rows]
        # What is zero is zero already, and takes no room on the disk as long as it is not written.
        np.copyto(copied[rows], block, where=block != 0)
        release(array)
        release(copied)
    return copied


def release(array: NDArray[Any]) -> None:
    """Let go of the memory that a large array's pages take; what they hold stays in its file.

    Parameters
    ----------
    array
        Any array; for one in memory nothing is done.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, _Mapping) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def row_blocks(shape: tuple[int, ...], n_pixels: int = _PIXELS_AT_A_TIME) -> list[slice]:
    """Cut an image into blocks of whole rows, so that temporary arrays stay small.

    Parameters
    ----------
    shape
        Rows and columns of the image.
    n_pixels
        About how many pixels a block may have.

    Returns
    -------
    list of slice
        The blocks' rows, from top to bottom.
    """
    step = max(n_pixels // max(shape[1], 1), 1)
    return [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]


def _folder() -> Path:
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return _LASTING if not named and os.access(_LASTING, os.W_OK) else Path(tempfile.gettempdir())


def _reserve(file: int, n_bytes: int) -> None:
    # Without its room reserved, a file that meets a full disk ends the program without a word.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, n_bytes)
    else:
        os.truncate(file, n_bytes)


def _no_room(n_bytes: int, folder: Path) -> ZirconError:
    return ZirconError(
        f"There is no room for {n_bytes / 2**30:.1f} GiB of temporary data in {folder}; make room there, "
        "or let the environment variable TMPDIR name a folder with more."
    )
