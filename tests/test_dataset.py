from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.actions import Delete, Reject, SetClass
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.curation import Curation
from napari_zircon_cnn.dataset import (
    SMALLEST_CLASS,
    UNKNOWN,
    Dataset,
    SampleClasses,
    check_trainable,
    gather,
    leave_one_sample_out,
    random_split,
    sample_classes,
    stratified_folds,
)
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount
from napari_zircon_cnn.mount import Mount

CLASSES = SampleClasses(("batholith", "porphyry"), {"A": "batholith", "B": "porphyry", "C": ""})


def classes_file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "classes.csv"
    path.write_bytes(text.encode(encoding))
    return path


def grains_of(counts: Mapping[str, tuple[int, ...]]) -> Dataset:
    """Return a dataset with so many grains of each class in each sample; each crop is its own number."""
    samples = [sample for sample, numbers in counts.items() for _ in range(sum(numbers))]
    y = [index for numbers in counts.values() for index, n in enumerate(numbers) for _ in range(n)]
    n_classes = max(len(numbers) for numbers in counts.values())
    crops = np.arange(len(y), dtype=np.float32)[:, None, None, None]
    labels = np.arange(1, len(y) + 1)
    return Dataset(
        crops,
        np.array(y),
        np.array(samples),
        labels,
        tuple("abc"[:n_classes]),
        pd.DataFrame(index=labels - 1),
    )


def mount_named(sample: str) -> SegmentedMount:
    drawn = drawn_mount()
    return SegmentedMount(Mount(drawn.mount.image, 2.0, sample), drawn.labels, drawn.table)


def test_first_class_of_the_file_is_class_0(tmp_path: Path) -> None:
    path = classes_file(tmp_path, "sample,class\nB,porphyry\nC,\nA,batholith\n")
    read = sample_classes(path, ["A", "B", "C"])
    assert read.classes == ("porphyry", "batholith")
    assert read.by_sample == {"A": "batholith", "B": "porphyry", "C": ""}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("sample,class\r\nA,batholith\r\nB,porphyry\r\n", "utf-8-sig"),
        (" sample , class \n A , batholith \n\n B, porphyry", "utf-8"),
        ("class,sample\nbatholith,A\nporphyry,B\n", "utf-8"),
        ('"sample","class"\n"A","batholith"\n"B","porphyry"\n,\n,\n', "utf-8"),
        ("sample,class\nA,batholith\nB,porphyry\nB,porphyry\n", "utf-8"),
    ],
)
def test_classes_are_read_as_spreadsheets_write_them(tmp_path: Path, text: str, encoding: str) -> None:
    read = sample_classes(classes_file(tmp_path, text, encoding), ["A", "B"])
    assert read == SampleClasses(("batholith", "porphyry"), {"A": "batholith", "B": "porphyry"})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("sample,class\nA,x\n", r"classes\.csv has no line for B; add one, with an empty class"),
        ("sample,class\nA,x\nB,y\nD,x\n", "names D, which the project does not hold; it holds A, B"),
        ("sample,class\nA,x\nB,y\n,x\n", "has a line with the class x and no sample"),
        ("sample,class\nA,x\nB,x\n", "names 1 class; a network needs two or more"),
        ("sample,class\nA,\nB,\n", "names 0 classes; a network needs two or more"),
        ("sample,class\nA,x\nB,y\nA,y\n", "gives A two classes, 'x' and 'y'; keep one"),
        ("sample,class\nA,x\nB,y\nA,\n", "gives A two classes, 'x' and ''; keep one"),
        ("sample,rock\nA,x\nB,y\n", "has the columns sample, rock; its header must be: sample,class"),
        ("sample,class,note\nA,x,\nB,y,\n", "has the columns sample, class, note"),
        ("A;x\nB;y\n", "its header must be: sample,class"),
        ("", "has the columns none"),
    ],
)
def test_classes_that_do_not_fit_are_answered_with_a_sentence(tmp_path: Path, text: str, answer: str) -> None:
    with pytest.raises(ZirconError, match=answer):
        sample_classes(classes_file(tmp_path, text), ["A", "B"])


def test_classes_that_cannot_be_read_are_answered_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match=r"none\.csv cannot be read .*check the name"):
        sample_classes(tmp_path / "none.csv", ["A"])
    with pytest.raises(ZirconError, match="cannot be read"):
        sample_classes(tmp_path, ["A"])
    with pytest.raises(ZirconError, match="is not a CSV file in UTF-8"):
        sample_classes(classes_file(tmp_path, "sample,class\nA,x\n", "utf-16"), ["A"])


def test_classes_may_be_given_without_a_file() -> None:
    given = sample_classes({"B": " porphyry ", "C": "", "A": "batholith"}, ["A", "B", "C"])
    assert given == SampleClasses(("porphyry", "batholith"), {"A": "batholith", "B": "porphyry", "C": ""})


@pytest.mark.parametrize(
    ("classes", "answer"),
    [
        ({"A": "x"}, "The list of classes has no line for B; add one, with an empty class"),
        ({"A": "x", "B": "y", "D": "x"}, "The list of classes names D, which the project does not hold"),
        ({"A": "x", "B": ""}, "The list of classes names 1 class; a network needs two or more"),
        ({}, "The list of classes has no line for A, B"),
    ],
)
def test_classes_without_a_file_are_answered_as_those_of_one(classes: dict[str, str], answer: str) -> None:
    with pytest.raises(ZirconError, match=answer):
        sample_classes(classes, ["A", "B"])


