import math

import numpy as np
import pandas as pd

from napari_zircon_cnn.audit_folds import BRIGHTNESS_ALONE, audit_folds, judge, of_baselines
from napari_zircon_cnn.baseline import MAJORITY, SHAPE_COLUMNS
from napari_zircon_cnn.dataset import Dataset


def grains_of(*counts: tuple[str, int, int]) -> Dataset:
    """Return a dataset with so many grains of a class in each sample; those of class 1 are brighter."""
    samples = np.concatenate([np.repeat(sample, n) for sample, _, n in counts])
    y = np.concatenate([np.repeat(index, n) for _, index, n in counts])
    rng = np.random.default_rng(0)
    crops = (0.4 + 0.2 * y[:, None, None, None] + 0.05 * rng.random((len(y), 8, 8, 1))).astype(np.float32)
    rows = pd.DataFrame(rng.random((len(y), len(SHAPE_COLUMNS))), columns=list(SHAPE_COLUMNS))
    return Dataset(crops, y, samples, np.arange(1, len(y) + 1), ("a", "b"), rows)


FOUR = grains_of(("A", 0, 21), ("B", 0, 33), ("C", 1, 19), ("D", 1, 11))


def test_each_sample_is_new_once_and_known_grains_are_of_the_others() -> None:
    folds, note = audit_folds(FOUR, repeats=2, seed=0)
    assert note == ""
    assert [fold.name for fold in folds] == [f"without {name}" for name in "ABCD"] * 2
    for fold in folds:
        new, known = FOUR.samples[fold.new], FOUR.samples[fold.known]
        assert set(new) == {fold.name[-1]}
        assert fold.name[-1] not in set(known) | set(FOUR.samples[fold.train])
        assert sorted([*fold.train, *fold.asked]) == list(range(len(FOUR)))
    assert folds[0].known.tolist() != folds[4].known.tolist()
    again, _ = audit_folds(FOUR, repeats=2, seed=0)
    assert all((one.train == other.train).all() for one, other in zip(folds, again, strict=True))


def test_where_no_sample_can_be_held_out_there_are_known_grains_alone() -> None:
    grains = grains_of(("A", 0, 20), ("C", 1, 20))
    folds, note = audit_folds(grains, repeats=1, seed=0)
    assert note.startswith("No sample can be held out: each is the only one of its class")
    assert sorted(np.concatenate([fold.known for fold in folds])) == list(range(len(grains)))
    viewed, row = judge(grains, folds, of_baselines(grains, folds)[BRIGHTNESS_ALONE])
    assert viewed.known == (1.0,) * 5
    assert all(math.isnan(row[name]) for name in ("new", "new_low", "shown", "between_seeds"))


def test_figures_are_of_known_grains_by_fold_and_of_new_ones_all_together() -> None:
    folds, _ = audit_folds(FOUR, repeats=2, seed=0)
    said = of_baselines(FOUR, folds)
    viewed, row = judge(FOUR, folds, said[MAJORITY])
    assert viewed.known == (0.5,) * 8
    # What each training leans to without the sample is taken out.
    assert row["new"] == 0.5
    upside_down = [1 - each for each in said[BRIGHTNESS_ALONE]]
    viewed, row = judge(FOUR, folds, said[BRIGHTNESS_ALONE], shown=upside_down)
    assert row["known"] == row["new"] == row["new_low"] == 1
    assert row["shown"] == row["between_seeds"] == 0
    assert viewed.shown == (0.0,) * 8
