"""Grains of many mounts and the class of each sample to arrays for a network, and how to split them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from napari_zircon_cnn.class_file import class_by_sample, names_in, read_classes
from napari_zircon_cnn.columns import MEASURED
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount, usable

ClassSource = Path | str | Mapping[str, str]
"""Where the classes of samples come from: CLASSES.csv, or a mapping from sample to class."""

SMALLEST_CLASS = 5
"""Grains that a class needs for training: one in five goes to the validation."""

UNKNOWN = -1
"""The class index of a grain whose class nobody gave."""


@dataclass(frozen=True)
class SampleClasses:
    """The class of each sample.

    Parameters
    ----------
    classes
        The class names; the first named is class 0.
    by_sample
        The class of each sample; "" where it is not known.
    """

    classes: tuple[str, ...]
    by_sample: dict[str, str]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Crops of grains with their class and where they come from; n grains in one order.

    Parameters
    ----------
    crops
        Shape (n, size, size, 1), float32, 0 to 1.
    y
        Class indices, shape (n,); `UNKNOWN` where nobody gave a class.
    samples
        The sample of each grain, shape (n,).
    labels
        The label of each grain in its sample's label image, shape (n,).
    classes
        The class names by index.
    rows
        What was measured of each grain: `columns.MEASURED`, one row a grain in the same order.
    """

    crops: NDArray[np.float32]
    y: NDArray[np.int64]
    samples: NDArray[np.str_]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    rows: pd.DataFrame

    def __len__(self) -> int:
        return len(self.y)

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "Dataset":
        """Return some of the grains, by index or by mask."""
        return Dataset(
            self.crops[chosen],
            self.y[chosen],
            self.samples[chosen],
            self.labels[chosen],
            self.classes,
            self.rows.iloc[chosen].reset_index(drop=True),
        )

    def hashes(self) -> list[str]:
        """Return a short hash of each crop's bytes, by which a grain is known again."""
        return hashes_of(self.crops)


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of a dataset.

    Parameters
    ----------
    name
        What is held out, for people.
    train, validation
        Indices into the dataset.
    """

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def sample_classes(source: ClassSource, project_samples: Iterable[str]) -> SampleClasses:
    """Return the class of each sample of a project.

    Parameters
    ----------
    source
        CLASSES.csv, a file with the header `sample,class`, or a mapping from sample to class. An
        empty class means that the sample's class is not known: it is neither trained on nor
        scored, but for grains with a class of their own.
    project_samples
        The samples of the project; the source must name each of them, and no other.

    Returns
    -------
    SampleClasses
        The classes in the order in which the source first names them.

    Raises
    ------
    ZirconError
        Where the file is missing, not such a table or names a sample twice; where the source
        misses a sample, names one that the project lacks, or holds fewer than two classes.
    """
    origin = name_of(source)
    by_sample = (
        class_by_sample(source.items(), origin) if isinstance(source, Mapping) else read_classes(Path(source))
    )
    known = list(project_samples)
    missing = [sample for sample in known if sample not in by_sample]
    if missing:
        raise ZirconError(
            f"{origin} has no line for {', '.join(missing)}; "
            "add one, with an empty class where it is not known."
        )
    foreign = [sample for sample in by_sample if sample not in known]
    if foreign:
        raise ZirconError(
            f"{origin} names {', '.join(foreign)}, which the project does not hold; "
            f"it holds {', '.join(known)}. Correct the name or remove the line."
        )
    classes = names_in(by_sample)
    if len(classes) < 2:
        named = "1 class" if classes else "0 classes"
        raise ZirconError(f"{origin} names {named}; a network needs two or more to tell apart.")
    return SampleClasses(classes, by_sample)


def name_of(source: ClassSource) -> str:
    """Return what a sentence that begins with them calls the given classes."""
    return "The list of classes" if isinstance(source, Mapping) else str(source)


def gather(
    mounts: Iterable[SegmentedMount],
    given: SampleClasses,
    settings: CropSettings,
) -> Dataset:
    """Cut the usable grains of many mounts and give each its class.

    Parameters
    ----------
    mounts
        The segmented mounts; one is held in memory at a time where they come from a generator.
    given
        The class of each sample; a grain's own class in its table goes before it.
    settings
        The geometry of the crops.

    Returns
    -------
    Dataset
        All usable grains, mount by mount, by rising label.

    Raises
    ------
    ZirconError
        Where a grain has been given a class that is not among the classes.
    """
    crops, y, samples, labels, rows = [], [], [], [], []
    measured = [column.name for column in MEASURED]
    for segmented in mounts:
        sample = segmented.mount.sample
        chosen = usable(segmented.table)
        crops.append(cut_crops(segmented, chosen, settings))
        own = segmented.table["class"].to_numpy()[chosen]
        names = [name or given.by_sample.get(sample, "") for name in own]
        y.append(_indices(names, chosen, given.classes, sample))
        samples.append(np.full(len(chosen), sample))
        labels.append(chosen)
        rows.append(segmented.table.loc[chosen, measured])
    if not crops:
        raise ZirconError("There is no sample to take grains from; name one or segment a mosaic first.")
    return Dataset(
        np.concatenate(crops),
        np.concatenate(y),
        np.concatenate(samples),
        np.concatenate(labels),
        given.classes,
        pd.concat(rows, ignore_index=True),
    )


def hashes_of(crops: NDArray[np.float32]) -> list[str]:
    """Return a short hash of each crop's bytes, by which a grain is known again."""
    return [hashlib.sha256(crop.tobytes()).hexdigest()[:16] for crop in crops]


