"""What the tables of the report say, in rows of plain words and numbers; NaN is what is not known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from napari_zircon_cnn.columns import ACCEPTED, COLUMNS, REJECTED, UNREVIEWED, Column
from napari_zircon_cnn.grains import existing
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.verdicts import MIN_GRAINS, UNDECIDED

_SHAPE_COLUMNS = (
    "area_um2",
    "equivalent_diameter_um",
    "box_length_um",
    "box_width_um",
    "feret_max_um",
    "aspect_ratio",
    "circularity",
    "solidity",
    "intensity_mean",
    "intensity_sd",
)
_FIGURES_OF_MERIT = ("n", "accuracy", "accuracy_low", "accuracy_high", "roc_auc", "loss", "brier", "ece")


@dataclass(frozen=True)
class ShapeRow:
    """A column of the grain table in brief, over the grains that count.

    Parameters
    ----------
    name, unit
        The column's name without its unit, and the unit.
    median
        The median.
    low, high
        The quartiles: half of the grains lie between them.
    """

    name: str
    unit: str
    median: float
    low: float
    high: float


def count_rows(table: pd.DataFrame) -> list[tuple[str, int]]:
    """Return how many grains of a table there are of each kind: what kind, in words, and the number."""
    grains = table.loc[existing(table)]
    rejected = grains[grains["status"] == REJECTED]
    kept = grains[grains["status"] != REJECTED]
    rows = [("all", len(grains))]
    rows += [(status, int((kept["status"] == status).sum())) for status in (ACCEPTED, UNREVIEWED)]
    rows.append(("rejected, not counted", len(rejected)))
    reasons = rejected["reason"].replace("", "no reason given").value_counts()
    rows += [(f"rejected: {reason}", int(n)) for reason, n in reasons.items()]
    rows.append(("touching the mosaic's edge, of those that count", int(kept["touches_border"].sum())))
    if kept["unlike_training"].notna().any():
        rows.append(("unlike any grain seen in training", int((kept["unlike_training"] > 1).sum())))
    for column, words in (("class", "class set by hand"), ("predicted_class", "most probable class")):
        names = kept.loc[kept[column] != "", column].value_counts()
        rows += [(f"{words}: {name}", int(n)) for name, n in names.items()]
    return rows


def shape_rows(grains: pd.DataFrame) -> list[ShapeRow]:
    """Return the median and the quartiles of what describes the grains best; nothing without grains."""
    if not len(grains):
        return []
    by_name = {column.name: column for column in COLUMNS}
    quartiles = grains[list(_SHAPE_COLUMNS)].quantile([0.25, 0.5, 0.75]).to_numpy(np.float64).T.tolist()
    return [
        ShapeRow(_plain_name(by_name[name]), by_name[name].unit, median, low, high)
        for name, (low, median, high) in zip(_SHAPE_COLUMNS, quartiles, strict=True)
    ]


def _plain_name(column: Column) -> str:
    name = column.name.removesuffix("_um2").removesuffix("_um").replace("_", " ")
    return name.replace(" sd", " standard deviation")


def verdict_rows(sections: list[dict[str, Any]], verdicts: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return a row for each sample of the report, with its verdict if it has one."""
    known = {} if verdicts is None else {str(row["sample"]): row for row in verdicts.to_dict("records")}
    rows = []
    for section in sections:
        verdict: Mapping[Any, Any] = known.get(section["name"], {})
        rows.append(
            {
                "anchor": section["anchor"],
                "sample": section["name"],
                "n_grains": verdict.get("n_grains", section["n_usable"]),
                "n_rejected": section["n_existing"] - section["n_usable"],
                "mean": _float(verdict.get("mean_probability")),
                "share": _float(verdict.get("share_above_half")),
                "low": _float(verdict.get("low")),
                "high": _float(verdict.get("high")),
                "verdict": _sentence(verdict, section),
            }
        )
    return rows


def _sentence(verdict: Mapping[Any, Any], section: Mapping[str, Any]) -> str:
    """Return what the grains of a sample say, in one sentence."""
    if not section["n_usable"]:
        return "Without a grain that counts there is no verdict."
    if not verdict:
        return "Classified, but no verdict was given." if section["n_classified"] else "Not classified yet."
    if verdict["verdict"] != UNDECIDED:
        known = " The network was trained on grains of this sample." if verdict.get("in_training") else ""
        return f"The grains point to {verdict['verdict']}.{known}"
    if verdict["n_grains"] < MIN_GRAINS:
        return f"Undecided: a verdict needs {MIN_GRAINS} grains or more."
    return "Undecided: no class leads clearly."


