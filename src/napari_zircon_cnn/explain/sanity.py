"""Whether a map of what moved a network's answer depends on what the network has learnt."""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from skimage.metrics import structural_similarity

SURVIVES_FROM = 0.5
"""A map that is as much like that of a network without knowledge as this explains nothing."""

_FEWEST_PIXELS = 9


@dataclass(frozen=True)
class Likeness:
    """How much the maps of two networks are alike, inside the grain's box; the mean over grains.

    Parameters
    ----------
    rank_correlation
        Spearman's, of the values: 1 for the same order of pixels, -1 for the reverse.
    rank_correlation_of_sizes
        The same of the values without their sign.
    ssim
        The structural similarity of the maps, each scaled to 0 to 1.
    """

    rank_correlation: float
    rank_correlation_of_sizes: float
    ssim: float

    @property
    def survives(self) -> bool:
        """Whether the map, or its reverse, is much the same without what the network has learnt."""
        return abs(self.rank_correlation) >= SURVIVES_FROM

    def sentence(self) -> str:
        """Return what it means."""
        figures = (
            f"rank correlation {self.rank_correlation:.2f}, {self.rank_correlation_of_sizes:.2f} without "
            f"signs, SSIM {self.ssim:.2f}"
        )
        if not np.isfinite(self.rank_correlation):
            return "The map is the same everywhere in the grain, so there is nothing to compare."
        if self.survives:
            which = "much the same map" if self.rank_correlation > 0 else "much the same map, reversed"
            return (
                f"With its weights shuffled the network gives {which} ({figures}): it shows the "
                "grain's own light and outline, not what the network has learnt, and explains nothing."
            )
        if self.rank_correlation_of_sizes >= SURVIVES_FROM:
            return (
                f"With its weights shuffled the network gives a map that is strong in the same places, with "
                f"other signs ({figures}): only the signs tell what the network has learnt; where the map is "
                "strong, the grain is bright."
            )
        return (
            f"With its weights shuffled the network gives another map ({figures}): this one depends on what "
            "the network has learnt."
        )


def shuffled(model: keras.Model, seed: int = 0) -> keras.Model:
    """Return a network of the same layers whose learnt numbers are in disorder.

    Parameters
    ----------
    model
        The network; it stays as it is.
    seed
        The same seed gives the same disorder.

    Returns
    -------
    keras.Model
        Each array of weights holds the same numbers, in a random order.

    Notes
    -----
    Source: Adebayo et al. (2018), Sanity checks for saliency maps, arXiv:1810.03292, who draw the
    weights anew; shuffled ones keep their spread and run on any backend.
    """
    random = np.random.default_rng(seed)
    copy = keras.models.clone_model(model)
    copy.set_weights([random.permuted(weights) for weights in model.get_weights()])
    return copy


def likeness(ones: NDArray[np.float32], others: NDArray[np.float32], crops: NDArray[np.float32]) -> Likeness:
    """Compare the maps of two networks, grain by grain.

    Parameters
    ----------
    ones, others
        The maps, shape (n, size, size), of the crops' size.
    crops
        Shape (n, size, size, 1). Only the box around what is not black is compared, since all maps are
        alike in the black around it.

    Returns
    -------
    Likeness
        The mean over the grains whose maps are not the same everywhere; NaN where there is none.
    """
    found = []
    for one, other, crop in zip(ones, others, crops[..., 0], strict=True):
        box = _box_of_light(crop)
        a, b = one[box], other[box]
        if a.size >= _FEWEST_PIXELS and np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append((_spearman(a, b), _spearman(abs(a), abs(b)), _ssim(a, b)))
    if not found:
        return Likeness(np.nan, np.nan, np.nan)
    return Likeness(*(float(value) for value in np.nanmean(found, axis=0)))


def _box_of_light(crop: NDArray[np.float32]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
    if not len(rows):
        return slice(0), slice(0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _spearman(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    ranks = rankdata(a.ravel()), rankdata(b.ravel())
    return float(np.corrcoef(*ranks)[0, 1])


def _ssim(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    window = min(7, min(a.shape) - 1 + min(a.shape) % 2)
    if window < 3:
        return np.nan
    scaled = [(values - values.min()) / np.ptp(values) for values in (a, b)]
    return float(structural_similarity(*scaled, win_size=window, data_range=1.0))
