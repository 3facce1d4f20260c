"""A sample's files: the label image as TIFF, the grain table as CSV."""

from collections.abc import Mapping
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
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ZirconError(
            f"The grain table {path} cannot be read ({error}); restore it from a copy."
        ) from error


def _parse_table(path: Path, n_labels: int) -> pd.DataFrame:
    kinds = {column.name: column.kind for column in COLUMNS}
    texts = {name: "str" for name, kind in kinds.items() if kind == "text"}
    flags = {name: "bool" for name, kind in kinds.items() if kind == "flag"}
    rows = pd.read_csv(
        path, dtype=texts | flags, keep_default_na=False, na_values=_empty_numbers(path, kinds)
    )
    rows = rows.set_index("label")
    table = empty_rows(pd.RangeIndex(n_labels + 1, name="label"), rows.columns)
    table.loc[rows.index] = rows
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a grain table as CSV, one row a grain, with the label first."""
    table[table["area_um2"].notna()].to_csv(path, index_label="label")


def write_labels(labels: NDArray[np.int32], path: Path) -> None:
    """Write a label image as a compressed TIFF of the smallest unsigned type that holds it."""
    narrow = np.uint16 if labels.max(initial=0) < 2**16 else np.uint32
    tifffile.imwrite(path, labels.astype(narrow), compression="zlib", rowsperstrip=256, metadata=None)


def _empty_numbers(path: Path, kinds: Mapping[str, str]) -> dict[str, list[str]]:
    header = pd.read_csv(path, nrows=0).columns
    return {name: [""] for name in header if kinds.get(name, "number") == "number"}


def read_labels(path: Path) -> NDArray[np.int32]:
    """Read a label image that `write_labels` wrote; a `ZirconError` says where it cannot be read."""
    try:
        labels: NDArray[np.int32] = tifffile.imread(path).astype(np.int32, copy=False)
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise ZirconError(
            f"The label image {path} cannot be read ({error}); restore it from a copy."
        ) from error
    return labels
