"""Crops of drawn grains, for tests of the networks."""

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.networks.settings import NetworkSettings, TrainSettings

CLASSES = ("disc", "ring")


def discs_and_rings(
    n: int, seed: int = 0, size: int = 32, n_classes: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return noisy crops of n discs (0), rings (1) and, as a third class, squares (2), with their classes."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % n_classes)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    middle = size / 2 + rng.uniform(-0.05 * size, 0.05 * size, (2, n, 1, 1))
    radius = size * rng.uniform(0.25, 0.32, (n, 1, 1))
    distance = np.hypot(rows - middle[0], columns - middle[1])
    reach = np.maximum(abs(rows - middle[0]), abs(columns - middle[1]))
    shapes = np.stack([distance < radius, (distance < radius) & (distance > 0.6 * radius), reach < radius])
    crops = 0.7 * shapes[y, np.arange(n)] + rng.normal(0.1, 0.05, (n, size, size))
    return crops.clip(0, 1).astype(np.float32)[..., None], y


def card_for(settings: NetworkSettings, classes: tuple[str, ...] = CLASSES) -> ModelCard:
    """Return a card of a network that was built from the settings."""
    return ModelCard(
        network=settings,
        classes=classes,
        crop={"box_um": 180.0, "size_px": settings.input_size, "masked": False, "resampling_um": 2.0},
        training=TrainSettings(),
        versions={"keras": "3"},
    )
