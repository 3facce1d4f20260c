"""Figures of an embedding: where the grains of each sample lie, in two and in three dimensions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray

from napari_zircon_cnn.figures import INK, viridis
from napari_zircon_cnn.grains import usable

_MARKERS = "osD^v<>P*Xph8d"
_SIZE = 9.0
_GREY = (0.6, 0.62, 0.65)


def embedding_figure(tables: Mapping[str, pd.DataFrame], method: str = "umap") -> Figure:
    """Draw an embedding: the first coordinate against the second and the third, and all three together.

    Parameters
    ----------
    tables
        The grain tables by sample; rejected grains are left out.
    method
        One of `columns.EMBEDDINGS`.

    Returns
    -------
    Figure
        A marker for each sample; viridis colours for the probability, grey for a grain that was not
        classified. With two coordinates there is one panel alone.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 10.
    """
    names = [f"{method}_{axis}" for axis in (1, 2, 3)]
    grains = {sample: _embedded(table, names[0]) for sample, table in tables.items()}
    is_deep = any(part[names[2]].notna().any() for part in grains.values())
    figure = Figure(figsize=(12.4 if is_deep else 5.6, 4.6))
    FigureCanvasAgg(figure)
    panels: list[tuple[Any, list[str]]] = [(figure.add_subplot(1, 3 if is_deep else 1, 1), names[:2])]
    if is_deep:
        panels.append((figure.add_subplot(1, 3, 2), [names[0], names[2]]))
        panels.append((figure.add_subplot(1, 3, 3, projection=Axes3D.name), names))
    figure.subplots_adjust(left=0.06 if is_deep else 0.13, right=0.96, bottom=0.3, top=0.95, wspace=0.22)
    for axes, shown in panels:
        for n, part in enumerate(grains.values()):
            axes.scatter(
                *(part[name] for name in shown),
                c=_colours(part["probability"]),
                marker=_marker(n),
                s=16,
                linewidths=0.3,
                edgecolors="white",
            )
        _dress(axes, shown)
    handles = [
        Line2D([], [], linestyle="", marker=_marker(n), color=INK, markersize=5, label=sample)
        for n, sample in enumerate(grains)
    ]
    legend = figure.legend(
        handles=handles,
        loc="lower center",
        ncols=min(len(handles), 8 if is_deep else 4),
        frameon=False,
        fontsize=_SIZE - 1,
        labelcolor=INK,
        bbox_to_anchor=(0.5, 0.06),
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    words = "violet: probability 0, yellow: 1, of the model's target class; grey: not classified"
    figure.text(0.5, 0.02, words, ha="center", fontsize=_SIZE - 1, color=INK)
    return figure


def _embedded(table: pd.DataFrame, first: str) -> pd.DataFrame:
    grains = table.loc[usable(table)]
    return grains[grains[first].notna()]


def _colours(probabilities: "pd.Series[Any]") -> NDArray[np.float64]:
    values = probabilities.to_numpy(np.float64)
    known = np.isfinite(values)
    colours = np.tile(np.array(_GREY), (len(values), 1))
    colours[known] = viridis(values[known]) / 255
    return colours


def _marker(n: int) -> str:
    return _MARKERS[n % len(_MARKERS)]


def _dress(axes: Any, names: list[str]) -> None:
    for dimension, name in zip("xyz", names, strict=False):
        label = getattr(axes, f"set_{dimension}label")
        label(name.replace("_", " ").upper(), fontsize=_SIZE, color=INK)
    axes.tick_params(colors=INK, labelsize=_SIZE - 2)
    if len(names) == 2:
        axes.spines[["top", "right"]].set_visible(False)
