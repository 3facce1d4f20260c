"""The paper's tables as rows: what was found here beside what was published."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.reproduction.published import CROSS_VALIDATED, FOLDS, MODELS, PaperModel
from napari_zircon_cnn.samples.quellaveco import SAMPLES

_FIGURES = ("loss", "accuracy", "roc_auc")
_FEW = 20
"""Below so many grains of a class, a ROC-AUC says little."""


def choose_hold_out(counts: Mapping[str, int]) -> list[str]:
    """Return which samples to test on.

    Parameters
    ----------
    counts
        The grains of each sample at hand.

    Returns
    -------
    list of str
        The paper's test samples that are at hand; for a class without one, its sample with the fewest
        grains, if another sample of the class is left to train with.
    """
    chosen = []
    for class_name in dict.fromkeys(sample.class_name for sample in SAMPLES):
        here = [sample for sample in SAMPLES if sample.class_name == class_name and sample.name in counts]
        test = [sample.name for sample in here if sample.role == "test"]
        if not test and len(here) > 1:
            test = [min(here, key=lambda sample: counts[sample.name]).name]
        chosen += test if len(here) > len(test) else []
    return chosen


def notes_on_samples(counts: Mapping[str, int], hold_out: Sequence[str]) -> list[str]:
    """Return the sentences about what is missing and what the test is worth.

    Parameters
    ----------
    counts
        The grains of each sample at hand.
    hold_out
        The samples of the test.

    Returns
    -------
    list of str
        Sentences for people.
    """
    listed = [sample for sample in SAMPLES if sample.role != "not listed"]
    missing = [sample.name for sample in listed if sample.name not in counts]
    of_paper = [sample.name for sample in listed if sample.role == "test"]
    notes = []
    if missing:
        notes.append(
            f"Mosaics missing: {', '.join(missing)}. All figures are of the {len(counts)} that were there."
        )
    if hold_out and set(hold_out) != set(of_paper):
        notes.append(
            f"The paper tests on {' and '.join(of_paper)}; here the test is {' and '.join(hold_out)}, "
            "never seen in training."
        )
    lacking = {sample.class_name for sample in SAMPLES} - {
        sample.class_name for sample in SAMPLES if sample.name in hold_out
    }
    if lacking:
        notes.append(
            f"No sample of the class {' or '.join(sorted(lacking))} could be held out, since none would be "
            "left to learn from. The test has one class only: there is no ROC-AUC, and calling every grain "
            "by that class would be right each time."
        )
    notes.append(
        "The validation's grains come from the same samples as the training's, as in the paper. What a "
        "network does on a sample that it has never seen may be far worse: trust the test, and samples held "
        "out one by one (zircon-cnn train --validation leave-one-sample-out)."
    )
    return notes


def notes_on_validation(cards: Mapping[str, ModelCard]) -> list[str]:
    """Return the sentences about classes of which the validation has too few grains.

    Parameters
    ----------
    cards
        The cards of the networks that were trained, by the keys of `published.MODELS`.

    Returns
    -------
    list of str
        Sentences for people; none where each class has enough.
    """
    notes = []
    card = next(iter(cards.values()), None)
    for n, counts in enumerate(_confusion(card)):
        if card and sum(counts) < _FEW:
            blind = [model.title for model in MODELS if _finds_none(cards.get(model.key), n)]
            notes.append(
                f"The validation has {sum(counts)} grains of the class {card.classes[n]}; its ROC-AUC "
                "rests on these few, and another split may give quite another."
                + (f" None of them is told by {'; '.join(blind)}." if blind else "")
            )
    return notes


def _confusion(card: ModelCard | None) -> list[list[int]]:
    metrics: Any = card.metrics if card else {}
    found: list[list[int]] = metrics.get("validation", {}).get("confusion", [])
    return found


def _finds_none(card: ModelCard | None, of_class: int) -> bool:
    rows = _confusion(card)
    return bool(rows) and rows[of_class][of_class] == 0


def sample_rows(counts: Mapping[str, int], hold_out: Sequence[str]) -> list[dict[str, Any]]:
    """Return table 1: every sample of the paper, its grains here and as published."""
    return [
        {
            "sample": sample.name,
            "lithology": sample.lithology or "",
            "class": sample.class_name,
            "role": _role(sample.name, counts, hold_out),
            "grains": counts.get(sample.name, math.nan),
            "published": sample.n_grains,
        }
        for sample in SAMPLES
    ]


def _role(name: str, counts: Mapping[str, int], hold_out: Sequence[str]) -> str:
    if name not in counts:
        return "missing"
    return "test" if name in hold_out else "training"


def network_rows(cards: Mapping[str, ModelCard]) -> list[dict[str, Any]]:
    """Return table 2: a row for each network and part of the grains.

    Parameters
    ----------
    cards
        The cards of the networks that were trained, by the keys of `published.MODELS`.

    Returns
    -------
    list of dict
        `network`, `part` (training, validation or test), `epochs`, `n`, the figures and the published
        ones; NaN where there is none. Below them stand what needs no network.
    """
    rows = []
    for model in MODELS:
        card = cards.get(model.key)
        last: Mapping[str, Any] = card.history[-1] if card and card.history else {}
        metrics: Mapping[str, Any] = card.metrics if card else {}
        n_trained = sum(sample.n_grains for sample in card.samples) if card else math.nan
        validation = metrics.get("validation", {})
        parts = {
            "training": {**last, "n": n_trained - validation.get("n", 0)},
            "validation": validation,
            "test": metrics.get("hold_out", {}),
        }
        for part, found in parts.items():
            rows.append(
                {
                    "network": model.title,
                    "part": part,
                    "epochs": len(card.history) if card else math.nan,
                    "n": _number(found.get("n")),
                    **{name: _number(found.get(name)) for name in _FIGURES},
                    **_published(model, part),
                }
            )
    return rows + _baseline_rows(next(iter(cards.values()), None))


def _baseline_rows(card: ModelCard | None) -> list[dict[str, Any]]:
    """Return what needs no network: the majority class and the grains' shapes alone."""
    beside: Any = card.metrics.get("beside", {}) if card else {}
    return [
        {
            "network": f"without a network: {name}",
            "part": part,
            "epochs": math.nan,
            "n": _number(figures[key].get("n")),
            **{figure: _number(figures[key].get(figure)) for figure in _FIGURES},
            **dict.fromkeys((f"published_{figure}" for figure in _FIGURES), math.nan),
        }
        for name, figures in beside.items()
        for part, key in (("validation", "validation"), ("test", "hold_out"))
        if key in figures
    ]


