"""What the axes of an embedding mean: how they go along with shape and brightness."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from napari_zircon_cnn.columns import EMBEDDINGS, MEASURED
from napari_zircon_cnn.grains import usable

FEWEST_GRAINS = 10
"""A correlation of fewer grains is not told."""

_PLACES = ("centroid_", "bbox_", "box_angle_", "orientation_")


def axis_correlations(tables: Iterable[pd.DataFrame], method: str = "umap") -> pd.DataFrame:
    """Return how each axis of an embedding goes along with what is measured of the grains.

    Parameters
    ----------
    tables
        Grain tables; rejected grains do not count.
    method
        One of `columns.EMBEDDINGS`.

    Returns
    -------
    DataFrame
        One row for each axis and column, those that go along most closely first: `axis`, `column`,
        `rank_correlation` (Spearman's), `n` grains that have both, and `by_chance`, what two columns of
        n grains that have nothing to do with each other stay below in 95 of 100 cases. Empty where
        fewer than `FEWEST_GRAINS` are embedded. Place and direction in the mosaic are left out.
    """
    if method not in EMBEDDINGS:
        raise ValueError(method)
    parts = [table.loc[usable(table)] for table in tables]
    grains = pd.concat(parts) if parts else pd.DataFrame()
    axes = [f"{method}_{axis}" for axis in (1, 2, 3)]
    columns = [
        column.name for column in MEASURED if column.kind == "number" and not column.name.startswith(_PLACES)
    ]
    rows = []
    for axis in axes:
        for column in columns if axis in grains else []:
            pair = grains[[axis, column]].dropna()
            ranks = pair.rank().to_numpy()
            if len(pair) >= FEWEST_GRAINS and np.ptp(ranks, axis=0).all():
                rho = float(np.corrcoef(ranks.T)[0, 1])
                rows.append((axis, column, rho, len(pair), 1.96 / np.sqrt(len(pair) - 1)))
    found = pd.DataFrame(rows, columns=["axis", "column", "rank_correlation", "n", "by_chance"])
    strength = found["rank_correlation"].abs()
    order = pd.DataFrame({"axis": found["axis"], "strength": -strength}).sort_values(
        ["axis", "strength"], kind="stable"
    )
    return found.loc[order.index].reset_index(drop=True)
