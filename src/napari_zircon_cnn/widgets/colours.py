"""The colours of grains: one small number a pixel, which a colour map turns into fill or outline."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from napari_zircon_cnn.columns import ACCEPTED, REJECTED, UNREVIEWED
from napari_zircon_cnn.flags import Box, widened

Mode = Literal[
    "status",
    "probability",
    "uncertainty",
    "unlike training",
    "class",
    "UMAP 1",
    "UMAP 2",
    "UMAP 3",
    "PCA 1",
    "PCA 2",
    "PCA 3",
]

N_SHADES = 64
"""Steps that a probability is shown in."""

COORDINATES: dict[Mode, str] = {
    "UMAP 1": "umap_1",
    "UMAP 2": "umap_2",
    "UMAP 3": "umap_3",
    "PCA 1": "pca_1",
    "PCA 2": "pca_2",
    "PCA 3": "pca_3",
}
"""The column of the grain table by the mode that shows where a grain lies in an embedding."""
ANSWERS: tuple[Mode, ...] = ("probability", "uncertainty", "unlike training")
"""The modes that show what a model says."""
RANGES: dict[Mode, str] = COORDINATES | {"uncertainty": "uncertainty", "unlike training": "unlike_training"}
"""The column by the mode, of all modes whose colours go from the least to the largest value."""

STATUS_COLOURS = {UNREVIEWED: "#56B4E9", ACCEPTED: "#33C28A", REJECTED: "#9A9A9A"}
UNKNOWN_COLOUR, SELECTED_COLOUR = "#D0D0D0", "#FFE04A"
CLASS_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00", "#BBBBBB")
"""After Okabe and Ito (2008), which colour-blind people can tell apart."""

# A few strange grains do not take all colours from the others.
_ENDS = (0.02, 0.98)
# Zoning must stay visible under a status; a probability is read off the fill itself.
_STATUS_FILL, _VALUE_FILL, _SELECTED_FILL, _REJECTED_FILL = 0.08, 0.4, 0.15, 0.0
_OUTLINE, _REJECTED_OUTLINE = 0.95, 0.4

# Places on the palette; 0 is what has no grain.
_STATUS = {UNREVIEWED: 1, ACCEPTED: 2, REJECTED: 3}
_UNKNOWN, _SELECTED, _FIRST_SHADE = 4, 5, 6
_FIRST_CLASS = _FIRST_SHADE + N_SHADES
N_COLOURS = _FIRST_CLASS + len(CLASS_COLOURS)


def ends_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the numbers that have the first and the last shade: all but 2 % at either end lie between."""
    finite = values[np.isfinite(values)]
    low, high = (float(end) for end in np.quantile(finite, _ENDS)) if len(finite) else (0.0, 1.0)
    return low, high if high > low else low + 1.0


def shades() -> NDArray[np.float32]:
    """Return the colours of a probability from 0 to 1, shape (`N_SHADES`, 4) as RGBA."""
    return np.asarray(ensure_colormap("viridis").map(np.linspace(0, 1, N_SHADES)), np.float32)


def colour_map() -> DirectLabelColormap:
    """Return the colour map of a raster: colour k fills as 2 k and outlines as 2 k + 1."""
    named = [*STATUS_COLOURS.values(), UNKNOWN_COLOUR, SELECTED_COLOUR]
    palette = np.concatenate([transform_color(named), shades(), transform_color(list(CLASS_COLOURS))])
    colours: dict[int | None, NDArray[np.float32]] = {None: np.zeros(4, np.float32)}
    colours |= dict.fromkeys((0, 1), np.zeros(4, np.float32))
    for place, colour in enumerate(palette, start=1):
        fill = _VALUE_FILL if place >= _FIRST_SHADE else _STATUS_FILL
        fill = {_SELECTED: _SELECTED_FILL, _STATUS[REJECTED]: _REJECTED_FILL}.get(place, fill)
        outline = _REJECTED_OUTLINE if place == _STATUS[REJECTED] else _OUTLINE
        for code, opacity in ((2 * place, fill), (2 * place + 1, outline)):
            colours[code] = np.array([*colour[:3], opacity], np.float32)
    return DirectLabelColormap(color_dict=colours)


