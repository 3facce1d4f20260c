"""Laying grains out by their features: UMAP and PCA, and placing others among those laid out."""

import warnings

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.embedding.neighbours import nearest
from napari_zircon_cnn.embedding_file import Embedding, EmbeddingSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Progress, part_of, silent

FEWEST_GRAINS = 5
"""An embedding needs as many grains to be fitted on."""

_DIGITS = 4
_FEWEST_FOR_SPECTRA = 20
_SIGMA_STEPS = 64

Coordinates = NDArray[np.float64]


def embed(
    hashes: NDArray[np.str_],
    features: NDArray[np.float32],
    to_fit: NDArray[np.bool_],
    settings: EmbeddingSettings,
    model: str,
    *,
    former: Embedding | None = None,
    progress: Progress = silent,
) -> Embedding:
    """Embed grains: fit on some of them and place the others, or go on with an earlier embedding.

    Parameters
    ----------
    hashes, features
        The grains, shapes (n,) and (n, units); a hash that comes again is the same grain.
    to_fit
        Which grains to fit on, shape (n,), where a fit is needed.
    settings
        How to embed them.
    model
        The SHA-256 of the weights that the features are from.
    former
        An embedding to go on with, if its settings and model are these: its grains keep their
        coordinates to the bit, and the others are placed among those it was fitted on.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    Embedding
        All grains of the former one and then all new ones.

    Raises
    ------
    ZirconError
        Where there are too few grains to fit on, or they are all alike.
    """
    _, first = np.unique(hashes, return_index=True)
    order = np.sort(first)
    hashes, features, to_fit = hashes[order], features[order], to_fit[order]
    if former is None or not former.is_by(settings, model):
        coordinates = fit(features[to_fit], settings, part_of(progress, 0.0, 0.9))
        former = Embedding(
            settings, model, hashes[to_fit], features[to_fit], coordinates, np.ones(to_fit.sum(), bool)
        )
    new = ~np.isin(hashes, former.hashes)
    fitted, laid_out = former.features[former.is_fitted], former.coordinates[former.is_fitted]
    placed = place(features[new], fitted, laid_out, settings)
    progress(1.0, f"{len(hashes)} grains embedded")
    return Embedding(
        settings,
        model,
        np.concatenate([former.hashes, hashes[new]]),
        np.concatenate([former.features, features[new]]),
        np.concatenate([former.coordinates, placed]),
        np.concatenate([former.is_fitted, np.zeros(int(new.sum()), bool)]),
    )


def fit(
    features: NDArray[np.float32], settings: EmbeddingSettings, progress: Progress = silent
) -> Coordinates:
    """Lay grains out.

    Parameters
    ----------
    features
        Shape (n, units).
    settings
        How.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    ndarray of float64, shape (n, components)
        The same at each run on one machine.

    Raises
    ------
    ZirconError
        Where there are fewer than `FEWEST_GRAINS`, or all are alike.

    Notes
    -----
    Source of UMAP: McInnes, Healy and Melville (2018), arXiv:1802.03426. It is given exact
    neighbours, so that nothing but its own layout depends on the seed.
    """
    if len(features) < FEWEST_GRAINS:
        raise ZirconError(
            f"An embedding is fitted on {FEWEST_GRAINS} grains or more, and there are {len(features)}; add "
            "samples, or fit on all grains."
        )
    if not np.ptp(features, axis=0).any():
        raise ZirconError(
            f"The network gives all {len(features)} grains the same features, so there is nothing that an "
            "embedding could lay out; train it for longer, or on more unlike grains."
        )
    if settings.method == "pca":
        return _by_pca(features, features, settings.components)
    # Here, since it takes a while to load and PCA has no need of it.
    from umap import UMAP  # noqa: PLC0415

    n_neighbours = min(settings.neighbours, len(features))
    others, apart = nearest(features, features, n_neighbours - 1, part_of(progress, 0.0, 0.2), same=True)
    myself = np.arange(len(features))[:, None]
    progress(0.2, f"UMAP of {len(features)} grains")
    with warnings.catch_warnings():
        # It warns of what is meant: one thread for the seed's sake, and no index to search in later.
        warnings.simplefilter("ignore")
        reducer = UMAP(
            n_neighbors=n_neighbours,
            n_components=settings.components,
            min_dist=settings.min_dist,
            random_state=settings.seed,
            n_jobs=1,
            init="spectral" if len(features) >= _FEWEST_FOR_SPECTRA else "random",
            precomputed_knn=(
                np.hstack([myself, others]).astype(np.int32),
                np.hstack([np.zeros_like(myself), apart]).astype(np.float32),
            ),
        )
        laid_out = reducer.fit_transform(features)
    return np.asarray(np.round(laid_out.astype(np.float64), _DIGITS))


def place(
    features: NDArray[np.float32],
    fitted: NDArray[np.float32],
    laid_out: Coordinates,
    settings: EmbeddingSettings,
) -> Coordinates:
    """Place grains among others that are laid out already and do not move.

    Parameters
    ----------
    features
        Shape (n, units).
    fitted, laid_out
        The others' features (m, units) and coordinates (m, components).
    settings
        How they were laid out.

    Returns
    -------
    ndarray of float64, shape (n, components)
        Where a grain lies depends on it and the fitted grains alone, not on what comes with it.

    Notes
    -----
    PCA projects. UMAP's own way begins with the mean of the nearest neighbours' coordinates, weighed by
    the strength of the fuzzy edges to them, and then moves all new points in a random order; here it
    is left at that beginning, which is why a later grain moves no earlier one.
    """
    if not len(features):
        return np.empty((0, settings.components))
    if settings.method == "pca":
        return _by_pca(features, fitted, settings.components)
    near, apart = nearest(features, fitted, min(settings.neighbours, len(fitted)))
    weights = _edge_strengths(apart)
    placed = (weights[:, :, None] * laid_out[near]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    return np.asarray(np.round(placed, _DIGITS))


def _edge_strengths(apart: Coordinates) -> Coordinates:
    """Return UMAP's membership strengths for sorted distances (n, k): exp(-(d - nearest) / sigma).

    Sigma is such that the strengths add up to log2 of k; it is found by halving an interval.
    """
    beyond = apart - apart[:, :1]
    wanted = max(np.log2(apart.shape[1]), 1.0)
    low, high = np.zeros(len(apart)), np.full(len(apart), np.inf)
    sigma = np.ones(len(apart))
    for _ in range(_SIGMA_STEPS):
        total = np.exp(-beyond / np.maximum(sigma, 1e-12)[:, None]).sum(axis=1)
        is_wide = total > wanted
        high, low = np.where(is_wide, sigma, high), np.where(is_wide, low, sigma)
        sigma = np.where(np.isinf(high), np.minimum(2 * sigma, 1e12), (low + high) / 2)
    return np.exp(-beyond / np.maximum(sigma, 1e-12)[:, None])


def _by_pca(features: NDArray[np.float32], fitted: NDArray[np.float32], components: int) -> Coordinates:
    mean = fitted.astype(np.float64).mean(axis=0)
    _, _, axes = np.linalg.svd(fitted - mean, full_matrices=False)
    axes = axes[:components]
    # A direction may come out either way; the longest part of each points forwards.
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    projected = np.zeros((len(features), components))
    projected[:, : len(axes)] = (features - mean) @ axes.T
    return np.round(projected, _DIGITS)
