"""The figures of a validation: both ways of holding out side by side, and what probabilities are worth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from napari_zircon_cnn.figures import INK, MUTED, TRAINING_COLOUR, VALIDATION_COLOUR, new_figure

Points = Sequence[Mapping[str, float]]
"""A reliability diagram's points as `metrics.reliability` gives them."""

OVER_NAMES = {"grains": "over grains of the same samples", "samples": "over whole samples"}

_COLOURS = {"grains": TRAINING_COLOUR, "samples": VALIDATION_COLOUR}
_MARKERS = ("o", "s", "^", "D")
_LARGEST_MARKER = 120.0
_NOTE_SIZE = 9.0


def side_by_side_figure(table: pd.DataFrame) -> Figure:
    """Draw ROC-AUC and accuracy of each classifier over grains and over whole samples.

    Parameters
    ----------
    table
        As `divisions.side_by_side` gives it.

    Returns
    -------
    Figure
        A row for each classifier. Bars are the 95% interval of the ROC-AUC as samples are drawn anew, and
        the standard deviation of the accuracy between folds; the dotted line is a coin's ROC-AUC.
    """
    names = list(dict.fromkeys(table["by"]))
    figure, (of_auc, of_accuracy) = new_figure(9.6, 1.0 + 0.55 * len(names), 2)
    for over, shift in (("grains", -0.13), ("samples", 0.13)):
        rows = table[table["over"] == over]
        if not len(rows):
            continue
        at = np.array([names.index(name) for name in rows["by"]]) + shift
        auc, accuracy, spread = (
            rows[name].to_numpy(np.float64) for name in ("roc_auc", "accuracy", "accuracy_between_folds")
        )
        ends = rows[["roc_auc_low", "roc_auc_high"]].to_numpy(np.float64)
        colour = _COLOURS[over]
        for axes, values, low, high in (
            (of_auc, auc, ends[:, 0], ends[:, 1]),
            (of_accuracy, accuracy, accuracy - spread, np.minimum(accuracy + spread, 1)),
        ):
            axes.hlines(at, low, high, color=colour, linewidth=2, alpha=0.5)
            axes.plot(values, at, linestyle="", marker="o", color=colour, label=OVER_NAMES[over])
        for row, value in zip(at, auc, strict=True):
            if math.isnan(value):
                of_auc.text(0.01, row, "one class only", fontsize=_NOTE_SIZE - 1, color=MUTED, va="center")
    of_auc.axvline(0.5, color=MUTED, linestyle=":", linewidth=0.8)
    for axes, title in ((of_auc, "ROC-AUC of held-out grains"), (of_accuracy, "accuracy")):
        axes.set_xlim(0, 1.02)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), names if axes is of_auc else [""] * len(names))
        axes.set_xlabel(title)
    handles, labels = of_auc.get_legend_handles_labels()
    style: dict[str, Any] = {"frameon": False, "fontsize": _NOTE_SIZE, "labelcolor": INK, "ncols": 2}
    figure.legend(handles, labels, loc="outside upper left", **style)
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
    figure, axes = new_figure(3.4 * max(len(panels), 1), 4.4, max(len(panels), 1))
    styles = list(zip((MUTED, TRAINING_COLOUR, VALIDATION_COLOUR), _MARKERS, strict=False))
    for panel, (title, curves) in zip(axes, panels.items(), strict=True):
        panel.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=0.8)
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
            place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.18)}
            panel.legend(frameon=False, fontsize=_NOTE_SIZE - 1, labelcolor=INK, **place)
    return figure