def _published(model: PaperModel, part: str) -> dict[str, float]:
    score = {"validation": model.validation, "test": model.test}.get(part)
    return {f"published_{name}": getattr(score, name) if score else math.nan for name in _FIGURES}


def fold_rows(card: ModelCard | None) -> list[dict[str, Any]]:
    """Return the cross-validation: a row for the network, and one for each of what needs no network.

    Parameters
    ----------
    card
        The card of the network, if it was trained.

    Returns
    -------
    list of dict
        `network`; the mean over folds of each figure and its `_spread`, then the published ones; NaN where
        there is none.
    """
    metrics: Any = card.metrics if card else {}
    beside = {name: figures.get("folds", []) for name, figures in metrics.get("beside", {}).items()}
    (title,) = (model.title for model in MODELS if model.key == CROSS_VALIDATED)
    published = {
        f"published_{name}{suffix}": value
        for name in _FIGURES
        for suffix, value in zip(("", "_spread"), FOLDS[name], strict=True)
    }
    return [{"network": title, **_over_folds(metrics.get("folds", [])), **published}] + [
        {"network": f"without a network: {name}", **_over_folds(folds), **dict.fromkeys(published, math.nan)}
        for name, folds in beside.items()
    ]


def _over_folds(folds: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    values = {name: np.array([_number(fold.get(name)) for fold in folds] or [math.nan]) for name in _FIGURES}
    return {
        f"{name}{suffix}": float(value)
        for name, of_folds in values.items()
        for suffix, value in (("", of_folds.mean()), ("_spread", of_folds.std()))
    }


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
