"""Which grain to look at next: those that nobody has looked at, the most suspicious first."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.columns import FLAGS, UNREVIEWED

BY_FLAG, BY_DOUBT, BY_WAVERING, BY_UNLIKENESS = "flag", "doubt", "wavering", "unlikeness"
BY_SIZE, BY_PLACE = "size", "place"
ORDERS = {
    BY_FLAG: "Most flags first",
    BY_DOUBT: "Least sure probability first",
    BY_WAVERING: "Most uncertain first",
    BY_UNLIKENESS: "Least like the training first",
    BY_SIZE: "Smallest first",
    BY_PLACE: "From top to bottom",
} | {flag: f"{flag.replace('_', ' ').capitalize()} first" for flag in FLAGS}
"""The order by its key, which is the flag's name where grains with one flag come first."""

_COLUMNS = {BY_WAVERING: "uncertainty", BY_UNLIKENESS: "unlike_training"}
_ROW_UM = 200.0


def unreviewed(table: pd.DataFrame, order: str, *, also: Collection[int] = ()) -> NDArray[np.int64]:
    """Return the labels that nobody has looked at, in the order to look at them.

    Parameters
    ----------
    table
        The grain table.
    order
        A key of `ORDERS`.
    also
        Labels that have their place in the order though they may have been looked at, so that one can
        go on from them.

    Returns
    -------
    ndarray of int64, shape (n,)
        The labels; where the order leaves a choice, from top to bottom.
    """
    is_wanted = (table["status"] == UNREVIEWED) | table.index.isin(list(also))
    return in_order(table, np.flatnonzero(is_wanted & table["area_um2"].notna()), order)


def in_order(table: pd.DataFrame, labels: NDArray[np.int64], order: str) -> NDArray[np.int64]:
    """Return labels in the order to look at them.

    Parameters
    ----------
    table
        The grain table.
    labels
        The labels.
    order
        A key of `ORDERS`.

    Returns
    -------
    ndarray of int64, shape (n,)
        The labels; where the order leaves a choice, from top to bottom.
    """
    rows = table.loc[labels]
    y, x = rows["centroid_y_um"].to_numpy(), rows["centroid_x_um"].to_numpy()
    keys: tuple[NDArray[np.float64], ...] = (x, np.floor(y / _ROW_UM))
    if order == BY_FLAG:
        keys = (*keys, -rows[list(FLAGS)].to_numpy(bool).sum(axis=1).astype(np.float64))
    elif order == BY_DOUBT:
        keys = (*keys, np.nan_to_num(np.abs(rows["probability"].to_numpy(np.float64) - 0.5), nan=1.0))
    elif order in _COLUMNS:
        keys = (*keys, -np.nan_to_num(rows[_COLUMNS[order]].to_numpy(np.float64), nan=-1.0))
    elif order == BY_SIZE:
        keys = (*keys, rows["area_um2"].to_numpy(np.float64))
    elif order in FLAGS:
        keys = (*keys, -rows[order].to_numpy(np.float64))
    return rows.index.to_numpy(np.int64)[np.lexsort(keys)]


def step_from(labels: NDArray[np.int64], current: int | None, step: int) -> int | None:
    """Return the label so many places on, round the end; the first where the current one is not there."""
    if not len(labels):
        return None
    at = np.flatnonzero(labels == current)
    return int(labels[(int(at[0]) + step) % len(labels)] if len(at) else labels[0 if step > 0 else -1])
