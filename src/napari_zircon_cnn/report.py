"""The report: one HTML page that holds all its pictures and tables and needs nothing beside it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import length_hint
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_zircon_cnn.calibration import in_words, reliability_curves
from napari_zircon_cnn.columns import COLUMNS, EMBEDDINGS, PROBABILITY_PREFIX
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.embedding.axes import axis_correlations
from napari_zircon_cnn.embedding_figures import embedding_figure
from napari_zircon_cnn.figures import as_svg, crop_gallery, probability_histogram, training_curves, viridis
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.grains import SegmentedMount, existing, usable
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.overview import draw_overview, scale_bar
from napari_zircon_cnn.pages import data_uri, environment, own_version
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.report_rows import (
    calibration_rows,
    card_facts,
    confusion_rows,
    count_rows,
    evaluation_rows,
    score_rows,
    shape_rows,
    verdict_rows,
)
from napari_zircon_cnn.settings import validated
from napari_zircon_cnn.validation_figures import reliability_figure
from napari_zircon_cnn.verdicts import caveat_of, spread_between

CROPS_SHOWN = 16
"""Grains shown in each sample's gallery."""

_COLUMNS_OF_AN_AXIS = 4
_TEMPLATE = "report.html"
_CROP_DISPLAY_PX = 90
_JPEG_QUALITY = 88


@dataclass(frozen=True)
class Mark:
    """The number of a grain on the picture of the mosaic, in pixels of the picture."""

    label: int
    x: float
    y: float


def write_report(
    samples: Iterable[SegmentedMount],
    folder: Path,
    *,
    title: str,
    verdicts: pd.DataFrame | None = None,
    card: ModelCard | None = None,
    evaluation: Mapping[str, Any] | None = None,
    feature_maps: Mapping[str, Figure] | None = None,
    n_samples: int = 0,
    progress: Progress = silent,
) -> Path:
    """Write the report on some samples, at whatever stage the work is.

    Parameters
    ----------
    samples
        The samples, classified or not; one is held in memory at a time where they come from a
        generator.
    folder
        The folder to write to; made where there is none.
    title
        The heading.
    verdicts
        One row a sample: sample, n_grains, mean_probability, share_above_half, low, high, verdict,
        in_training.
    card
        The card of the model that gave the probabilities.
    evaluation
        `classes`, `overall` and `samples` with the figures of merit (n, accuracy, its interval
        from accuracy_low to accuracy_high, roc_auc, loss) and `in_training`; any may be missing.
    feature_maps
        What the network's layers make of some grains, as figures by the grains' names.
    n_samples
        How many samples there are, for the progress, where a generator cannot tell.
    progress
        Told of each sample; may raise `Cancelled`, and then nothing is written.

    Returns
    -------
    Path
        The file index.html in `folder`, which replaces an older one only once it is complete.

    Raises
    ------
    ZirconError
        Where the folder cannot be written to.
    """
    sections, tables = [], {}
    total = max(n_samples, length_hint(samples), 1)
    for n, segmented in enumerate(samples):
        progress(n / total, f"{segmented.mount.sample}: drawing")
        sections.append(_sample_section(segmented, f"sample-{n + 1}", card))
        tables[segmented.mount.sample] = segmented.table
    spread = spread_between(card.held_out_samples) if card else None
    page = environment().get_template(_TEMPLATE)
    text = page.render(
        title=title,
        date=datetime.now().astimezone(),
        version=own_version(),
        sections=sections,
        verdicts=verdict_rows(sections, verdicts),
        has_verdicts=verdicts is not None and len(verdicts) > 0,
        caveat=caveat_of(spread.n_samples if spread else 0),
        target_class=card.target_class if card else "",
        card=card,
        scores=score_rows(card),
        facts=card_facts(card) if card else [],
        curves=_curves(card) if card and card.history else None,
        calibration=in_words(card.calibration) if card else "",
        calibration_rows=calibration_rows(card),
        reliability=_reliability(card),
        embeddings=[_embedding(tables, method) for method in EMBEDDINGS if _is_embedded(tables, method)],
        feature_maps=[
            (name, _picture(figure, f"Feature maps of {name}"))
            for name, figure in (feature_maps or {}).items()
        ],
        evaluation=evaluation_rows(evaluation),
        evaluation_classes=list((evaluation or {}).get("classes") or []),
        confusion=confusion_rows(evaluation),
        columns=COLUMNS,
        probability_prefix=PROBABILITY_PREFIX,
        colour_bar=_colour_bar(),
    )
    index = folder / "index.html"
    with atomic_path(index) as path:
        path.write_text(text, encoding="utf-8")
    progress(1.0, f"wrote {index}")
    return index


