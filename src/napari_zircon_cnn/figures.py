"""The figures of the paper as matplotlib figures, drawn without pyplot and its global state."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path

PICTURE_SUFFIXES = (".png", ".svg")
"""How the name of a picture may end."""

HISTOGRAM_BINS = 25
"""Bins over 0 to 1 in the histograms of the paper's figure 8."""

INK = "#2b2f36"
"""The colour of text and axes; `as_svg` makes it that of the text around the figure."""

TRAINING_COLOUR = "#0072b2"
VALIDATION_COLOUR = "#e69f00"

MUTED = "#8a8f98"
"""The colour of what the eye may pass over."""

_FONTS = ["system-ui", "Segoe UI", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans"]
_DARK_THEME = "svg{color:#2b2f36}@media(prefers-color-scheme:dark){svg{color:#dfe3ea}}"
_NOTE_SIZE = 9.0
_LONGEST_NAME = 18
_PICTURE_DPI = 150


def viridis(values: ArrayLike) -> NDArray[np.uint8]:
    """Return the viridis colours of values from 0 to 1.

    Parameters
    ----------
    values
        Shape (n,).

    Returns
    -------
    ndarray of uint8, shape (n, 3)
        Red, green and blue.
    """
    colours: NDArray[np.uint8] = mpl.colormaps["viridis"](np.asarray(values, np.float64), bytes=True)
    return colours[:, :3]


def new_figure(width: float, height: float, columns: int, rows: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """Return an empty figure in this package's style.

    Parameters
    ----------
    width, height
        Size in inches.
    columns, rows
        Number of axes.

    Returns
    -------
    Figure
        The figure.
    list of Axes
        Its axes, row by row.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    panels: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK)
        axes.tick_params(colors=INK, labelsize=_NOTE_SIZE)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_color(INK)
            label.set_fontsize(_NOTE_SIZE)
    return figure, panels


def probability_histogram(probabilities: ArrayLike, target_class: str = "") -> Figure:
    """Draw how the probabilities of one sample's grains are spread.

    Parameters
    ----------
    probabilities
        Shape (n,), 0 to 1; NaN, a grain that was not classified, is left out.
    target_class
        The class whose probability it is, for the axis.

    Returns
    -------
    Figure
        One axes with 25 bars, a dashed line at 0.5, the number of grains and their mean.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 8.
    """
    values = np.asarray(probabilities, np.float64)
    values = values[np.isfinite(values)]
    figure, (axes,) = new_figure(5.6, 2.6, 1)
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    counts, _ = np.histogram(values, edges)
    centres = (edges[:-1] + edges[1:]) / 2
    axes.bar(
        edges[:-1],
        counts,
        width=np.diff(edges),
        align="edge",
        color=viridis(centres) / 255,
        edgecolor=INK,
        linewidth=0.6,
    )
    axes.axvline(0.5, color=INK, linestyle="--", linewidth=1)
    if len(values):
        mean = float(values.mean())
        axes.plot(mean, 1.0, marker="v", color=INK, transform=axes.get_xaxis_transform(), clip_on=False)
        note = f"n = {len(values)}, mean {mean:.2f}"
    else:
        note = "n = 0"
    axes.set_title(note, loc="left", fontsize=_NOTE_SIZE, color=INK, parse_math=False, pad=9)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(1.0, 1.05 * float(counts.max())))
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    axes.set_xlabel(f"probability of {target_class or 'the target class'}", parse_math=False)
    axes.set_ylabel("grains")
    return figure


def training_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw accuracy, loss and ROC-AUC after each epoch.

    Parameters
    ----------
    history
        One mapping for each epoch with `epoch`, `accuracy`, `loss`, `roc_auc` and, for the
        validation data, the same with `val_` before; what is missing or None leaves a gap.

    Returns
    -------
    Figure
        Three axes side by side; training blue, validation orange.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 6.
    """
    figure, panels = new_figure(11.6, 3.0, 3)
    epochs = [entry.get("epoch", n) for n, entry in enumerate(history, start=1)]
    curves = (("", "training", TRAINING_COLOUR), ("val_", "validation", VALIDATION_COLOUR))
    marker = "o" if len(history) < 3 else ""
    for axes, key, name in zip(
        panels, ("accuracy", "loss", "roc_auc"), ("accuracy", "loss", "ROC-AUC"), strict=True
    ):
        for prefix, which, colour in curves:
            values = [number_or_nan(entry.get(prefix + key)) for entry in history]
            if np.isfinite(values).any():
                axes.plot(epochs, values, color=colour, linewidth=1.4, marker=marker, label=which)
        axes.set_title(name, loc="left", fontsize=_NOTE_SIZE + 1, color=INK)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        if not axes.lines:
            axes.text(0.5, 0.5, "not defined", transform=axes.transAxes, ha="center", color=MUTED)
        if key == "loss":
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(min(0.4, axes.get_ylim()[0]), 1.0)
            axes.axhline(0.5, color=MUTED, linestyle=":", linewidth=0.8)
    handles, names = panels[0].get_legend_handles_labels()
    if handles:
        panels[0].legend(handles, names, frameon=False, fontsize=_NOTE_SIZE, labelcolor=INK)
    return figure


def crop_gallery(
    crops: NDArray[np.float32], probabilities: ArrayLike, names: Sequence[str], *, columns: int = 8
) -> Figure:
    """Draw grains with their probability above and their name below.

    Parameters
    ----------
    crops
        Shape (n, rows, columns, 1); each is stretched to its own full range of colours.
    probabilities
        Shape (n,); NaN for a grain that was not classified.
    names
        What finds the grain again, such as `QVC028:17`; a long one is shortened in its middle.
    columns
        Crops beside each other.

    Returns
    -------
    Figure
        One axes for each crop, in viridis colours.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 5.
    """
    n_rows = max(1, math.ceil(len(crops) / columns))
    figure = Figure(figsize=(1.45 * columns, 1.85 * n_rows))
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(n_rows, columns, squeeze=False).flat)
    figure.subplots_adjust(
        left=0.005, right=0.995, bottom=0.22 / figure.get_figheight(), top=1 - 0.22 / figure.get_figheight()
    )
    figure.subplots_adjust(wspace=0.06, hspace=0.34)
    values = np.asarray(probabilities, np.float64)
    for axes, crop, value, name in zip(panels, crops, values, names, strict=False):
        axes.imshow(crop[..., 0], cmap="viridis", interpolation="none")
        if math.isfinite(value):
            axes.set_title(f"p = {value:.2f}", fontsize=_NOTE_SIZE, color=INK, pad=3)
        axes.set_xlabel(_shortened(name), fontsize=_NOTE_SIZE - 1, color=MUTED, parse_math=False, labelpad=3)
    for axes in panels:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


def as_svg(figure: Figure, description: str = "") -> str:
    """Return a figure as a stand-alone SVG whose text is dark on a light page and light on a dark one.

    Parameters
    ----------
    figure
        A figure of this module.
    description
        What the figure shows, for those who cannot see it.

    Returns
    -------
    str
        The SVG document; its background is transparent.
    """
    stream = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "zircon", "font.sans-serif": _FONTS}):
        figure.savefig(
            stream, format="svg", transparent=True, metadata={"Date": None, "Description": description}
        )
    head, tag, body = stream.getvalue().partition("<defs>")
    return f"{head}<style>{_DARK_THEME}</style>{tag}{body}".replace(INK, "currentColor")


def check_picture_path(path: Path) -> None:
    """Raise a `ZirconError` where a figure cannot be saved under a name, before long work is done."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise ZirconError(
            f"A picture's file name must end in {' or '.join(PICTURE_SUFFIXES)}; {path.name!r} does not."
        )


def save_figure(figure: Figure, path: Path, description: str = "") -> None:
    """Write a figure as PNG or SVG, as the suffix says, whole or not at all.

    Parameters
    ----------
    figure
        A figure of this package.
    path
        The file; its folder is made if need be.
    description
        What the figure shows, for those who cannot see it; for SVG.

    Raises
    ------
    ZirconError
        Where the name has another suffix or the folder cannot be written to.
    """
    check_picture_path(path)
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".svg":
            temporary.write_text(as_svg(figure, description), encoding="utf-8")
        else:
            figure.savefig(temporary, dpi=_PICTURE_DPI, facecolor="white")


def number_or_nan(value: Any) -> float:
    """Return a figure of merit as a number; one that is not defined, None in a card, is NaN."""
    return math.nan if value is None else float(value)


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    tail = name[-(_LONGEST_NAME // 2) :]
    return f"{name[: _LONGEST_NAME - len(tail) - 1]}…{tail}"