def card_facts(card: ModelCard) -> list[tuple[str, str]]:
    """Return what the card says in short, in words."""
    training, box_um = card.training, card.crop.get("box_um")
    facts = [
        ("classes", ", ".join(card.classes)),
        ("probability of", card.target_class),
        ("network", f"{card.network.network}, {'with' if card.network.dropout else 'without'} dropout"),
        ("augmentation", training.augmentation),
        ("crop", f"{box_um:g} µm made {card.network.input_size} px" if box_um else ""),
        ("epochs", f"{training.epochs}, batches of {training.batch_size}"),
        ("learning rate", f"{training.learning_rate:g}"),
        ("class weights", "yes" if training.class_weights else "no"),
        ("seed", str(training.seed)),
        ("pixel sizes", ", ".join(sorted({f"{size:g} µm" for size in card.pixel_sizes_um.values()}))),
        *((name.replace("_", " "), _words(value)) for name, value in card.validation.items()),
        ("trained", card.created.strftime("%Y-%m-%d %H:%M %Z")),
        ("versions", ", ".join(f"{name} {number}" for name, number in card.versions.items())),
    ]
    return [(name, value) for name, value in facts if value]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(item)}" for key, item in value.items())
    return ", ".join(map(_words, value)) if isinstance(value, list | tuple) else str(value)


def score_rows(card: ModelCard | None) -> list[dict[str, Any]]:
    """Return the figures of merit that the card gives for validation, folds and hold-out samples."""
    if card is None:
        return []
    metrics: Mapping[str, Any] = card.metrics
    groups = {"validation": metrics.get("validation"), "hold-out samples": metrics.get("hold_out")}
    groups |= {f"validated on {fold['held_out']}": fold for fold in metrics.get("folds") or []}
    rows = []
    for name, figures in groups.items():
        if figures:
            rows.append(_scores(name, figures))
            rows += [_scores(f"— {baseline}", its) for baseline, its in _beside(metrics, name).items()]
    return rows


def calibration_rows(card: ModelCard | None) -> list[dict[str, Any]]:
    """Return the figures of the grains that a network was calibrated on, before and after."""
    if card is None or not card.calibration.fitted_on:
        return []
    parts: dict[str, Any] = {
        "uncalibrated": card.calibration.before,
        "calibrated": card.calibration.after,
    }
    return [
        {"name": name, **{key: _float(figures.get(key)) for key in ("loss", "brier", "ece")}}
        for name, figures in parts.items()
    ]


def _beside(metrics: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the baselines' figures for a row of the card's scores."""
    found = {}
    for baseline, its in (metrics.get("beside") or {}).items():
        groups = {"validation": its["validation"], "hold-out samples": its.get("hold_out")}
        groups |= {f"validated on {fold['held_out']}": fold for fold in its.get("folds") or []}
        if groups.get(name):
            found[baseline] = groups[name]
    return found


def evaluation_rows(evaluation: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the figures of merit of each sample and, last, of all together."""
    if not evaluation:
        return []
    rows = [_scores(name, figures or {}) for name, figures in (evaluation.get("samples") or {}).items()]
    if evaluation.get("overall"):
        rows.append(_scores("all together, never seen", evaluation["overall"]) | {"is_total": True})
        rows += [
            _scores(f"— {name} on these", figures) | {"is_total": True}
            for name, figures in (evaluation.get("beside") or {}).items()
        ]
    return rows


def confusion_rows(evaluation: Mapping[str, Any] | None) -> list[list[int]]:
    """Return the counts of true (rows) against predicted classes, if they fit the classes' names."""
    counts = ((evaluation or {}).get("overall") or {}).get("confusion") or []
    n_classes = len((evaluation or {}).get("classes") or [])
    return counts if len(counts) == n_classes else []


def _scores(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    scores: dict[str, Any] = {key: _float(figures.get(key)) for key in _FIGURES_OF_MERIT}
    return scores | {"name": name, "in_training": bool(figures.get("in_training")), "is_total": False}


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)
