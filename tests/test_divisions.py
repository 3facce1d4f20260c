import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from napari_zircon_cnn.dataset import Dataset
from napari_zircon_cnn.divisions import Answer, Division, auc_over_samples, divisions, fold_rows, side_by_side
from napari_zircon_cnn.metrics import roc_auc


def grains_of(counts: dict[str, tuple[int, int]]) -> Dataset:
    """Return a dataset with so many grains of two classes in each sample."""
    samples = [sample for sample, numbers in counts.items() for _ in range(sum(numbers))]
    y = [index for numbers in counts.values() for index, n in enumerate(numbers) for _ in range(n)]
    labels = np.arange(1, len(y) + 1)
    crops = np.broadcast_to(labels[:, None, None, None].astype(np.float32), (len(y), 8, 8, 1))
    return Dataset(crops, np.array(y), np.array(samples), labels, ("a", "b"), pd.DataFrame(index=labels))


FOUR = {"A": (20, 0), "B": (20, 0), "C": (0, 20), "D": (0, 20)}


def score_of(grains: Dataset, seed: int = 0) -> np.ndarray:
    """Return log odds that tell the classes fairly."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(2.0 * grains.y - 1, 1.0))


def answered(grains: Dataset, parts: list[Division], by: str = "x") -> list[Answer]:
    """Return what a classifier with the odds of `score_of` says, with the priors of each fold's training."""
    odds, found = score_of(grains), []
    for part in parts:
        share = grains.y[part.fold.train].mean()
        p = 1 / (1 + np.exp(-(odds[part.fold.validation] + np.log(share / (1 - share)))))
        found.append(Answer(by, part, np.stack([1 - p, p], axis=1), (1 - share, share)))
    return found


def test_grains_are_divided_both_ways_and_repeatably() -> None:
    grains = grains_of(FOUR)
    parts, note = divisions(grains, repeats=2, n_folds=5)
    assert note == ""
    assert [(part.over, part.repeat) for part in parts] == (
        [("grains", 0)] * 5 + [("grains", 1)] * 5 + [("samples", 0)] * 4 + [("samples", 1)] * 4
    )
    first, second = (
        np.concatenate([part.fold.validation for part in parts[start : start + 5]]) for start in (0, 5)
    )
    assert sorted(first) == sorted(second) == list(range(80))
    assert first.tolist() != second.tolist()
    for part in parts[10:]:
        assert part.fold.name not in grains.samples[part.fold.train]
    again, _ = divisions(grains, repeats=2, n_folds=5)
    assert all((one.fold.train == other.fold.train).all() for one, other in zip(parts, again, strict=True))
    assert len(divisions(grains, repeats=3, n_folds=1)[0]) == 3 + 12


def test_a_grain_that_is_there_twice_is_never_on_both_sides() -> None:
    """As where one mosaic is in the project under two names."""
    grains = grains_of(FOUR)
    crops = np.arange(20, dtype=np.float32)[:, None, None, None] * np.ones((1, 8, 8, 1), np.float32)
    grains = dataclasses.replace(grains, crops=np.concatenate([crops, crops, crops + 100, crops + 200]))
    parts, _ = divisions(grains, repeats=1)
    for part in parts:
        learnt, held = (set(grains.take(which).hashes()) for which in (part.fold.train, part.fold.validation))
        assert not learnt & held
    of_a = next(part.fold for part in parts if part.fold.name == "A")
    assert set(grains.samples[of_a.train]) == {"C", "D"}


def test_a_network_that_knows_nothing_of_samples_does_as_well_on_whole_ones() -> None:
    """What each fold's training leans to, since it lacks a sample, is taken out before folds are pooled."""
    grains = grains_of(FOUR)
    parts, _ = divisions(grains, repeats=1)
    answers = answered(grains, parts)
    table = side_by_side(answers, grains).set_index("over")
    odds = score_of(grains)
    truth = roc_auc(np.stack([-odds, odds], axis=1), grains.y)
    assert table["roc_auc"].tolist() == pytest.approx([truth, truth], abs=1e-9)
    assert math.isnan(table["roc_auc_between_folds"]["samples"])
    assert table["roc_auc_between_folds"]["grains"] > 0
    # Without that step it would seem worse than it is.
    over = [answer for answer in answers if answer.division.over == "samples"]
    raw = np.concatenate([answer.probabilities for answer in over])
    which = np.concatenate([answer.division.fold.validation for answer in over])
    assert roc_auc(raw, grains.y[which]) < truth


def test_folds_have_their_rows() -> None:
    grains = grains_of(FOUR)
    parts, _ = divisions(grains, repeats=2, n_folds=2)
    rows = fold_rows(answered(grains, parts), grains)
    assert len(rows) == len(parts)
    assert {row["held_out"] for row in rows if row["over"] == "samples"} == set(FOUR)
    assert {row["repeat"] for row in rows} == {1, 2}
    assert "confusion" not in rows[0]


def test_interval_over_samples_is_wide_where_samples_differ() -> None:
    grains = grains_of(FOUR)
    odds = score_of(grains)
    moved = odds + np.where(grains.samples == "A", 3.0, 0.0)
    widths = []
    for values in (odds, moved):
        low, high = auc_over_samples(np.stack([-values, values], axis=1), grains.y, grains.samples)
        assert low <= roc_auc(np.stack([-values, values], axis=1), grains.y) <= high
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]
    one = grains.y == 0
    assert all(
        math.isnan(end) for end in auc_over_samples(np.zeros((40, 2)), grains.y[one], grains.samples[one])
    )


def test_where_no_sample_can_be_held_out_the_reason_is_told() -> None:
    parts, note = divisions(grains_of({"A": (20, 0), "C": (0, 20)}), repeats=1)
    assert {part.over for part in parts} == {"grains"}
    assert note.startswith("No sample can be held out")