def _sample_section(segmented: SegmentedMount, anchor: str, card: ModelCard | None) -> dict[str, Any]:
    """Return all that the page says of one sample."""
    mount = segmented.mount
    grains = segmented.table.loc[usable(segmented.table)]
    classified = grains[grains["probability"].notna()]
    shown = grains_to_show(classified if len(classified) else grains)
    overview = draw_overview(segmented)
    rows, columns = mount.image.shape
    return {
        "anchor": anchor,
        "name": mount.sample,
        "source": mount.source.name if mount.source else "",
        "shape": (columns, rows),
        "size_mm": (columns * mount.pixel_size_um / 1000, rows * mount.pixel_size_um / 1000),
        "pixel_size_um": mount.pixel_size_um,
        "overview": data_uri("image/jpeg", _jpeg(overview.picture)),
        "picture_size": overview.picture.shape[1::-1],
        "scale_bar": scale_bar(mount),
        "marks": _marks(segmented, shown, overview.scale),
        "n_existing": len(existing(segmented.table)),
        "n_usable": len(grains),
        "n_classified": len(classified),
        "counts": count_rows(segmented.table),
        "histogram": _histogram(mount.sample, classified, card) if len(classified) else None,
        "gallery": _gallery(segmented, shown, card) if len(shown) else None,
        "n_shown": len(shown),
        "shapes": shape_rows(grains),
    }


def grains_to_show(grains: pd.DataFrame, at_most: int = CROPS_SHOWN) -> NDArray[np.int64]:
    """Choose grains for a gallery: evenly from the lowest to the highest probability.

    Parameters
    ----------
    grains
        Rows of a grain table; those without a probability keep their order.
    at_most
        The number to choose.

    Returns
    -------
    ndarray of int64, shape (n,)
        Their labels, in rising order of probability.
    """
    ranked = grains.sort_values("probability", kind="stable").index.to_numpy(np.int64)
    ranks = np.linspace(0, len(ranked) - 1, min(at_most, len(ranked))).round().astype(int)
    return np.asarray(ranked[ranks])


def _marks(segmented: SegmentedMount, which: NDArray[np.int64], scale: float) -> list[Mark]:
    corners_um = segmented.table.loc[which, ["bbox_x_max_um", "bbox_y_min_um"]].to_numpy(np.float64)
    corners = (corners_um / segmented.mount.pixel_size_um + 0.5) * scale
    return [Mark(int(label), x, y) for label, (x, y) in zip(which, corners.tolist(), strict=True)]


def _histogram(sample: str, classified: pd.DataFrame, card: ModelCard | None) -> str:
    values = classified["probability"].to_numpy(np.float64)
    figure = probability_histogram(values, card.target_class if card else "")
    return _picture(figure, f"Histogram of {len(values)} probabilities of {sample}")


def _gallery(segmented: SegmentedMount, which: NDArray[np.int64], card: ModelCard | None) -> str:
    # The same piece of rock that the network saw, with more pixels for the eye.
    geometry = card.crop if card else {}
    settings = validated(CropSettings, {**geometry, "size_px": _CROP_DISPLAY_PX})
    crops = cut_crops(segmented, which, settings)
    names = [f"{segmented.mount.sample}:{label}" for label in which]
    figure = crop_gallery(crops, segmented.table.loc[which, "probability"], names)
    return _picture(figure, f"Crops of {', '.join(names)}")


def _is_embedded(tables: Mapping[str, pd.DataFrame], method: str) -> bool:
    return any(table[f"{method}_1"].notna().any() for table in tables.values())


def _embedding(tables: Mapping[str, pd.DataFrame], method: str) -> dict[str, Any]:
    """Return all that the page says of an embedding."""
    picture = _picture(embedding_figure(tables, method), f"{method.upper()} of {', '.join(tables)}")
    along = axis_correlations(tables.values(), method).groupby("axis").head(_COLUMNS_OF_AN_AXIS)
    return {"method": method.upper(), "picture": picture, "axes": along.to_dict("records")}


def _curves(card: ModelCard) -> str:
    return _picture(training_curves(card.history), "Accuracy, loss and ROC-AUC after each epoch")


def _reliability(card: ModelCard | None) -> str | None:
    curves = reliability_curves(card.calibration) if card else {}
    if not card or not curves:
        return None
    figure = reliability_figure({card.calibration.fitted_on: curves}, card.classes[-1])
    return _picture(figure, f"Reliability diagram of {card.calibration.n_grains} grains")


def _colour_bar() -> Markup:
    """Return a CSS gradient of viridis from left to right."""
    stops = ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in viridis(np.linspace(0, 1, 17)))
    return Markup(f"linear-gradient(to right, {stops})")  # noqa: S704 - numbers only


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    # Whole chroma: coloured lines two pixels wide would lose their colour to subsampling.
    return bytes(imagecodecs.jpeg_encode(picture, level=_JPEG_QUALITY, subsampling="444"))


def _picture(figure: Figure, description: str) -> str:
    return data_uri("image/svg+xml", as_svg(figure, description).encode())