def test_grains_come_with_their_class_sample_and_label() -> None:
    mounts = [mount_named("A"), mount_named("B")]
    Curation(mounts[0]).perform(Reject(labels=(DISK,), reason="crack"))
    Curation(mounts[1]).perform(Delete(labels=(UPRIGHT_BOX,), reason="dust"))

    grains = gather(iter(mounts), CLASSES, CropSettings())

    assert grains.samples.tolist() == ["A", "A", "B", "B"]
    assert grains.labels.tolist() == [UPRIGHT_BOX, TILTED_BOX, DISK, TILTED_BOX]
    assert grains.y.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(grains.crops[2:], cut_crops(mounts[1], [DISK, TILTED_BOX]))
    assert grains.hashes()[1] == grains.hashes()[3] != grains.hashes()[0]


def test_a_grain_s_own_class_goes_before_that_of_its_sample() -> None:
    mounts = [mount_named("A"), mount_named("C")]
    for mount in mounts:
        own = SetClass.model_validate({"labels": (DISK,), "class": "porphyry"})
        Curation(mount).perform(own)

    grains = gather(mounts, CLASSES, CropSettings())

    assert grains.y.tolist() == [1, 0, 0, 1, UNKNOWN, UNKNOWN]


def test_unknown_class_of_a_grain_is_answered_with_a_sentence() -> None:
    mount = mount_named("A")
    wrong = SetClass.model_validate({"labels": (UPRIGHT_BOX,), "class": "porphry"})
    Curation(mount).perform(wrong)
    with pytest.raises(
        ZirconError,
        match=r"Grain 2 of A was given the class porphry; the classes are batholith, porphyry\. Give it one",
    ):
        gather([mount], CLASSES, CropSettings())


def test_no_sample_is_answered_with_a_sentence() -> None:
    with pytest.raises(ZirconError, match="There is no sample to take grains from"):
        gather([], CLASSES, CropSettings())


def test_a_class_with_too_few_grains_is_answered_with_a_sentence() -> None:
    check_trainable(grains_of({"A": (SMALLEST_CLASS, 0), "B": (0, SMALLEST_CLASS)}))
    with pytest.raises(ZirconError, match="The class b has 4 grains for training; it needs at least 5"):
        check_trainable(grains_of({"A": (9, 0), "B": (0, 4)}))
    with pytest.raises(ZirconError, match="The class a has 0 grains"):
        check_trainable(grains_of({"A": (0, 9)}))


class_counts = st.lists(st.integers(SMALLEST_CLASS, 40), min_size=2, max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(class_counts, st.integers(0, 2**31 - 1))
def test_random_split_is_complete_stratified_and_repeatable(counts: tuple[int, ...], seed: int) -> None:
    grains = grains_of({"A": counts})
    split = random_split(grains, seed=seed)

    assert np.sort(np.concatenate([split.train, split.validation])).tolist() == list(range(len(grains)))
    in_validation = np.bincount(grains.y[split.validation], minlength=len(counts))
    assert (abs(in_validation - 0.2 * np.array(counts)) <= 1).all()
    assert in_validation.min() >= 1
    again = random_split(grains, seed=seed)
    assert again.validation.tolist() == split.validation.tolist()


def test_another_seed_gives_another_split() -> None:
    grains = grains_of({"A": (20, 20)})
    splits = {tuple(random_split(grains, seed=seed).validation) for seed in range(5)}
    assert len(splits) == 5


@settings(max_examples=40, deadline=None)
@given(class_counts, st.integers(0, 2**31 - 1))
def test_folds_validate_each_grain_once(counts: tuple[int, ...], seed: int) -> None:
    grains = grains_of({"A": counts})
    folds = stratified_folds(grains, seed=seed)

    assert [fold.name for fold in folds] == [f"fold {n} of 5" for n in range(1, 6)]
    assert np.sort(np.concatenate([fold.validation for fold in folds])).tolist() == list(range(len(grains)))
    for fold in folds:
        together = np.sort(np.concatenate([fold.train, fold.validation]))
        assert together.tolist() == list(range(len(grains)))
        assert (np.bincount(grains.y[fold.train], minlength=len(counts)) > 0).all()
    again = stratified_folds(grains, seed=seed)
    assert [fold.validation.tolist() for fold in again] == [fold.validation.tolist() for fold in folds]


sample_counts = st.dictionaries(
    st.sampled_from(["A", "B", "C", "D"]), st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1
).filter(lambda counts: sum(map(sum, counts.values())) > 0)


@settings(max_examples=60, deadline=None)
@given(sample_counts)
def test_leaving_a_sample_out_never_shares_it(counts: dict[str, tuple[int, int]]) -> None:
    grains = grains_of(counts)
    try:
        folds = leave_one_sample_out(grains)
    except ZirconError as error:
        assert "No sample can be held out" in str(error)
        folds = []
    for fold in folds:
        assert set(grains.samples[fold.validation]) == {fold.name}
        assert fold.name not in grains.samples[fold.train]
        assert len(fold.train) + len(fold.validation) == len(grains)
        assert np.bincount(grains.y[fold.train], minlength=2).min() >= SMALLEST_CLASS
    enough = {
        name
        for name, numbers in counts.items()
        if sum(numbers)
        and all(
            sum(other[index] for other in counts.values()) - numbers[index] >= SMALLEST_CLASS
            for index in range(2)
        )
    }
    assert {fold.name for fold in folds} == enough


def test_the_only_sample_of_its_class_cannot_be_left_out() -> None:
    with pytest.raises(ZirconError, match="No sample can be held out"):
        leave_one_sample_out(grains_of({"A": (9, 0), "B": (0, 9)}))
    folds = leave_one_sample_out(grains_of({"A": (9, 0), "B": (0, 9), "C": (0, 9)}))
    assert [fold.name for fold in folds] == ["B", "C"]
