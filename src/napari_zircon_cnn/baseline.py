"""What a network must beat: the most frequent class, and the shapes of the grains alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_zircon_cnn.dataset import Dataset, Fold
from napari_zircon_cnn.metrics import evaluation

SHAPE_COLUMNS = (
    "box_length_um",
    "box_width_um",
    "area_um2",
    "equivalent_diameter_um",
    "ellipse_major_um",
    "ellipse_minor_um",
    "feret_max_um",
    "feret_min_um",
    "aspect_ratio",
    "perimeter_um",
    "circularity",
    "solidity",
)
"""The columns of the grain table that tell of a grain's size and outline, and nothing of what is in it."""

MAJORITY, SHAPES = "majority class", "shapes alone"

Baseline = Callable[[Dataset, Dataset], NDArray[np.float64]]
"""From grains to learn from and grains to ask about to probabilities, shape (n, n_classes)."""


def majority(train: Dataset, test: Dataset) -> NDArray[np.float64]:
    """Give every grain the class frequencies of the training grains.

    Parameters
    ----------
    train
        Grains of known class.
    test
        The grains to ask about.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        The same in each row.
    """
    counts = np.bincount(train.y, minlength=len(train.classes))
    return np.tile(counts / counts.sum(), (len(test), 1))


def shape_baseline(train: Dataset, test: Dataset) -> NDArray[np.float64]:
    """Tell classes by the shapes of the grains alone, with logistic regression.

    Parameters
    ----------
    train
        Grains of known class; the columns are standardised over these.
    test
        The grains to ask about.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        The probabilities; 0 for a class that no training grain has.
    """
    columns = list(SHAPE_COLUMNS)
    of_train, of_test = (grains.rows[columns].to_numpy(np.float64) for grains in (train, test))
    return _told_by(of_train, of_test, train)


def brightness_baseline(train: Dataset, test: Dataset) -> NDArray[np.float64]:
    """Tell classes by how bright and how uneven the grains are, with logistic regression.

    Parameters
    ----------
    train
        Grains of known class; their masked crops tell the mean and the standard deviation of the grey
        values, black left out.
    test
        The grains to ask about.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
        The probabilities; 0 for a class that no training grain has.
    """
    return _told_by(_light_of(train), _light_of(test), train)


def _light_of(grains: Dataset) -> NDArray[np.float64]:
    values = np.ma.masked_equal(grains.crops.reshape(len(grains), -1), 0)
    light: NDArray[np.float64] = np.stack(
        [np.ma.filled(values.mean(axis=1), 0), np.ma.filled(values.std(axis=1), 0)], axis=1
    ).astype(np.float64)
    return light


def _told_by(
    of_train: NDArray[np.float64], of_test: NDArray[np.float64], train: Dataset
) -> NDArray[np.float64]:
    """Return what logistic regression tells from some numbers of each grain, shape (n, n_columns)."""
    found = np.zeros((len(of_test), len(train.classes)))
    if not len(of_test):
        return found
    present = np.unique(train.y)
    if len(present) == 1:
        found[:, present] = 1
        return found
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(of_train, train.y)
    found[:, present] = model.predict_proba(of_test)
    return found


BASELINES: dict[str, Baseline] = {MAJORITY: majority, SHAPES: shape_baseline}
"""What stands beside a network in every table, by its name there."""


def beside(
    grains: Dataset, split: Fold, folds: Sequence[Fold], held_out: Dataset | None = None
) -> dict[str, dict[str, Any]]:
    """Score the baselines on the very grains that a network is scored on.

    Parameters
    ----------
    grains
        The grains of known class that a network may learn from.
    split
        Which of them train and validate it.
    folds
        Further divisions of them.
    held_out
        Grains of samples that take no part in the training.

    Returns
    -------
    dict
        By the baseline's name: the figures of `validation`, of the `folds` and of `hold_out`, as the
        network's own stand in the card's metrics.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, baseline in BASELINES.items():

        def score(train: Dataset, test: Dataset, baseline: Baseline = baseline) -> dict[str, Any]:
            return evaluation(baseline(train, test), test.y)

        found[name] = {"validation": score(grains.take(split.train), grains.take(split.validation))}
        if held_out is not None and len(held_out):
            found[name]["hold_out"] = score(grains.take(split.train), held_out)
        if folds:
            found[name]["folds"] = [
                {"held_out": fold.name} | score(grains.take(fold.train), grains.take(fold.validation))
                for fold in folds
            ]
    return found
