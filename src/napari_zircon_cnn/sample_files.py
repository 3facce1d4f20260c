"""A sample's files: the label image as TIFF, the grain table as CSV."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn.columns import COLUMNS
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import empty_rows


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
    missing = [column.name for column in COLUMNS if column.name not in rows.columns]
    if missing:
        raise ValueError(f"its column {missing[0]} is missing")
    table = empty_rows(pd.RangeIndex(n_labels + 1, name="label"), rows.columns)
    table.loc[rows.index] = rows
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
    # A text with a carriage return is only put in quotes where one is part of the line end.
    rows.to_csv(path, index=False, lineterminator="\r\n")


def write_labels(labels: NDArray[np.int32], path: Path) -> None:
    """Write a label image as a compressed TIFF of the smallest unsigned type that holds it."""
    narrow = np.uint16 if labels.max(initial=0) < 2**16 else np.uint32
    tifffile.imwrite(path, labels.astype(narrow), compression="zlib", rowsperstrip=256, metadata=None)


def read_labels(path: Path) -> NDArray[np.int32]:
    """Read a label image that `write_labels` wrote; a `ZirconError` says where it cannot be read."""
    try:
        labels: NDArray[np.int32] = tifffile.imread(path).astype(np.int32, copy=False)
    except Exception as error:
        # The decoders raise types of their own for a broken file.
        raise ZirconError(
            f"The label image {path} cannot be read ({error}); restore it from a copy."
        ) from error
    return labels
