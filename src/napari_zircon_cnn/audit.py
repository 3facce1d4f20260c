"""What a network relies on: crops from which one thing was taken, and what is left of its figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Crops = NDArray[np.float32]
"""Shape (n, size, size, 1), 0 to 1."""

WHOLE, MASKED, MATCHED, SHUFFLED = "whole box", "masked", "same grey values", "shuffled"

VIEWS: dict[str, str] = {
    WHOLE: "the grain's bounding box as it is",
    MASKED: "the grain alone, all around it black",
    MATCHED: "the grain alone; all grains have the same histogram of grey values, in their own arrangement",
    SHUFFLED: "the grain alone, its pixels in random order: brightness and outline without any zoning",
}
"""The views of a grain, and what each still holds."""

SHOWN_BESIDE: dict[str, tuple[str, ...]] = {WHOLE: (MASKED,), MASKED: (MATCHED, SHUFFLED)}
"""What networks that were trained on a view are shown besides, to see what they miss."""

NOTABLE = 0.05
"""A fall of the ROC-AUC that counts."""

CHANCE = 0.6
"""A ROC-AUC below which there is nothing to explain."""

BRIGHTNESS, ZONING, SURROUNDINGS = "brightness", "zoning", "what surrounds the grain"

_TAKEN = {
    SURROUNDINGS: "with all around the grain black",
    BRIGHTNESS: "once all grains have the same grey values",
    ZONING: "once the pixels within each grain are shuffled",
}
_SHORTCUTS = {
    BRIGHTNESS: (
        "That is a shortcut: brightness depends on session and detector as much as on the rock. Train on "
        "masked crops whose light is varied (--masked --augmentation session)."
    ),
    SURROUNDINGS: (
        "That is a shortcut: what lies around a grain tells of its mount, not of the zircon. Train on masked "
        "crops (--masked)."
    ),
}
_GREY_VALUES = (
    "Most of it is not how bright a grain is as a whole, but how many of its pixels are dark and bright; "
    "that too changes with session and detector."
)
_QUANTILES = np.linspace(0, 1, 65)


@dataclass(frozen=True)
class Viewed:
    """How something does on grains that it was not trained on: a network on one view, or a baseline.

    Parameters
    ----------
    known
        ROC-AUC, fold by fold, on grains of the very samples that it was trained on; where it was trained
        on this view.
    new
        ROC-AUC on whole samples that it was not trained on, over all folds; NaN where there are none of
        each class.
    shown
        As `known`, of networks that are only shown this view and were trained on one with more in it; see
        `SHOWN_BESIDE`. Empty where there are none.
    """

    known: tuple[float, ...]
    new: float = math.nan
    shown: tuple[float, ...] = ()


def views_of(whole: Crops, masked: Crops, masks: Crops, seed: int = 0) -> dict[str, Crops]:
    """Return each view of some grains.

    Parameters
    ----------
    whole
        Crops with all that is in the bounding box.
    masked
        The same with all but the grain black.
    masks
        How much of each pixel is the grain, 0 to 1, in the same geometry.
    seed
        Seed of the random orders.

    Returns
    -------
    dict
        The crops by the names in `VIEWS`, each of the shape given.
    """
    rng = np.random.default_rng(seed)
    inside = masks[..., 0] > 0.5
    grey = masked[..., 0]
    usual = _usual_quantiles(grey, inside)
    matched, shuffled = np.zeros_like(grey), np.zeros_like(grey)
    for n, mask in enumerate(inside):
        values = grey[n][mask]
        ranks = values.argsort(kind="stable").argsort(kind="stable") / max(len(values) - 1, 1)
        matched[n][mask] = np.interp(ranks, _QUANTILES, usual)
        shuffled[n][mask] = rng.permutation(values)
    return {WHOLE: whole, MASKED: masked, MATCHED: matched[..., None], SHUFFLED: shuffled[..., None]}


def reliance(found: Mapping[str, Viewed], brightness: Viewed, shapes: Viewed) -> str:
    """Say in a few sentences what networks rely on, the first of which names it.

    Parameters
    ----------
    found
        The figures by the names in `VIEWS`.
    brightness, shapes
        Those of what tells the classes by mean and spread of the grey values alone, and by shapes alone. A
        reliance on brightness is called a shortcut where the former makes up half of it.

    Returns
    -------
    str
        The greatest fall first. A fall counts where it is `NOTABLE` and twice its standard error over the
        folds; what is taken away and not missed was not relied on.
    """
    best = max(mean_of(found[WHOLE].known), mean_of(found[MASKED].known))
    if math.isnan(best) or best < CHANCE:
        return (
            "Even on the samples that they know the networks do hardly better than chance (ROC-AUC "
            f"{best:.2f}), so there is nothing to explain; add grains, or train longer."
        )
    taken = {SURROUNDINGS: (WHOLE, MASKED), BRIGHTNESS: (MASKED, MATCHED), ZONING: (MASKED, SHUFFLED)}
    falls = {name: _Fall(found[before].known, found[after].shown) for name, (before, after) in taken.items()}
    missed = sorted((name for name, fall in falls.items() if fall.counts), key=lambda name: -falls[name].size)
    sentences = []
    if missed:
        first, *others = missed
        sentences.append(
            f"The networks rely most on {first}: {_TAKEN[first]}, the ROC-AUC on grains of the samples that "
            f"they know falls from {falls[first].before:.2f} to {falls[first].after:.2f}."
        )
        sentences += [
            f"They use {name} too ({falls[name].before:.2f} to {falls[name].after:.2f})." for name in others
        ]
    else:
        sentences.append("The networks miss nothing that was taken from the crops alone.")
    if BRIGHTNESS in missed:
        reached = mean_of(brightness.known)
        sentences.append(f"Brightness alone reaches {reached:.2f} there{_on_new(brightness)}.")
    if BRIGHTNESS in missed and found[MATCHED].new - found[MASKED].new >= NOTABLE:
        sentences.append(
            f"On samples that they do not know, networks that cannot see it do better "
            f"({found[MATCHED].new:.2f} against {found[MASKED].new:.2f})."
        )
    if mean_of(shapes.known) >= best - NOTABLE:
        sentences.append(
            f"The shapes in the grain table do as well without any network ({mean_of(shapes.known):.2f})."
        )
    if missed and missed[0] in _SHORTCUTS:
        is_light = missed[0] != BRIGHTNESS or mean_of(brightness.known) - 0.5 >= (best - 0.5) / 2
        sentences.append(_SHORTCUTS[missed[0]] if is_light else _GREY_VALUES)
    return " ".join(sentences)


@dataclass(frozen=True)
class _Fall:
    """What is left of figures, fold by fold."""

    fuller: Sequence[float]
    poorer: Sequence[float]

    @property
    def before(self) -> float:
        return mean_of(self.fuller)

    @property
    def after(self) -> float:
        return mean_of(self.poorer)

    @property
    def size(self) -> float:
        return self.before - self.after

    @property
    def counts(self) -> bool:
        apart = np.asarray(self.fuller) - np.asarray(self.poorer)
        apart = apart[np.isfinite(apart)]
        error = float(apart.std(ddof=1)) / math.sqrt(len(apart)) if len(apart) > 1 else 0.0
        return self.size >= max(NOTABLE, 2 * error)


def _on_new(viewed: Viewed) -> str:
    return "" if math.isnan(viewed.new) else f" and {viewed.new:.2f} on new samples"


def mean_of(values: Sequence[float]) -> float:
    """Return the mean of the figures that are known; NaN without any."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _usual_quantiles(grey: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean of the grains' quantiles of grey values."""
    found = [np.quantile(g[mask], _QUANTILES) for g, mask in zip(grey, inside, strict=True) if mask.any()]
    return np.asarray(np.mean(found, axis=0) if found else np.zeros(len(_QUANTILES)), np.float64)
