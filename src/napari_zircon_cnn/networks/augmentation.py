"""Random variations of the training crops, drawn anew each epoch; never part of a saved network."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from napari_zircon_cnn.networks.settings import Augmentation

_ROTATION = 0.2  # of a full turn, either way
_ZOOM = (-0.4, 0.4)
# Lower and upper reach; of a single number Keras 3.15 takes the upper alone and never dims a contrast.
_CONTRAST = (0.2, 0.2)
_BRIGHTNESS = 0.2
_GREY = (0.0, 1.0)


class AugmentationLayers(keras.Sequential):
    """Random layers that are active however they are called.

    Layers of Keras vary nothing outside of training; here `predict_on_batch` shall do so, which
    is the compiled way to augment thousands of crops at once whatever the backend.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ARG002
        """Return the crops varied."""
        return super().call(inputs, training=True, mask=mask)


def paper_augmentation(seed: int = 0) -> AugmentationLayers:
    """Build the augmentation that Nathwani et al. (2023) describe.

    Mirrors left-right and up-down, each for half of the crops; rotates by up to 0.2 of a turn
    either way; zooms to 0.6 to 1.4 of the field of view; changes contrast by up to 20% about
    the crop's mean and brightness by up to 0.2. What comes in from outside the crop is black.

    Parameters
    ----------
    seed
        Seed of the random draws.

    Returns
    -------
    AugmentationLayers
        Call it, or its `predict_on_batch`, on crops (n, size, size, 1) of 0 to 1; the result
        has the same shape and range.
    """
    seeds = _seeds(seed)
    # One RandomFlip of both directions takes a single draw for the two and never mirrors,
    # it only turns by 180 degrees.
    return AugmentationLayers(
        [
            layers.RandomFlip("horizontal", seed=next(seeds)),
            layers.RandomFlip("vertical", seed=next(seeds)),
            layers.RandomRotation(_ROTATION, fill_mode="constant", seed=next(seeds)),
            layers.RandomZoom(_ZOOM, fill_mode="constant", seed=next(seeds)),
            layers.RandomContrast(_CONTRAST, value_range=_GREY, seed=next(seeds)),
            layers.RandomBrightness(_BRIGHTNESS, value_range=_GREY, seed=next(seeds)),
        ],
        name="paper_augmentation",
    )


def notebook_augmentation(seed: int = 0) -> AugmentationLayers:
    """Build the augmentation of the paper's notebook: contrast, rotation and zoom only.

    Parameters
    ----------
    seed
        Seed of the random draws.

    Returns
    -------
    AugmentationLayers
        As `paper_augmentation` gives it.
    """
    seeds = _seeds(seed)
    return AugmentationLayers(
        [
            layers.RandomContrast(_CONTRAST, value_range=_GREY, seed=next(seeds)),
            layers.RandomRotation(_ROTATION, fill_mode="constant", seed=next(seeds)),
            layers.RandomZoom(_ZOOM, fill_mode="constant", seed=next(seeds)),
        ],
        name="notebook_augmentation",
    )


def build_augmentation(name: Augmentation, seed: int = 0) -> AugmentationLayers | None:
    """Build an augmentation by its name in the training settings; None for "none"."""
    if name == "paper":
        return paper_augmentation(seed)
    return notebook_augmentation(seed) if name == "notebook" else None


def _seeds(seed: int) -> Iterator[int]:
    return iter(np.random.SeedSequence(seed).generate_state(6).astype(int).tolist())
