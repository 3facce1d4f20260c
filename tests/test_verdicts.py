import math

import numpy as np
import pytest

from napari_zircon_cnn.networks.card import HeldOutSample
from napari_zircon_cnn.verdicts import (
    MIN_GRAINS,
    UNDECIDED,
    VERDICT_CAVEAT,
    caveat_of,
    log_ratio_noise,
    log_ratios,
    spread_between,
    verdict,
)

CLASSES = ("batholith", "porphyry")


def two_columns(porphyry: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    p = np.array(porphyry, float)
    return np.stack([1 - p, p], axis=1)


def test_a_sample_that_leans_to_a_class_is_given_it() -> None:
    grains = np.random.default_rng(0).beta(4, 2, 100)
    answer = verdict(two_columns(list(grains)), CLASSES, "porphyry")
    assert answer.verdict == "porphyry"
    assert answer.n_grains == 100
    assert answer.mean_probability == pytest.approx(grains.mean())
    assert answer.share_above_half == pytest.approx((grains > 0.5).mean())
    # The bootstrap's interval of a mean is close to that of the central limit theorem.
    half = 1.96 * grains.std() / 10
    assert answer.low == pytest.approx(grains.mean() - half, abs=0.01)
    assert answer.high == pytest.approx(grains.mean() + half, abs=0.01)


def test_the_target_class_changes_the_probability_told_and_not_the_verdict() -> None:
    grains = two_columns([0.8, 0.9, 0.7, 0.6, 0.9, 0.8, 0.4])
    one, other = (verdict(grains, CLASSES, target) for target in CLASSES)
    assert one.verdict == other.verdict == "porphyry"
    assert one.mean_probability == pytest.approx(1 - other.mean_probability)
    assert one.low == pytest.approx(1 - other.high)


def test_a_sample_that_leans_nowhere_is_undecided() -> None:
    assert verdict(two_columns([0.1, 0.9] * 20), CLASSES, "porphyry").verdict == UNDECIDED


def test_one_of_three_classes_leads() -> None:
    grains = np.random.default_rng(0).dirichlet([2, 2, 4], 60)
    assert verdict(grains, ("a", "b", "c"), "a").verdict == "c"


def test_few_grains_give_no_verdict() -> None:
    none = verdict(np.empty((0, 2)), CLASSES, "porphyry")
    assert none.n_grains == 0
    assert math.isnan(none.mean_probability)
    assert none.verdict == UNDECIDED
    one = verdict(two_columns([0.9]), CLASSES, "porphyry")
    assert one.mean_probability == pytest.approx(0.9)
    assert math.isnan(one.low)
    assert one.verdict == UNDECIDED
    assert verdict(two_columns([0.9] * (MIN_GRAINS - 1)), CLASSES, "porphyry").verdict == UNDECIDED
    assert verdict(two_columns([0.9] * MIN_GRAINS), CLASSES, "porphyry").verdict == "porphyry"


def test_the_same_seed_gives_the_same_interval() -> None:
    grains = two_columns(list(np.random.default_rng(0).random(5000)))
    assert verdict(grains, CLASSES, "porphyry", seed=3) == verdict(grains, CLASSES, "porphyry", seed=3)
    assert verdict(grains, CLASSES, "porphyry", seed=3) != verdict(grains, CLASSES, "porphyry", seed=4)


def held_out(
    n_samples: int, between: float, rng: np.random.Generator, n_grains: int = 40
) -> list[HeldOutSample]:
    """Return samples, by turns of one class and the other, whose mean log odds differ by `between`."""
    found = []
    for n in range(n_samples):
        odds = 2 * (n % 2) - 1 + between * rng.standard_normal() + rng.normal(0, 1.5, n_grains)
        grains = two_columns(list(1 / (1 + np.exp(-odds))))
        found.append(
            HeldOutSample(
                sample=f"S{n}",
                class_name=CLASSES[n % 2],
                n_grains=n_grains,
                log_ratios=tuple(log_ratios(grains).tolist()),
                noise=log_ratio_noise(grains),
            )
        )
    return found


def test_samples_that_differ_make_the_interval_wider_and_the_verdict_slower() -> None:
    rng = np.random.default_rng(0)
    grains = two_columns(list(1 / (1 + np.exp(-rng.normal(0.8, 1, 200)))))
    alone = verdict(grains, CLASSES, "porphyry")
    alike = verdict(grains, CLASSES, "porphyry", spread=spread_between(held_out(8, 0.5, rng)))
    unlike = verdict(grains, CLASSES, "porphyry", spread=spread_between(held_out(8, 1.0, rng)))
    widths = [answer.high - answer.low for answer in (alone, alike, unlike)]
    assert widths[0] < widths[1] < widths[2]
    assert (alone.verdict, unlike.verdict) == ("porphyry", UNDECIDED)
    assert (alone.n_spread_samples, unlike.n_spread_samples) == (0, 8)
    assert alone.mean_probability == unlike.mean_probability


@pytest.mark.parametrize("between", [0.1, 0.6])
def test_intervals_cover_the_truth_of_districts_whose_making_is_known(between: float) -> None:
    """The truth is the mean probability of all grains of the rock in a mount that is like the usual one."""
    covered = {"grains": 0, "samples": 0}
    rng = np.random.default_rng(0)
    for _ in range(100):
        within = 1.5
        spread = spread_between(held_out(8, between, rng))
        of_rock = rng.normal(1, 0.5)
        truth = (1 / (1 + np.exp(-(of_rock + within * rng.standard_normal(20_000))))).mean()
        odds = of_rock + between * rng.standard_normal() + rng.normal(0, within, 40)
        grains = two_columns(list(1 / (1 + np.exp(-odds))))
        for name, known in (("grains", None), ("samples", spread)):
            answer = verdict(grains, CLASSES, "porphyry", spread=known, n_resamples=1000)
            covered[name] += answer.low <= truth <= answer.high
    assert 90 <= covered["samples"] <= 99
    # What the interval would promise if the grains of a mount were independent.
    assert between < 0.5 or covered["grains"] < 80


def test_what_the_draw_of_grains_adds_is_no_difference_between_samples() -> None:
    samples = held_out(8, 0.0, np.random.default_rng(0))
    spread = spread_between(samples)
    unknown = spread_between([sample.model_copy(update={"noise": math.nan}) for sample in samples])
    assert spread is not None
    assert unknown is not None
    assert np.abs(spread.residuals).max() < 0.6 * np.abs(unknown.residuals).max()
    assert math.isnan(log_ratio_noise(two_columns([0.9])))


def test_too_few_samples_tell_nothing_of_how_samples_differ() -> None:
    rng = np.random.default_rng(0)
    assert spread_between([]) is None
    assert spread_between(held_out(3, 1.0, rng)) is None
    spread = spread_between(held_out(4, 1.0, rng))
    assert spread is not None
    assert (spread.n_samples, spread.freedom) == (4, 2)
    assert caveat_of(0) == VERDICT_CAVEAT
    assert "how much 4 samples, each held out once in the training, differ" in caveat_of(4)


def test_classes_of_three_are_drawn_anew_together() -> None:
    rng = np.random.default_rng(0)
    names = ("a", "b", "c")
    samples = [
        HeldOutSample(
            sample=f"S{n}",
            class_name=names[n % 3],
            n_grains=30,
            log_ratios=tuple(log_ratios(rng.dirichlet([2, 3, 4], 30)).tolist()),
        )
        for n in range(9)
    ]
    answer = verdict(rng.dirichlet([2, 2, 9], 50), names, "c", spread=spread_between(samples))
    assert answer.verdict == "c"
    assert 0 <= answer.low < answer.mean_probability < answer.high <= 1
