"""The verdict over a sample: what its grains say together, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.metrics import Probabilities
from napari_zircon_cnn.networks.card import HeldOutSample

UNDECIDED = "undecided"
"""The verdict where no class leads clearly."""

MIN_GRAINS = 6
"""Grains below which no verdict is given: even if each of fewer grains leaned to one class, a
fair coin would do the same in more than 2.5% of cases (1 in 32 for five), the share of resamples
that a verdict may go against."""

VERDICT_CAVEAT = (
    "Grains of one sample are not independent samples: they share a rock, a mount and an imaging session, "
    "so the interval says how well this mount's grains pin down their own mean, not how sure the class of "
    "the rock body is. A network trained with leave-one-sample-out knows how much samples of a class differ, "
    "and its intervals count that."
)

_CONFIDENCE = 0.95
_SMALLEST_PROBABILITY = 1e-7
_CHUNK_DRAWS = 2**18
_SHIFTS = 1000
_GRAINS_SHIFTED = 500


@dataclass(frozen=True, eq=False)
class SampleSpread:
    """How much samples of one class differ from each other, as a network sees them.

    Parameters
    ----------
    residuals
        Shape (n_samples, n_classes): each held-out sample's mean centred logarithms of the
        probabilities, less the mean of its class, and without what the draw of its grains adds.
    freedom
        Degrees of freedom: samples less classes.
    """

    residuals: NDArray[np.float64]
    freedom: int

    @property
    def n_samples(self) -> int:
        """Return how many samples it is known from."""
        return len(self.residuals)


@dataclass(frozen=True)
class Verdict:
    """What the grains of one sample say together.

    Parameters
    ----------
    n_grains
        Number of grains.
    mean_probability
        Mean probability of the target class; NaN without grains.
    share_above_half
        Share of the grains whose probability of the target class is above 0.5; NaN without grains.
    low, high
        95% interval of the mean probability; NaN below two grains.
    verdict
        The class with the highest mean probability if it leads in 97.5% of the resamples and
        there are `MIN_GRAINS` grains or more, else "undecided".
    n_spread_samples
        From how many held-out samples the spread between samples is known that the interval counts; 0
        where it counts the grains of this mount alone.
    """

    n_grains: int
    mean_probability: float
    share_above_half: float
    low: float
    high: float
    verdict: str
    n_spread_samples: int = 0


def caveat_of(n_spread_samples: int) -> str:
    """Return how the intervals of verdicts are to be read.

    Parameters
    ----------
    n_spread_samples
        As `Verdict` has it.

    Returns
    -------
    str
        One or two sentences; `VERDICT_CAVEAT` where the spread between samples is not known.
    """
    if not n_spread_samples:
        return VERDICT_CAVEAT
    return (
        f"The intervals count the grains of the mount and how much {n_spread_samples} samples, each held out "
        "once in the training, differ from others of their class. They hold for samples of the kinds and "
        "from the imaging that the network was trained on."
    )


def log_ratios(probabilities: Probabilities) -> NDArray[np.float64]:
    """Return each class's logarithm less the mean of all, averaged over the grains, shape (n_classes,)."""
    logs = _logs(probabilities)
    mean: NDArray[np.float64] = (logs - logs.mean(axis=1, keepdims=True)).mean(axis=0)
    return mean


def log_ratio_noise(probabilities: Probabilities) -> float:
    """Return the variance of `log_ratios` by the draw of the grains, over all classes; NaN for one grain."""
    n = len(probabilities)
    if n < 2:
        return math.nan
    logs = _logs(probabilities)
    return float((logs - logs.mean(axis=1, keepdims=True)).var(axis=0, ddof=1).sum() / n)


def spread_between(samples: Sequence[HeldOutSample]) -> SampleSpread | None:
    """Return how much samples of one class differ, from samples that were held out in the training.

    Parameters
    ----------
    samples
        What networks trained without each of them say of it.

    Returns
    -------
    SampleSpread or None
        None where there are fewer than two more samples than classes, which is too few to know.

    Notes
    -----
    A sample's mean also varies with its own few grains, which a verdict counts by itself. That part of the
    variance, known from the spread of the grains, is taken off: a method of moments for one-way random
    effects (Searle et al., 1992, Variance Components, chapter 3). Where a card does not tell it, it stays.
    """
    classes = sorted({sample.class_name for sample in samples})
    freedom = len(samples) - len(classes)
    if freedom < 2:
        return None
    parts = []
    for name in classes:
        means = np.array([sample.log_ratios for sample in samples if sample.class_name == name])
        parts.append(means - means.mean(axis=0))
    residuals = np.concatenate(parts)
    total = float((residuals**2).sum()) / freedom
    noise = float(np.mean([sample.noise for sample in samples]))
    left = 1.0 if math.isnan(noise) or total == 0 else max(1 - noise / total, 0.0)
    return SampleSpread(residuals * math.sqrt(left), freedom)


