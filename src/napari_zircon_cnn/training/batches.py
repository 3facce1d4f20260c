"""What each epoch of a training shows: crops, or what the frozen layers of a network make of them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.networks.augmentation import draw_variations, vary
from napari_zircon_cnn.networks.settings import Augmentation, TrainSettings

Features = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""What the frozen layers make of crops (n, size, size, 1)."""

_PORTION_VALUES = 2**24  # grey values, or features, made in one go: 64 MiB


@dataclass(frozen=True, eq=False)
class Portion:
    """What some steps of an epoch show, step after step.

    Parameters
    ----------
    x
        Crops or features, shape (n, ...).
    y
        Their classes, shape (n,).
    """

    x: NDArray[np.float32]
    y: NDArray[np.integer[Any]]


class Epochs:
    """The epochs of a stage of a training, each in a new order and with new augmentation.

    What an epoch holds depends on its number and the seed alone, so that a training can go on where
    another one stopped. All batches are of one size, as near to the settings' as it can be: an epoch
    ends with a few crops that it has shown before, in other variations, where they are not enough.

    Parameters
    ----------
    x
        Crops, shape (n, size, size, 1); or features, shape (n, ...), with the augmentation "none".
    y
        Classes, shape (n,).
    n_classes
        Number of classes.
    settings
        How to train.
    augmentation
        How the crops are varied.
    features
        Applied to the crops last.
    n_sharing
        How many devices share a batch; its size is a multiple of that.

    Attributes
    ----------
    class_weights
        What a crop of each class counts in the loss, shape (n_classes,).
    batch_size
        Crops in a step.
    steps
        Steps in an epoch.
    steps_per_portion
        Steps for which crops are made in one go, a divisor of `steps`. It is one where frozen layers
        take their time, which is told of, and can be stopped, between two steps.
    """

    def __init__(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.integer[Any]],
        *,
        n_classes: int,
        settings: TrainSettings,
        augmentation: Augmentation,
        features: Features | None = None,
        n_sharing: int = 1,
    ) -> None:
        self._x, self._y, self._settings = x, y, settings
        self._augmentation, self._features = augmentation, features
        self.class_weights = (
            class_weights(y, n_classes) if settings.class_weights else np.ones(n_classes, np.float32)
        )
        steps = math.ceil(len(x) / settings.batch_size)
        most = 1 if features else max(1, _PORTION_VALUES // (x[0].size * settings.batch_size))
        n_portions = math.ceil(steps / most)
        self.steps_per_portion = math.ceil(steps / n_portions)
        self.steps = n_portions * self.steps_per_portion
        self.batch_size = math.ceil(len(x) / self.steps / n_sharing) * n_sharing

    def classes(self, epoch: int) -> NDArray[np.integer[Any]]:
        """Return the classes of the first n of what an epoch, from 1, shows, n being the number of crops."""
        return self._y[self._order(self._generator(epoch))[: len(self._x)]]

    def portions(self, epoch: int) -> Iterator[Portion]:
        """Yield the portions of an epoch, from 1."""
        rng = self._generator(epoch)
        for rows in np.split(self._order(rng), self.steps // self.steps_per_portion):
            x = self._x[rows]
            if self._augmentation != "none":
                x = vary(x, draw_variations(len(rows), self._augmentation, rng))
            if self._features is not None:
                x = self._features(x)
            yield Portion(x, self._y[rows])

    def _generator(self, epoch: int) -> np.random.Generator:
        return np.random.default_rng([self._settings.seed, epoch])

    def _order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        n_shown = self.steps * self.batch_size
        if self._settings.balanced_batches:
            return balanced_order(self._y, n_shown, rng)
        n_rounds = 1 + n_shown // len(self._x)
        return np.concatenate([rng.permutation(len(self._x)) for _ in range(n_rounds)])[:n_shown]


def class_weights(y: NDArray[np.integer[Any]], n_classes: int) -> NDArray[np.float32]:
    """Return a weight for each class with which all that are present count the same, on average 1."""
    counts = np.bincount(y, minlength=n_classes)
    return (len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1))).astype(np.float32)


def balanced_order(y: NDArray[np.integer[Any]], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return n indices in which the classes take turns.

    A rare class comes more than once, of a common one only a part.

    Parameters
    ----------
    y
        Classes, shape (any,).
    n
        How many indices.
    rng
        Decides the order within each class.

    Returns
    -------
    ndarray of int64, shape (n,)
        Any run of them holds each class equally often, to within one.
    """
    members = [np.flatnonzero(y == index) for index in np.unique(y)]
    turns = -(-n // len(members))
    columns = []
    for member in members:
        rounds = [rng.permutation(member) for _ in range(-(-turns // len(member)))]
        columns.append(np.concatenate(rounds)[:turns])
    return np.stack(columns, axis=1).ravel()[:n]
