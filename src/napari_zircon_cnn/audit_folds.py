"""Which grains an audit holds out of each training, and the figures of what is said of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.audit import Viewed, mean_of
from napari_zircon_cnn.baseline import BASELINES, Baseline, brightness_baseline
from napari_zircon_cnn.dataset import Dataset, leave_one_sample_out, random_split, stratified_folds
from napari_zircon_cnn.divisions import auc_over_samples
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.metrics import Probabilities, roc_auc
from napari_zircon_cnn.priors import evened, leaning

BRIGHTNESS_ALONE = "brightness alone"

_BASELINES: dict[str, Baseline] = {**BASELINES, BRIGHTNESS_ALONE: brightness_baseline}
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class AuditFold:
    """Which grains take part in a training and which ones are asked about, as indices into a dataset.

    Parameters
    ----------
    repeat
        Which repeat it belongs to, from 0.
    name
        What is held out, for people.
    train
        The grains to train on.
    known
        Other grains of the same samples.
    new
        The grains of a sample that is not trained on; may be empty.
    """

    repeat: int
    name: str
    train: NDArray[np.int64]
    known: NDArray[np.int64]
    new: NDArray[np.int64]

    @property
    def asked(self) -> NDArray[np.int64]:
        """Return the grains to ask about, the known first."""
        return np.concatenate([self.known, self.new])


def audit_folds(grains: Dataset, repeats: int, seed: int) -> tuple[list[AuditFold], str]:
    """Hold out each sample in turn, and a fifth of the grains of the others.

    Parameters
    ----------
    grains
        Grains of known class.
    repeats
        How often; each with a seed of its own.
    seed
        The first seed.

    Returns
    -------
    list of AuditFold
        Where no sample can be held out, folds over the grains alone.
    str
        Why, in that case.
    """
    try:
        over_samples = leave_one_sample_out(grains)
    except ZirconError as error:
        nothing = np.zeros(0, np.int64)
        n_folds = int(min(_FOLDS, np.bincount(grains.y, minlength=len(grains.classes)).min()))
        return [
            AuditFold(repeat, fold.name, fold.train, fold.validation, nothing)
            for repeat in range(repeats)
            for fold in stratified_folds(grains, n_folds, seed + repeat)
        ], str(error)
    folds = []
    for repeat in range(repeats):
        for n, fold in enumerate(over_samples):
            # Another fifth for each, so that in the end many grains have their say.
            inner = random_split(grains.take(fold.train), seed=seed + repeat * len(over_samples) + n)
            learnt, known = fold.train[inner.train], fold.train[inner.validation]
            folds.append(AuditFold(repeat, f"without {fold.name}", learnt, known, fold.validation))
    return folds, ""


def of_baselines(grains: Dataset, folds: Sequence[AuditFold]) -> dict[str, list[Probabilities]]:
    """Return what needs no network says of the grains asked about.

    Parameters
    ----------
    grains
        The grains with their masked crops.
    folds
        Which of them are learnt from and which asked about.

    Returns
    -------
    dict
        By name, for each fold the probabilities for equally frequent classes.
    """
    found: dict[str, list[Probabilities]] = {}
    for name, baseline in _BASELINES.items():
        for fold in folds:
            learnt = grains.take(fold.train)
            said = baseline(learnt, grains.take(fold.asked))
            assumed = leaning(baseline(learnt, learnt), learnt.y)
            found.setdefault(name, []).append(evened(said, assumed))
    return found


def judge(
    grains: Dataset,
    folds: Sequence[AuditFold],
    said: Sequence[Probabilities],
    shown: Sequence[Probabilities] | None = None,
) -> tuple[Viewed, dict[str, float]]:
    """Return the figures of what is said of grains.

    Parameters
    ----------
    grains
        The grains.
    folds
        Which of them are asked about.
    said
        For each fold the probabilities, evened.
    shown
        The same by networks that were trained on a view with more in it.

    Returns
    -------
    Viewed
        What a sentence is made from.
    dict
        What stands in the table; see `jobs.audit.Audited`.
    """
    aucs, low, high = _on_new_samples(grains, folds, said)
    viewed = Viewed(
        _on_known_samples(grains, folds, said),
        float(np.mean(aucs)),
        () if shown is None else _on_known_samples(grains, folds, shown),
    )
    return viewed, {
        "known": mean_of(viewed.known),
        "shown": mean_of(viewed.shown),
        "new": viewed.new,
        "new_low": low,
        "new_high": high,
        "between_seeds": float(np.std(aucs, ddof=1)) if len(aucs) > 1 else math.nan,
    }


def _on_known_samples(
    grains: Dataset, folds: Sequence[AuditFold], said: Sequence[Probabilities]
) -> tuple[float, ...]:
    return tuple(
        roc_auc(answer[: len(fold.known)], grains.y[fold.known])
        for fold, answer in zip(folds, said, strict=True)
    )


def _on_new_samples(
    grains: Dataset, folds: Sequence[AuditFold], said: Sequence[Probabilities]
) -> tuple[list[float], float, float]:
    """Return the ROC-AUC of each repeat over all its folds, and the interval of the first."""
    aucs, interval = [], (math.nan, math.nan)
    for repeat in range(max(fold.repeat for fold in folds) + 1):
        these = [
            (fold.new, answer[len(fold.known) :])
            for fold, answer in zip(folds, said, strict=True)
            if fold.repeat == repeat
        ]
        which = np.concatenate([new for new, _ in these])
        probabilities = np.concatenate([answer for _, answer in these])
        aucs.append(roc_auc(probabilities, grains.y[which]))
        if repeat == 0:
            interval = auc_over_samples(probabilities, grains.y[which], grains.samples[which])
    return aucs, *interval