def verdict(
    probabilities: Probabilities,
    classes: Sequence[str],
    target_class: str,
    *,
    spread: SampleSpread | None = None,
    seed: int = 0,
    n_resamples: int = 2000,
) -> Verdict:
    """Sum up one sample's grains; read it with `caveat_of`.

    Parameters
    ----------
    probabilities
        Shape (n, n_classes), calibrated.
    classes
        Names of the classes, in the order of the columns.
    target_class
        The class whose probability is told.
    spread
        How much samples of one class differ; without it the interval counts this mount's grains alone.
    seed
        Seed of the resampling.
    n_resamples
        How often the sample is drawn anew.

    Returns
    -------
    Verdict
        Means, interval and class.

    Notes
    -----
    The interval is a percentile bootstrap over two levels of clusters. Below, the grains of the sample
    are drawn anew with replacement. Above, where `spread` is given, the sample itself is: all its
    logarithms of the probabilities move together by a draw from a multivariate t distribution with the
    held-out samples' covariance within classes, since a handful of samples has no tails to draw from.

    What it covers: the mean probability that the network would give to all grains of this rock in a mount
    and session that is no brighter, sharper or otherwise special than usual ones. Without `spread`: the
    same in this very mount. It is not the probability that the rock body is of the class.

    Sources: Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8;
    Field & Welsh (2007), doi:10.1111/j.1467-9868.2007.00593.x, on clusters of random effects.
    """
    target = list(classes).index(target_class)
    values = np.asarray(probabilities, np.float64)
    n = len(values)
    n_spread = spread.n_samples if spread is not None else 0
    if n == 0:
        return Verdict(0, math.nan, math.nan, math.nan, math.nan, UNDECIDED, n_spread)
    mean, share = float(values[:, target].mean()), float((values[:, target] > 0.5).mean())
    if n == 1:
        return Verdict(1, mean, share, math.nan, math.nan, UNDECIDED, n_spread)
    rng = np.random.default_rng(seed)
    means = _resampled_means(values, rng, n_resamples)
    if spread is not None:
        shifts = _shifted_means(values, spread, rng)
        means = np.clip(means + shifts[rng.integers(len(shifts), size=n_resamples)], 0, 1)
    low, high = np.quantile(means[:, target], [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    leader = int(values.mean(axis=0).argmax())
    others = np.delete(means, leader, axis=1).max(axis=1)
    leads = float((means[:, leader] > others).mean())
    decided = n >= MIN_GRAINS and leads >= (1 + _CONFIDENCE) / 2
    name = classes[leader] if decided else UNDECIDED
    return Verdict(n, mean, share, float(low), float(high), name, n_spread)


def _resampled_means(
    values: NDArray[np.float64], rng: np.random.Generator, n_resamples: int
) -> NDArray[np.float64]:
    n = len(values)
    per_chunk = max(1, _CHUNK_DRAWS // n)
    means = []
    for start in range(0, n_resamples, per_chunk):
        size = min(per_chunk, n_resamples - start)
        drawn = rng.integers(n, size=(size, n), dtype=np.int32)
        means.append(np.stack([column[drawn].mean(axis=1) for column in values.T], axis=1))
    return np.concatenate(means)


def _shifted_means(
    values: NDArray[np.float64], spread: SampleSpread, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return by how much the means move, (n_shifts, n_classes), as a whole sample is drawn anew."""
    # Random signs and sizes of the residuals have their covariance; the root of a chi-square makes it t.
    weights = rng.standard_normal((_SHIFTS, spread.n_samples)) / math.sqrt(spread.freedom)
    tails = np.sqrt(spread.freedom / rng.chisquare(spread.freedom, _SHIFTS))
    moves = (weights @ spread.residuals) * tails[:, None]
    if len(values) > _GRAINS_SHIFTED:
        values = values[rng.permutation(len(values))[:_GRAINS_SHIFTED]]
    logs = _logs(values)[None] + moves[:, None, :]
    powers = np.exp(logs - logs.max(axis=2, keepdims=True))
    moved = (powers / powers.sum(axis=2, keepdims=True)).mean(axis=1)
    shifted: NDArray[np.float64] = moved - values.mean(axis=0)
    return shifted


def _logs(probabilities: Probabilities) -> NDArray[np.float64]:
    return np.asarray(np.log(np.clip(np.asarray(probabilities, np.float64), _SMALLEST_PROBABILITY, 1)))
