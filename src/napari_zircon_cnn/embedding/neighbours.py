"""Nearest neighbours among features, found exactly; and grains that have none near."""

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.progress import Progress, silent

OUTLIER_SHARE = 0.99
"""An outlier is farther from the training grains than this share of these are from each other."""

OUTLIER_NEIGHBOURS = 5

_DISTANCES_AT_ONCE = 2**23


def nearest(
    queries: NDArray[np.float32],
    points: NDArray[np.float32],
    n: int,
    progress: Progress = silent,
    *,
    same: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the nearest points to each query, by Euclidean distance.

    Parameters
    ----------
    queries, points
        Shapes (q, units) and (p, units).
    n
        How many; p at most, or one less where a query is not its own neighbour.
    progress
        Told of the queries done; may raise `Cancelled`.
    same
        Whether the queries are the points, so that none counts as a neighbour of itself.

    Returns
    -------
    tuple of ndarray, shape (q, n) each
        The points' indices from the nearest on, by rising index where two are as near, and their
        distances. A query's neighbours do not depend on the other queries.
    """
    n = max(min(n, len(points) - same), 0)
    found = np.empty((len(queries), n), np.int64)
    distances = np.empty((len(queries), n))
    if not n:
        return found, distances
    wide = points.astype(np.float64)
    squares = (wide**2).sum(axis=1)
    at_once = max(1, _DISTANCES_AT_ONCE // max(len(points), 1))
    for start in range(0, len(queries), at_once):
        progress(start / len(queries), f"neighbours of {start} of {len(queries)} grains")
        part = queries[start : start + at_once].astype(np.float64)
        apart = squares - 2 * part @ wide.T
        if same:
            apart[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        # Some more than are wanted, since rounding may swap those that are as near.
        spare = min(n + 4, len(points) - same)
        near = np.sort(np.argpartition(apart, spare - 1, axis=1)[:, :spare], axis=1)
        exact = np.sqrt(((part[:, None] - wide[near]) ** 2).sum(axis=2))
        order = np.argsort(exact, axis=1, kind="stable")[:, :n]
        found[start : start + len(part)] = np.take_along_axis(near, order, axis=1)
        distances[start : start + len(part)] = np.take_along_axis(exact, order, axis=1)
    progress(1.0, f"neighbours of {len(queries)} grains")
    return found, distances


def strangeness(
    features: NDArray[np.float32], is_training: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Return how far grains are from those that a network was trained on, and from where on that is far.

    Parameters
    ----------
    features
        Shape (n, units).
    is_training
        Which of the grains the network was trained on, shape (n,), at least two of them.

    Returns
    -------
    tuple
        The mean distance to the five nearest training grains, shape (n,), itself not counted; and the
        limit that 99 % of the training grains stay below. A grain beyond it is an outlier: unlike what
        the network has learnt from, whatever probability it gives.
    """
    training = features[is_training]
    n = min(OUTLIER_NEIGHBOURS, len(training) - 1)
    among = nearest(training, training, n, same=True)[1].mean(axis=1)
    far = np.empty(len(features))
    far[is_training] = among
    far[~is_training] = nearest(features[~is_training], training, n)[1].mean(axis=1)
    return far, float(np.quantile(among, OUTLIER_SHARE))