def places_of(table: pd.DataFrame, mode: Mode, classes: Sequence[str] = ()) -> NDArray[np.uint8]:
    """Return the place on the palette for each row of a grain table.

    Parameters
    ----------
    table
        The grain table, or some of its rows.
    mode
        What the colours show; a rejected grain is dimmed in each mode.
    classes
        All classes in their order, for the mode `class`.

    Returns
    -------
    ndarray of uint8, shape (rows,)
        0 where there is no grain.
    """
    status = table["status"]
    if mode == "status":
        places = status.map(_STATUS).fillna(0).to_numpy(np.uint8)
    elif mode == "probability":
        probability = table["probability"].to_numpy(np.float64)
        shade = np.clip(np.nan_to_num(probability) * N_SHADES, 0, N_SHADES - 1).astype(np.uint8)
        places = np.where(np.isnan(probability), _UNKNOWN, _FIRST_SHADE + shade).astype(np.uint8)
    elif mode in RANGES:
        values = table[RANGES[mode]].to_numpy(np.float64)
        low, high = ends_of(values)
        shade = np.nan_to_num((values - low) / (high - low)) * N_SHADES
        shade = np.clip(shade, 0, N_SHADES - 1).astype(np.uint8)
        places = np.where(np.isnan(values), _UNKNOWN, _FIRST_SHADE + shade).astype(np.uint8)
    else:
        numbers = {name: _FIRST_CLASS + n % len(CLASS_COLOURS) for n, name in enumerate(classes)}
        places = table["class"].map(numbers).fillna(_UNKNOWN).to_numpy(np.uint8)
    places[(status == REJECTED).to_numpy()] = _STATUS[REJECTED]
    places[table["area_um2"].isna().to_numpy()] = 0
    return np.asarray(places, np.uint8)


def with_selected(places: NDArray[np.uint8], selected: Sequence[int]) -> NDArray[np.uint8]:
    """Return the places by label with those of the selected labels marked."""
    marked = places.copy()
    marked[list(selected)] = _SELECTED
    return marked


def drawn(labels: NDArray[np.int32], places: NDArray[np.uint8], box: Box) -> tuple[Box, NDArray[np.uint8]]:
    """Return the picture of the grains of a box, fill and outline.

    Parameters
    ----------
    labels
        The label image.
    places
        The place on the palette by label.
    box
        The part whose labels have changed.

    Returns
    -------
    box, ndarray of uint8
        The part whose picture has changed, since outlines beside it follow, and its pixels.
    """
    inner = widened(box, 1, labels.shape)
    outer = widened(inner, 1, labels.shape)
    around = labels[outer]
    is_edge = np.zeros(around.shape, bool)
    # A pixel is outline where the one above, below or beside it belongs to something else.
    for edge, pixels in ((is_edge, around), (is_edge.T, around.T)):
        differs = pixels[1:] != pixels[:-1]
        edge[1:] |= differs
        edge[:-1] |= differs
    within = tuple(
        slice(part.start - wide.start, part.stop - wide.start)
        for part, wide in zip(inner, outer, strict=True)
    )
    return inner, np.asarray(2 * places[around[within]] + is_edge[within], np.uint8)


def recoloured(
    picture: NDArray[np.uint8], labels: NDArray[np.int32], places: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return a picture, or a part of one, of grains whose pixels have not changed, in new colours."""
    # All labels have their place; to check that again, as indexing does, takes twice the time.
    codes: NDArray[np.uint8] = np.take(places, labels, mode="clip")
    return (codes << np.uint8(1)) | (picture & np.uint8(1))
