"""A sample's files: the label image as TIFF, the grain table as CSV."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn import scratch
from napari_zircon_cnn.columns import ADDED_LATER, COLUMNS
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import empty_rows
from napari_zircon_cnn.progress import Cancelled, Progress, silent
from napari_zircon_cnn.tiff_blocks import Region, each_block, has_blocks

_TILE_PX = 512
_BUFFERED_BYTES = 2**25
_QUICK_LEVEL = 3
_RELEASE_EVERY = 64
_CHUNK_ROWS = 256


def read_table(path: Path, n_labels: int) -> pd.DataFrame:
    """Read a grain table that `write_table` wrote.

    Parameters
    ----------
    path
        The CSV file.
    n_labels
        The highest label ever given; the table reaches up to it.

    Returns
    -------
    DataFrame
        The table, dense: row i is label i, rows without a grain are empty.

    Raises
    ------
    ZirconError
        Where the file is missing or not such a table.
    """
    try:
        return _parse_table(path, n_labels)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ZirconError(
            f"The grain table {path} cannot be read ({error}); restore it from a copy."
        ) from error


def _parse_table(path: Path, n_labels: int) -> pd.DataFrame:
    texts = [column.name for column in COLUMNS if column.kind == "text"]
    flags = [column.name for column in COLUMNS if column.kind == "flag"]
    rows = read_rows(path, texts, flags).set_index("label")
    needed = [column.name for column in COLUMNS if column.name not in ADDED_LATER]
    missing = [name for name in needed if name not in rows.columns]
    if missing:
        raise ValueError(f"its column {missing[0]} is missing")
    names = dict.fromkeys([*(column.name for column in COLUMNS), *rows.columns])
    table = empty_rows(pd.RangeIndex(n_labels + 1, name="label"), names)
    table.loc[rows.index, rows.columns] = rows
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a grain table as CSV, one row a grain, with the label first."""
    write_rows(table[table["area_um2"].notna()].rename_axis("label").reset_index(), path)


def read_rows(path: Path, texts: Sequence[str], flags: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file that `write_rows` wrote.

    Parameters
    ----------
    path
        The CSV file.
    texts, flags
        The columns that hold texts and flags; the others hold numbers.

    Returns
    -------
    DataFrame
        What was written; a text such as "NA" stays that text.
    """
    kinds = dict.fromkeys(texts, "str") | dict.fromkeys(flags, "bool")
    header = pd.read_csv(path, nrows=0).columns
    numbers = {str(name): [""] for name in header if name not in kinds}
    return pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=numbers)


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write rows as CSV without their index."""
    # A text with a carriage return is only put in quotes where one is part of the line end. While pandas
    # writes a chunk, no other thread runs: not that of the window, either.
    rows.to_csv(path, index=False, lineterminator="\r\n", chunksize=_CHUNK_ROWS)


def write_labels(labels: NDArray[np.int32], path: Path, progress: Progress = silent) -> None:
    """Write a label image as a compressed tiled TIFF of 16 bits, or of 32 where it is large or needs them.

    Parameters
    ----------
    labels
        The label image, shape (rows, columns).
    path
        The file.
    progress
        Told of each row of tiles; may raise `Cancelled`.
    """
    # To look through a large one for its highest label would take as long as to write it.
    is_wide = scratch.is_large(labels.nbytes) or labels.max(initial=0) >= 2**16
    dtype = np.dtype(np.uint32 if is_wide else np.uint16)
    tifffile.imwrite(
        path,
        _tiles(labels, dtype, progress),
        shape=labels.shape,
        dtype=dtype,
        tile=(_TILE_PX, _TILE_PX),
        compression="zlib",
        compressionargs={"level": _QUICK_LEVEL},
        metadata=None,
        maxworkers=os.cpu_count(),
        buffersize=_BUFFERED_BYTES,
    )


def read_labels(path: Path, progress: Progress = silent) -> NDArray[np.int32]:
    """Read a label image that `write_labels` wrote.

    Parameters
    ----------
    path
        The file.
    progress
        Told how much of a large one is read; may raise `Cancelled`.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        The label image; a large one lies in a temporary file.

    Raises
    ------
    ZirconError
        Where the file is missing or broken.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            shape = page.shape
            if len(shape) == 2 and scratch.is_large(4 * page.size) and has_blocks(page, shape):
                return _read_blocks(page, progress)
            labels: NDArray[np.int32] = page.asarray().astype(np.int32, copy=False)
    except (Cancelled, ZirconError):
        raise
    except Exception as error:
        # The decoders raise types of their own for a broken file.
        raise ZirconError(
            f"The label image {path} cannot be read ({error}); restore it from a copy."
        ) from error
    return labels


def _tiles(labels: NDArray[np.int32], dtype: "np.dtype[Any]", progress: Progress) -> Iterator[NDArray[Any]]:
    n_rows, n_columns = labels.shape
    for top in range(0, n_rows, _TILE_PX):
        progress(top / n_rows, f"wrote {top} of {n_rows} rows of the label image")
        for left in range(0, n_columns, _TILE_PX):
            yield labels[top : top + _TILE_PX, left : left + _TILE_PX].astype(dtype)
        scratch.release(labels)


def _read_blocks(page: tifffile.TiffPage, progress: Progress) -> NDArray[np.int32]:
    labels = scratch.zeros(page.shape, np.int32)

    def work(pixels: NDArray[Any], region: Region) -> None:
        # What is zero is zero already, and takes no room on the disk as long as it is not written.
        np.copyto(labels[region], pixels[..., 0], where=pixels[..., 0] != 0, casting="unsafe")

    for n, _ in enumerate(each_block(page, work, progress)):
        if n % _RELEASE_EVERY == 0:
            scratch.release(labels)
    scratch.release(labels)
    return labels
