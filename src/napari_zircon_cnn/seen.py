"""Which grains a network was trained on, known by their crops and by their places in the mosaics."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.dataset import Dataset
from napari_zircon_cnn.networks.card import ModelCard, Place

_EDGES = ["bbox_x_min_um", "bbox_y_min_um", "bbox_x_max_um", "bbox_y_max_um"]


def places_of(grains: Dataset, pixel_sizes_um: Mapping[str, float]) -> dict[str, tuple[Place, ...]]:
    """Return where grains lie in their mosaics.

    Parameters
    ----------
    grains
        The grains.
    pixel_sizes_um
        The pixel size of each sample's mosaic.

    Returns
    -------
    dict
        The bounding boxes of each sample's grains, in px.
    """
    boxes = _boxes(grains, pixel_sizes_um)
    return {
        str(sample): tuple((left, top, right, bottom) for left, top, right, bottom in found)
        for sample in np.unique(grains.samples)
        for found in [boxes[grains.samples == sample].tolist()]
    }


def took_part(
    grains: Dataset, card: ModelCard, mosaics: Mapping[str, str], pixel_sizes_um: Mapping[str, float]
) -> NDArray[np.bool_]:
    """Tell which grains a network was trained on.

    Parameters
    ----------
    grains
        The grains, with crops of the card's geometry.
    card
        The network's card.
    mosaics
        The SHA-256 of each sample's mosaic, by which it is known under another name.
    pixel_sizes_um
        The pixel size of each sample's mosaic.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the crop is one of the training's, or where, however the mosaic was segmented and
        cropped this time, the middle of the grain's box lies in a training grain's or the other way round.
    """
    found = np.isin(grains.hashes(), card.grain_hashes)
    boxes = _boxes(grains, pixel_sizes_um)
    trained_on = {part.sample: part.mosaic_sha256 for part in card.samples}
    for sample in np.unique(grains.samples).tolist():
        here = grains.samples == sample
        sha256 = mosaics.get(sample, "")
        places = [
            place
            for name, known in trained_on.items()
            if (known == sha256 if known and sha256 else name == sample)
            for place in card.grain_places.get(name, ())
        ]
        if places:
            found[here] |= _meet(boxes[here], np.array(places))
    return np.asarray(found, bool)


def _boxes(grains: Dataset, pixel_sizes_um: Mapping[str, float]) -> NDArray[np.int64]:
    sizes = np.array([pixel_sizes_um[sample] for sample in grains.samples.tolist()])
    edges: NDArray[np.float64] = grains.rows[_EDGES].to_numpy(np.float64) / sizes[:, None] + 0.5
    return np.asarray(np.rint(edges), np.int64)


def _meet(boxes: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which boxes hold the middle of a place or have their own in one."""

    def inside(middles: NDArray[np.float64], around: NDArray[np.int64]) -> NDArray[np.bool_]:
        low, high = around[None, :, :2], around[None, :, 2:]
        return np.asarray(((middles[:, None] >= low) & (middles[:, None] <= high)).all(axis=2))

    return np.asarray((inside(_middles(boxes), places) | inside(_middles(places), boxes).T).any(axis=1))


def _middles(boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)
