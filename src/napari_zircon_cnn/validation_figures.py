"""The figures of a validation: both ways of holding out side by side, and what probabilities are worth."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from napari_zircon_cnn.figures import INK, TRAINING_COLOUR, VALIDATION_COLOUR, new_figure

Points = Sequence[Mapping[str, float]]
"""A reliability diagram's points as `metrics.reliability` gives them."""

OVER_NAMES = {"grains": "over grains of the same samples", "samples": "over whole samples"}

_COLOURS = {"grains": TRAINING_COLOUR, "samples": VALIDATION_COLOUR}
_MARKERS = ("o", "s", "^", "D")
_MUTED = "#8a8f98"
_LARGEST_MARKER = 120.0
_NOTE_SIZE = 9.0


def side_by_side_figure(table: pd.DataFrame) -> Figure:
    """Draw the ROC-AUC of each classifier over grains and over whole samples.

    Parameters
    ----------
    table
        As `divisions.side_by_side` gives it.

    Returns
    -------
    Figure
        A row for each classifier; a bar is the 95% interval as samples are drawn anew, and the vertical
        line is a coin's 0.5.
    """
    names = list(dict.fromkeys(table["by"]))
    figure, (axes,) = new_figure(6.4, 1.0 + 0.55 * len(names), 1)
    for over, shift in (("grains", -0.13), ("samples", 0.13)):
        rows = table[table["over"] == over]
        if not len(rows):
            continue
        at = np.array([names.index(name) for name in rows["by"]]) + shift
        values = rows["roc_auc"].to_numpy(np.float64)
        ends = rows[["roc_auc_low", "roc_auc_high"]].to_numpy(np.float64)
        colour = _COLOURS[over]
        axes.hlines(at, ends[:, 0], ends[:, 1], color=colour, linewidth=2, alpha=0.5)
        axes.plot(values, at, linestyle="", marker="o", color=colour, label=OVER_NAMES[over])
        for row, value in zip(at, values, strict=True):
            if math.isnan(value):
                axes.text(0.5, row, "one class only", fontsize=_NOTE_SIZE - 1, color=_MUTED, va="center")
    axes.axvline(0.5, color=_MUTED, linestyle=":", linewidth=0.8)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("ROC-AUC of held-out grains")
    figure.legend(loc="outside upper left", frameon=False, fontsize=_NOTE_SIZE, labelcolor=INK, ncols=2)
    return figure


def reliability_figure(panels: Mapping[str, Mapping[str, Points]], target_class: str = "") -> Figure:
    """Draw reliability diagrams: the share of grains of a class against the probability given to them.

    Parameters
    ----------
    panels
        By the title of each diagram its curves by their names, such as before and after scaling.
    target_class
        The class whose probability it is, for the axes.

    Returns
    -------
    Figure
        A square for each panel; the area of a point is that of its share of the grains, and the dotted
        line is where probabilities mean what they say.

    Notes
    -----
    Source: DeGroot & Fienberg (1983), doi:10.2307/2987588.
    """
    figure, axes = new_figure(3.4 * max(len(panels), 1), 3.5, max(len(panels), 1))
    styles = list(zip((_MUTED, TRAINING_COLOUR, VALIDATION_COLOUR), _MARKERS, strict=False))
    for panel, (title, curves) in zip(axes, panels.items(), strict=True):
        panel.plot([0, 1], [0, 1], color=_MUTED, linestyle=":", linewidth=0.8)
        for (name, points), (colour, marker) in zip(curves.items(), styles, strict=False):
            counts = np.array([point["n"] for point in points], np.float64)
            x, y = ([point[key] for point in points] for key in ("probability", "share"))
            panel.plot(x, y, color=colour, linewidth=1)
            area = 6 + _LARGEST_MARKER * counts / max(counts.sum(), 1)
            panel.scatter(x, y, s=area, color=colour, marker=marker, label=name)
        panel.set_title(title, loc="left", fontsize=_NOTE_SIZE, color=INK, parse_math=False)
        panel.set_xlim(0, 1)
        panel.set_ylim(-0.02, 1.02)
        panel.set_aspect("equal")
        panel.set_xlabel(f"probability of {target_class or 'the target class'}", parse_math=False)
        panel.set_ylabel("share that is of the class")
        if curves:
            panel.legend(loc="upper left", frameon=False, fontsize=_NOTE_SIZE - 1, labelcolor=INK)
    return figure
