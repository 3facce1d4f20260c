"""Endless batches of crops, or of what the frozen layers of a network make of them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.networks.augmentation import draw_variations, vary
from napari_zircon_cnn.networks.settings import Augmentation, TrainSettings

Features = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""What the frozen layers make of crops (n, size, size, 1)."""

_CHUNK_VALUES = 2**24  # grey values, or features, made in one go: 64 MiB


def endless_batches(
    x: NDArray[np.float32],
    y: NDArray[np.integer[Any]],
    *,
    n_classes: int,
    settings: TrainSettings,
    first_epoch: int,
    augmentation: Augmentation,
    features: Features | None = None,
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yield batches for ever, each epoch in a new order and with new augmentation.

    One endless iterator spares Keras a new data pipeline per epoch, and augmenting many batches in
    one go spares most of the small operations. What an epoch holds depends on its number and the
    seed alone, so that a training can go on where another one stopped.

    Parameters
    ----------
    x
        Crops, shape (n, size, size, 1); or features, shape (n, ...), with the augmentation "none".
    y
        Classes, shape (n,).
    n_classes
        Number of classes; two share one target.
    settings
        How to train.
    first_epoch
        The number of the epoch to begin with.
    augmentation
        How the crops are varied.
    features
        Applied to the crops last.

    Yields
    ------
    tuple of ndarray
        Crops or features, their targets (n, 1) and, where the settings ask for class weights, these.
    """
    targets = y.astype(np.float32 if n_classes == 2 else np.int32)[:, None]
    weights = class_weights(y, n_classes)[y] if settings.class_weights else None
    size = settings.batch_size
    chunk_rows = max(1, _CHUNK_VALUES // (x[0].size * size)) * size
    if features is not None:
        # The frozen layers take their time, which is told of, and can be stopped, between two batches.
        chunk_rows = size
    epoch = first_epoch
    while True:
        rng = np.random.default_rng([settings.seed, epoch])
        order = balanced_order(y, rng) if settings.balanced_batches else rng.permutation(len(x))
        for chunk in np.split(order, range(chunk_rows, len(x), chunk_rows)):
            shown = x[chunk]
            if augmentation != "none":
                shown = vary(shown, draw_variations(len(chunk), augmentation, rng))
            if features is not None:
                shown = features(shown)
            for start in range(0, len(chunk), size):
                rows = chunk[start : start + size]
                batch = shown[start : start + size], targets[rows]
                yield batch if weights is None else (*batch, weights[rows])
        epoch += 1


def class_weights(y: NDArray[np.integer[Any]], n_classes: int) -> NDArray[np.float32]:
    """Return a weight for each class with which all that are present count the same, on average 1."""
    counts = np.bincount(y, minlength=n_classes)
    return (len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1))).astype(np.float32)


def balanced_order(y: NDArray[np.integer[Any]], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return n indices in which the classes take turns.

    A rare class comes more than once, of a common one only a part.

    Parameters
    ----------
    y
        Classes, shape (n,).
    rng
        Decides the order within each class.

    Returns
    -------
    ndarray of int64, shape (n,)
        Any run of them holds each class equally often, to within one.
    """
    members = [np.flatnonzero(y == index) for index in np.unique(y)]
    turns = -(-len(y) // len(members))
    columns = []
    for member in members:
        rounds = [rng.permutation(member) for _ in range(-(-turns // len(member)))]
        columns.append(np.concatenate(rounds)[:turns])
    return np.stack(columns, axis=1).ravel()[: len(y)]
