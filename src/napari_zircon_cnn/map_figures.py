"""Figures of what a network sees in a grain: its layers' maps, and what moved its answer."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_zircon_cnn.figures import INK, MUTED
from napari_zircon_cnn.placement import MapGrid

_SIZE = 9.0
_PANEL_INCHES = 1.25


def feature_map_figure(
    crop: NDArray[np.float32], maps: Mapping[str, NDArray[np.float32]], name: str = "", note: str = ""
) -> Figure:
    """Draw a grain and the maps that each layer makes of it.

    Parameters
    ----------
    crop
        What the network was given, shape (size, size, 1).
    maps
        By layer, from the input on, its maps, shape (rows, columns, n).
    name
        The grain, below its crop.
    note
        What must be known of it, below its name.

    Returns
    -------
    Figure
        The crop on the left, then a column for each layer with one map below the other, each stretched
        to its own full range of viridis colours.

    Notes
    -----
    Source: Nathwani et al. (2023), doi:10.1029/2022JB025933, figure 11.
    """
    n_rows = max((values.shape[-1] for values in maps.values()), default=1)
    n_columns = len(maps) + 1
    figure = Figure(figsize=(_PANEL_INCHES * (n_columns + 0.3), _PANEL_INCHES * n_rows + 0.55))
    FigureCanvasAgg(figure)
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    figure.subplots_adjust(
        left=0.01, right=0.99, bottom=0.02, top=1 - 0.5 / figure.get_figheight(), wspace=0.06, hspace=0.06
    )
    for axes in panels.flat:
        _without_axes(axes)
        axes.set_visible(False)
    _show(panels[0, 0], crop[..., 0])
    panels[0, 0].set_title("crop", fontsize=_SIZE, color=INK, pad=3)
    words = "\n".join(part for part in (name, *_lines(note)) if part)
    panels[0, 0].set_xlabel(words, fontsize=_SIZE - 1, color=MUTED, parse_math=False, labelpad=4)
    for column, (layer, values) in zip(panels[:, 1:].T, maps.items(), strict=True):
        title = f"{layer}\n{values.shape[0]} x {values.shape[1]}"
        column[0].set_title(title, fontsize=_SIZE, color=INK, pad=3, parse_math=False)
        for n in range(values.shape[-1]):
            _show(column[n], values[..., n])
    return figure


def saliency_figure(
    crop: NDArray[np.float32],
    values: NDArray[np.float32],
    grid: MapGrid,
    *,
    title: str,
    name: str = "",
    note: str = "",
) -> Figure:
    """Draw a grain beside what moved the network's answer on it.

    Parameters
    ----------
    crop
        What the network was given, shape (size, size, 1).
    values
        The map, shape (rows, columns); below 0 what speaks against the class.
    grid
        Where its pixels lie on the crop.
    title
        What the map is.
    name
        The grain.
    note
        A sentence below both.

    Returns
    -------
    Figure
        The crop in grey, and the map over it: red for the class, blue against it, the strongest value
        full.
    """
    figure = Figure(figsize=(6.6, 4.1))
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.02, right=0.9, bottom=0.22, top=0.86, wspace=0.05)
    beside = figure.add_axes((0.915, 0.3, 0.018, 0.48))
    size = crop.shape[0]
    for axes in (left, right):
        _without_axes(axes)
        axes.imshow(crop[..., 0], cmap="gray", vmin=0, interpolation="none")
    strongest = float(np.abs(values).max()) or 1.0
    rows, columns = (
        (offset - step / 2, offset + (n - 0.5) * step)
        for offset, step, n in zip(grid.offset_px, grid.step_px, grid.shape, strict=True)
    )
    shown = right.imshow(
        values,
        cmap="RdBu_r",
        vmin=-strongest,
        vmax=strongest,
        # What is near 0 lets the grain be seen.
        alpha=0.9 * np.abs(values) / strongest,
        extent=(*columns, rows[1], rows[0]),
        interpolation="none",
    )
    right.set_xlim(-0.5, size - 0.5)
    right.set_ylim(size - 0.5, -0.5)
    bar = figure.colorbar(ScalarMappable(shown.norm, shown.cmap), cax=beside)
    bar.ax.tick_params(labelsize=_SIZE - 1, colors=INK)
    left.set_title(name, fontsize=_SIZE, color=INK, parse_math=False)
    right.set_title(title, fontsize=_SIZE, color=INK, parse_math=False)
    figure.text(0.02, 0.17, note, fontsize=_SIZE - 1, color=INK, va="top", wrap=True, parse_math=False)
    return figure


def _lines(words: str, width: int = 24) -> list[str]:
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _show(axes: Axes, values: NDArray[np.float32]) -> None:
    axes.set_visible(True)
    axes.imshow(values, cmap="viridis", interpolation="none")


def _without_axes(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
