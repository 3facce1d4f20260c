"""Random variations of the training crops, drawn anew each epoch; never part of a saved network."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.networks.settings import Augmentation

_ROTATION = 0.2  # of a full turn, either way
_ZOOM = 0.4
_CONTRAST = 0.2
_BRIGHTNESS = 0.2
_DIMMEST, _BRIGHTEST = 0.2, 0.7  # the light of a grain in a dim session and in a bright one
_DARK = np.float32(1e-6)
_AS_IT_IS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True, eq=False)
class Variations:
    """How each of n crops is varied; turns go counterclockwise.

    Parameters
    ----------
    mirrored
        Whether it is mirrored left-right and up-down, shape (n, 2).
    turns
        By how much of a full turn it is rotated, shape (n,).
    zooms
        The part of its field of view that is then seen, shape (n,); more than 1 shows black around it.
    contrasts
        By what its contrast about its own mean is multiplied, shape (n,).
    brightnesses
        What is added to its grey values, shape (n,).
    lights
        The light that it is multiplied to, whatever its own is, shape (n,): the mean of its grey values,
        each weighed by itself so that black counts nothing. 0 leaves it as it is.
    """

    mirrored: NDArray[np.bool_]
    turns: NDArray[np.float64]
    zooms: NDArray[np.float64]
    contrasts: NDArray[np.float32]
    brightnesses: NDArray[np.float32]
    lights: NDArray[np.float32]


def draw_variations(n: int, kind: Augmentation, rng: np.random.Generator) -> Variations:
    """Draw how n crops are varied.

    Parameters
    ----------
    n
        Number of crops.
    kind
        "paper" mirrors left-right and up-down, each for half of the crops; rotates by up to 0.2
        of a turn either way; zooms to 0.6 to 1.4 of the field of view; changes contrast by up to
        20% and brightness by up to 0.2. "notebook" neither mirrors nor brightens. "session" mirrors,
        rotates and zooms as "paper" does, and then gives the crop the light of a session drawn at random:
        what is added by "paper" stands out against black, so that a grain's own light can still be told;
        this takes it away, as far as the crop is masked. "none" changes nothing.
    rng
        Where the draws come from.

    Returns
    -------
    Variations
        One of each kind for each crop.
    """
    reach = rng.uniform(-1.0, 1.0, (4, n)) * (kind != "none")
    mirrored = rng.random((n, 2)) < (0.5 if kind in {"paper", "session"} else 0.0)
    contrast = 0.0 if kind == "session" else _CONTRAST
    brightness = _BRIGHTNESS if kind == "paper" else 0.0
    lights = _DIMMEST * (_BRIGHTEST / _DIMMEST) ** ((reach[3] + 1) / 2) * (kind == "session")
    return Variations(
        mirrored,
        _ROTATION * reach[0],
        1.0 + _ZOOM * reach[1],
        (1.0 + contrast * reach[2]).astype(np.float32),
        (brightness * reach[3]).astype(np.float32),
        lights.astype(np.float32),
    )


def vary(crops: NDArray[np.float32], variations: Variations) -> NDArray[np.float32]:
    """Return crops varied.

    Mirroring, rotation and zoom are one step, so that a crop is interpolated only once. What comes
    in from outside the crop is black, and has part in the mean about which the contrast changes.

    Parameters
    ----------
    crops
        Shape (n, size, size, 1), 0 to 1.
    variations
        How to vary each.

    Returns
    -------
    ndarray of float32, shape (n, size, size, 1)
        The varied crops, 0 to 1.
    """
    varied = np.empty(crops.shape[:3], np.float32)
    for crop, matrix, target in zip(
        crops[..., 0], _matrices(variations, crops.shape[1]), varied, strict=True
    ):
        cv2.warpAffine(crop, matrix, target.shape, dst=target, flags=_AS_IT_IS)
    if variations.lights.any():
        sums = varied.sum(axis=(1, 2))
        own = np.einsum("nij,nij->n", varied, varied) / np.maximum(sums, _DARK)
        is_lit = (variations.lights > 0) & (own > 0)
        varied *= np.where(is_lit, variations.lights / np.maximum(own, _DARK), 1)[:, None, None]
    means = varied.mean(axis=(1, 2))
    factors, offsets = variations.contrasts, variations.brightnesses
    # x * factor + (mean - mean * factor) spares a pass over all crops.
    varied *= factors[:, None, None]
    varied += (means - means * factors)[:, None, None]
    np.clip(varied, 0, 1, out=varied)
    if offsets.any():
        varied += offsets[:, None, None]
        np.clip(varied, 0, 1, out=varied)
    return varied[..., None]


def _matrices(variations: Variations, size: int) -> NDArray[np.float64]:
    """Return where each point of a varied crop lies in the crop, as affine matrices (n, 2, 3) of x and y."""
    angles = 2 * np.pi * variations.turns
    cosines, sines = np.cos(angles), np.sin(angles)
    turned = np.array([[cosines, -sines], [sines, cosines]]).transpose(2, 0, 1)
    signs = np.where(variations.mirrored, -1.0, 1.0)
    linear = signs[:, :, None] * turned * variations.zooms[:, None, None]
    middle = np.full(2, (size - 1) / 2)
    offsets = middle - linear @ middle
    return np.concatenate([linear, offsets[:, :, None]], axis=2)
