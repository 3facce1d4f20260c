"""The paper's figures of training and testing, several networks in one picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from napari_zircon_cnn.baseline import MAJORITY, SHAPES
from napari_zircon_cnn.figures import HISTOGRAM_BINS, INK, MUTED, new_figure, number_or_nan, viridis

FIGURES = ("accuracy", "loss", "roc_auc")
_NAMES = {"accuracy": "accuracy", "loss": "loss", "roc_auc": "ROC-AUC"}
_LEGEND_SIZE = 8.0
_COLUMNS = 4
_DASHES = {MAJORITY: ":", SHAPES: "--"}


@dataclass(frozen=True)
class Curve:
    """The curve of one network.

    Parameters
    ----------
    name
        What the legend says.
    history
        One mapping an epoch, as the card of a network holds them.
    prefix
        "" for the training grains, "val_" for the validation's.
    style
        Of the line, as matplotlib names it.
    colour
        Which of matplotlib's ten colours.
    """

    name: str
    history: Sequence[Mapping[str, Any]]
    prefix: str = "val_"
    style: str = "-"
    colour: int = 0


def curves_figure(curves: Sequence[Curve]) -> Figure:
    """Draw accuracy, loss and ROC-AUC of several networks after each epoch.

    Parameters
    ----------
    curves
        The curves.

    Returns
    -------
    Figure
        Three axes side by side with one legend.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figures 6, 7 and S2.
    """
    figure, panels = new_figure(11.6, 3.4, len(FIGURES))
    for axes, name in zip(panels, FIGURES, strict=True):
        for curve in curves:
            values = [number_or_nan(entry.get(curve.prefix + name)) for entry in curve.history]
            epochs = [entry.get("epoch", n) for n, entry in enumerate(curve.history, start=1)]
            marker = "o" if len(values) < 3 else ""
            axes.plot(
                epochs,
                values,
                color=mpl.colormaps["tab10"](curve.colour),
                linestyle=curve.style,
                linewidth=1.2,
                marker=marker,
                markersize=3,
                label=curve.name,
            )
        axes.set_title(_NAMES[name], loc="left", fontsize=10, color=INK)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        if name == "loss":
            axes.set_ylim(0, _highest_shown(curves))
        else:
            axes.set_ylim(min(0.4, axes.get_ylim()[0]), 1.0)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=_COLUMNS,
        frameon=False,
        fontsize=_LEGEND_SIZE,
        labelcolor=INK,
    )
    return figure


def _highest_shown(curves: Sequence[Curve]) -> float:
    """Return a limit for losses that a network which goes astray does not set alone."""
    losses = [number_or_nan(entry.get(curve.prefix + "loss")) for curve in curves for entry in curve.history]
    finite = [loss for loss in losses if math.isfinite(loss)]
    return 1.1 * float(np.percentile(finite, 95)) if finite else 1.0


def histograms_figure(probabilities: Mapping[str, Mapping[str, NDArray[Any]]], target_class: str) -> Figure:
    """Draw how each network's probabilities of the test grains are spread.

    Parameters
    ----------
    probabilities
        For each network those of the grains of each true class, shape (n,), 0 to 1.
    target_class
        The class whose probability it is.

    Returns
    -------
    Figure
        One axes a network: 25 bins, a dashed line at 0.5, a colour a true class.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 8.
    """
    columns = min(len(probabilities), _COLUMNS)
    n_rows = math.ceil(len(probabilities) / columns)
    figure, panels = new_figure(2.9 * columns, 2.4 * n_rows, columns, n_rows)
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    for axes, (name, by_class) in zip(panels, probabilities.items(), strict=False):
        colours = viridis(np.linspace(0.05, 0.85, max(len(by_class), 1))) / 255
        axes.hist(
            list(by_class.values()), edges.tolist(), stacked=True, color=list(colours), label=list(by_class)
        )
        axes.axvline(0.5, color=INK, linestyle="--", linewidth=1)
        axes.set_title(name, loc="left", fontsize=9, color=INK, parse_math=False)
        axes.set_xlim(0, 1)
        axes.set_xlabel(f"probability of {target_class}", parse_math=False)
    panels[0].set_ylabel("grains")
    panels[0].legend(frameon=False, fontsize=_LEGEND_SIZE, labelcolor=INK)
    for axes in panels[len(probabilities) :]:
        axes.set_visible(False)
    return figure


def size_figure(table: pd.DataFrame, titles: Mapping[str, str] | None = None) -> Figure:
    """Draw the ROC-AUC of networks, and of what they must beat, against the number of grains learnt from.

    Parameters
    ----------
    table
        As `trials.size_curve` returns it.
    titles
        What the legend calls networks, where not by their names.

    Returns
    -------
    Figure
        A dot a training, a line through the means of each number of grains; in grey what needs no network.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 9.
    """
    figure, (axes,) = new_figure(5.6, 3.4, 1)
    colours = map(mpl.colormaps["tab10"], count())
    for network, rows in table.groupby("network", sort=False):
        name = str(network)
        colour, line = (MUTED, _DASHES[name]) if name in _DASHES else (next(colours), "-")
        means = rows.groupby("n_grains")["roc_auc"].mean()
        axes.plot(rows["n_grains"], rows["roc_auc"], ".", color=colour, alpha=0.6)
        label = (titles or {}).get(name, name)
        axes.plot(means.index, means.to_numpy(), linestyle=line, color=colour, label=label)
    axes.set_xlabel("grains learnt from")
    axes.set_ylabel("ROC-AUC of the validation")
    axes.set_ylim(min(0.4, axes.get_ylim()[0]), 1.0)
    axes.legend(frameon=False, fontsize=_LEGEND_SIZE, labelcolor=INK)
    return figure


def variations_figure(crops: NDArray[np.float32], varied: Sequence[NDArray[np.float32]]) -> Figure:
    """Draw crops, each with some of its variations behind it.

    Parameters
    ----------
    crops
        Shape (n, size, size, 1), 0 to 1.
    varied
        Arrays of the same shape.

    Returns
    -------
    Figure
        A row a crop; all in the same grey scale.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure S1.
    """
    columns = len(varied) + 1
    figure, panels = new_figure(1.3 * columns, 1.3 * len(crops), columns, len(crops))
    for n, axes in enumerate(panels):
        row, column = divmod(n, columns)
        shown = varied[column - 1] if column else crops
        axes.imshow(shown[row, ..., 0], cmap="gray", vmin=0, vmax=1, interpolation="none")
        axes.set_xticks([])
        axes.set_yticks([])
        if not row:
            axes.set_title("as it is" if not column else f"varied, {column}", fontsize=9, color=INK)
    return figure
