"""What the small tables of the train panel say: a network beside what it must beat, test by test."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from napari_zircon_cnn.networks.card import ModelCard

OVER_GRAINS, OVER_SAMPLES = "grains", "samples"
"""The two ways of holding out, as a validation's table names them."""

_MAJORITY, _SHAPES = "majority class", "shapes alone"
_MUCH = 0.1
"""A difference of the ROC-AUC that is worth a sentence."""


@dataclass(frozen=True)
class Cell:
    """What a table says in one place.

    Parameters
    ----------
    text
        ROC-AUC and accuracy, a line each.
    explanation
        All that is known, for a tool tip.
    """

    text: str
    explanation: str


@dataclass(frozen=True)
class Figures:
    """A table of figures of merit.

    Parameters
    ----------
    tests
        What each column is held out by.
    rows
        The cells by who is tested, one for each column.
    """

    tests: tuple[str, ...]
    rows: dict[str, tuple[Cell, ...]]


def figures_of_card(card: ModelCard) -> Figures:
    """Return the figures of a trained network and of what it must beat, as its card holds them.

    Parameters
    ----------
    card
        The card.

    Returns
    -------
    Figures
        Columns for the random fifth, the folds and the held-out samples, as far as there are any.
    """
    metrics: Mapping[str, Any] = card.metrics
    rows: dict[str, Mapping[str, Any]] = dict(metrics.get("beside") or {})
    rows[card.network.network] = metrics
    kind = card.validation.get("kind")
    folds = "each sample\nin turn" if kind == "leave-one-sample-out" else "folds over\ngrains"
    names = {"validation": "a fifth of\nthe grains", "folds": folds, "hold_out": "held-out\nsamples"}
    there = [key for key in names if metrics.get(key)]
    return Figures(
        tuple(names[key] for key in there),
        {name: tuple(_cell_of(figures.get(key)) for key in there) for name, figures in rows.items()},
    )


def figures_of_validation(table: pd.DataFrame) -> Figures:
    """Return the figures of a validation: over grains of known samples beside over whole samples.

    Parameters
    ----------
    table
        As `divisions.side_by_side` gives it.

    Returns
    -------
    Figures
        A row for each classifier.
    """
    by_place = {(str(row["by"]), str(row["over"])): row for row in table.to_dict("records")}
    ways = [over for over in (OVER_GRAINS, OVER_SAMPLES) if (table["over"] == over).any()]
    names = {OVER_GRAINS: "grains of known\nsamples", OVER_SAMPLES: "whole samples,\nnever seen"}
    empty = Cell("", "")
    return Figures(
        tuple(names[over] for over in ways),
        {
            by: tuple(
                _cell_of_summary(by_place[by, over]) if (by, over) in by_place else empty for over in ways
            )
            for by in dict.fromkeys(str(name) for name in table["by"])
        },
    )


def validation_in_words(table: pd.DataFrame, network: str) -> str:
    """Return in a sentence or two what a validation says of a network on a new sample."""
    rows = {(row["by"], row["over"]): row for row in table.to_dict("records")}
    auc = {place: float(row["roc_auc"]) for place, row in rows.items()}
    known, new = (auc.get((network, over), math.nan) for over in (OVER_GRAINS, OVER_SAMPLES))
    if math.isnan(new):
        return f"How {network} does on a sample that it has never seen is not known."
    told = f"On a sample that it has never seen, expect a ROC-AUC of {new:.2f}"
    told += f", not the {known:.2f} of grains of known samples." if known - new >= _MUCH else "."
    shapes = auc.get((_SHAPES, OVER_SAMPLES), math.nan)
    if new <= shapes:
        told += f" The shapes of the grains alone do no worse ({shapes:.2f})."
    right = float(rows[network, OVER_SAMPLES]["accuracy"])
    # Which grains come first may be told well by a network that has not learnt where the classes part.
    if right < float(rows.get((_MAJORITY, OVER_GRAINS), {}).get("accuracy", 0.0)) - _MUCH:
        told += f" Yet it gives only {right:.0%} of those grains their class: train longer first."
    return told


def _cell_of(figures: Any) -> Cell:
    """Return the cell for figures of one test, or of several folds."""
    if isinstance(figures, Sequence):
        return _cell_of_folds([fold for fold in figures if fold])
    if not figures:
        return Cell("", "")
    low, high = _number(figures.get("accuracy_low")), _number(figures.get("accuracy_high"))
    told = [f"{figures.get('n')} grains", f"loss {_short(_number(figures.get('loss')))}"]
    if not math.isnan(low):
        told.append(f"95% interval of the accuracy {low:.2f} to {high:.2f}")
    return Cell(_lines(_number(figures.get("roc_auc")), _number(figures.get("accuracy"))), "\n".join(told))


def _cell_of_folds(folds: Sequence[Mapping[str, Any]]) -> Cell:
    if not folds:
        return Cell("", "")
    n = np.array([fold["n"] for fold in folds], float)
    right = np.array([_number(fold.get("accuracy")) for fold in folds])
    aucs = np.array([_number(fold.get("roc_auc")) for fold in folds])
    known = aucs[np.isfinite(aucs)]
    told = [
        f"{fold.get('held_out', '')}: {int(fold['n'])} grains, accuracy {_short(value)}"
        for fold, value in zip(folds, right, strict=True)
    ]
    return Cell(
        _lines(
            float(known.mean()) if len(known) else math.nan,
            float(np.average(right, weights=n)),
            _spread(known),
            _spread(right),
        ),
        "\n".join(told),
    )


def _cell_of_summary(row: Mapping[Any, Any]) -> Cell:
    told = [f"{row['n_grains']} grains, {row['folds']} folds, {row['repeats']} times"]
    for key, name in (("roc_auc", "ROC-AUC"), ("accuracy", "accuracy")):
        spreads = [f"{_short(row[f'{key}_between_{of}'])} between {of}" for of in ("folds", "seeds")]
        told.append(f"{name} {_short(row[key])} ± {', '.join(spreads)}")
    told.append(
        f"95% interval of the ROC-AUC as samples are drawn anew: {_short(row['roc_auc_low'])} to "
        f"{_short(row['roc_auc_high'])}"
    )
    told.append(f"loss {_short(row['loss'])}, Brier score {_short(row['brier'])}")
    return Cell(
        _lines(row["roc_auc"], row["accuracy"], row["roc_auc_between_seeds"], row["accuracy_between_seeds"]),
        "\n".join(told),
    )


def _lines(auc: float, right: float, auc_spread: float = math.nan, right_spread: float = math.nan) -> str:
    parts = (("AUC", auc, auc_spread), ("acc.", right, right_spread))
    return "\n".join(
        f"{name} {_short(value)}{'' if math.isnan(spread) or math.isnan(value) else f' ± {spread:.2f}'}"
        for name, value, spread in parts
    )


def _spread(values: Any) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"  # noqa: RUF001 -- a dash


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
