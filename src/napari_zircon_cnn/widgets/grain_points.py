"""The grains of the samples on the screen as points of an embedding, and what colours they have."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_zircon_cnn.columns import MEASURED, REJECTED
from napari_zircon_cnn.grains import existing
from napari_zircon_cnn.widgets.colours import CLASS_COLOURS, N_SHADES, UNKNOWN_COLOUR, ends_of, shades

BY_SAMPLE, BY_CLASS, BY_PROBABILITY = "sample", "class", "probability"
_ADDED = ("uncertainty", "unlike_training")
NUMBERS = (
    *_ADDED,
    *(
        column.name
        for column in MEASURED
        if column.kind == "number" and not column.name.startswith(("centroid_", "bbox_"))
    ),
)
"""Columns that points may be coloured by, besides the three above."""

_REJECTED_OPACITY = 60


class Colouring(NamedTuple):
    """The colours of points and what they mean.

    Parameters
    ----------
    rgba
        Shape (n, 4), from 0 to 255.
    swatches
        The colour of each name, where the colours are those of names.
    ends
        The numbers at both ends of the shades, where they are those of numbers.
    """

    rgba: NDArray[np.uint8]
    swatches: dict[str, str]
    ends: tuple[float, float] | None


def points_of(tables: Mapping[str, pd.DataFrame], method: str) -> pd.DataFrame:
    """Return the grains that have coordinates, one row each.

    Parameters
    ----------
    tables
        The grain tables by sample.
    method
        One of `columns.EMBEDDINGS`.

    Returns
    -------
    DataFrame
        Rows of the grain tables, numbered from 0 on, with the columns `sample` and `label`.
    """
    parts = []
    for sample, table in tables.items():
        rows = table.loc[existing(table)]
        rows = rows[rows[f"{method}_1"].notna()]
        parts.append(rows.assign(sample=sample, label=rows.index))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["sample", "label"])


def coloured(points: pd.DataFrame, by: str, sample_classes: Mapping[str, str]) -> Colouring:
    """Return the colours of points; those of rejected grains are dim.

    Parameters
    ----------
    points
        What `points_of` returns.
    by
        What the colours tell: sample, class, or a column of numbers.
    sample_classes
        The class by sample, for grains without one of their own.

    Returns
    -------
    Colouring
        The colours and what they mean.
    """
    swatches: dict[str, str] = {}
    ends = None
    if by in (BY_SAMPLE, BY_CLASS):
        names = points["sample"]
        if by == BY_CLASS:
            own = points["class"]
            names = own.where(own != "", names.map(dict(sample_classes)).fillna(""))
        # In the order of the project's classes, as on the mount.
        order = dict.fromkeys([*(sample_classes.values() if by == BY_CLASS else ()), *names])
        known = [name for name in order if name and (names == name).any()]
        place = {name: n for n, name in enumerate(name for name in order if name)}
        swatches = {name: CLASS_COLOURS[place[name] % len(CLASS_COLOURS)] for name in known}
        if (names == "").any():
            swatches["no class"] = UNKNOWN_COLOUR
        numbers = names.replace("", "no class").map({name: n for n, name in enumerate(swatches)})
        palette = transform_color(list(swatches.values())) if swatches else np.zeros((1, 4))
        rgba = palette[numbers.to_numpy(int)]
    else:
        values = points[by].to_numpy(np.float64)
        ends = low, high = (0.0, 1.0) if by == BY_PROBABILITY else ends_of(values)
        share = (values - low) / (high - low)
        shade = np.clip(np.nan_to_num(share) * N_SHADES, 0, N_SHADES - 1).astype(int)
        rgba = np.where(np.isfinite(values)[:, None], shades()[shade], transform_color([UNKNOWN_COLOUR]))
    pixels = np.round(255 * np.asarray(rgba)).astype(np.uint8)
    pixels[(points["status"] == REJECTED).to_numpy(), 3] = _REJECTED_OPACITY
    return Colouring(pixels, swatches, ends)