def check_trainable(dataset: Dataset, purpose: str = "training") -> None:
    """Raise a `ZirconError` where a class has too few grains.

    Parameters
    ----------
    dataset
        The grains to train with.
    purpose
        What they are for, as the sentence names it.
    """
    for index, name in enumerate(dataset.classes):
        n = int((dataset.y == index).sum())
        if n < SMALLEST_CLASS:
            raise ZirconError(
                f"The class {name} has {n} grains for {purpose}; it needs at least {SMALLEST_CLASS}. "
                "Add a sample of that class, or hold out fewer samples."
            )


def random_split(dataset: Dataset, share: float = 0.2, seed: int = 0) -> Fold:
    """Split grains at random, each class in the same proportion.

    The paper splits 80:20 over all grains of all samples, so that grains of one sample stand on
    both sides and the validation is easier than a new sample would be.

    Parameters
    ----------
    dataset
        Grains of known class.
    share
        The validation's part of the grains, between 0 and 1.
    seed
        The same seed gives the same split.

    Returns
    -------
    Fold
        The split.
    """
    train, validation = train_test_split(
        np.arange(len(dataset)), test_size=share, random_state=seed, stratify=dataset.y
    )
    return Fold(f"{share:.0%} of the grains at random", np.sort(train), np.sort(validation))


def some_of_each_class(dataset: Dataset, n: int, seed: int = 0) -> NDArray[np.int64]:
    """Pick grains at random, each class in its proportion and with at least one grain.

    Parameters
    ----------
    dataset
        Grains of known class.
    n
        How many to pick, fewer than there are.
    seed
        The same seed picks the same grains.

    Returns
    -------
    ndarray of int
        The indices picked, rising; a few more than `n` where rare classes ask for it.
    """
    rng = np.random.default_rng(seed)
    picked = []
    for index in np.unique(dataset.y):
        members = np.flatnonzero(dataset.y == index)
        share = max(round(n * len(members) / len(dataset)), 1)
        picked.append(rng.choice(members, min(share, len(members)), replace=False))
    return np.sort(np.concatenate(picked))


def stratified_folds(dataset: Dataset, n_folds: int = 5, seed: int = 0) -> list[Fold]:
    """Split grains k times so that each is in the validation once, as the paper's cross-validation.

    Parameters
    ----------
    dataset
        Grains of known class.
    n_folds
        Number of folds.
    seed
        The same seed gives the same folds.

    Returns
    -------
    list of Fold
        The folds; each class has the same proportion in all.
    """
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    splits = splitter.split(np.arange(len(dataset)), dataset.y)
    return [
        Fold(f"fold {n} of {n_folds}", train, validation)
        for n, (train, validation) in enumerate(splits, start=1)
    ]


def leave_one_sample_out(dataset: Dataset) -> list[Fold]:
    """Hold out each sample once.

    Parameters
    ----------
    dataset
        Grains of known class.

    Returns
    -------
    list of Fold
        One fold for each sample without which every class still has grains enough.

    Raises
    ------
    ZirconError
        Where no sample can be held out, since each is all that its class has.
    """
    folds = []
    for sample in np.unique(dataset.samples):
        held_out = dataset.samples == sample
        rest = np.bincount(dataset.y[~held_out], minlength=len(dataset.classes))
        if rest.min() >= SMALLEST_CLASS:
            folds.append(Fold(str(sample), np.flatnonzero(~held_out), np.flatnonzero(held_out)))
    if not folds:
        raise ZirconError(
            "No sample can be held out: each is the only one of its class. Add samples, or validate by split."
        )
    return folds


def _indices(
    names: list[str], labels: NDArray[np.int64], classes: tuple[str, ...], sample: str
) -> NDArray[np.int64]:
    for name, label in zip(names, labels, strict=True):
        if name and name not in classes:
            raise ZirconError(
                f"Grain {label} of {sample} was given the class {name}; the classes are "
                f"{', '.join(classes)}. Give it one of these, or that class to a sample."
            )
    return np.array([classes.index(name) if name else UNKNOWN for name in names], dtype=np.int64)
