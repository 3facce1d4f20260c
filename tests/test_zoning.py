"""The zoning of drawn grains, whose period is known."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_zircon_cnn.zoning import zoning_frequency


def zoned(
    period_um: float,
    pixel_size_um: float = 2.0,
    *,
    shape: str = "prism",
    noise: float = 3.0,
    phase: float = 0.7,
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Return a grain of some 120 by 240 µm whose zones follow its outline, with a bright core."""
    size = round(280 / pixel_size_um)
    rows, columns = (np.indices((size, size)) - size / 2) * pixel_size_um
    if shape == "prism":
        mask = (abs(rows) < 60) & (abs(columns) < 120 - 0.8 * abs(rows))
    else:
        mask = np.hypot(rows / 60, columns / 110) < 1
    depth = (
        np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
        * pixel_size_um
    )
    grey = 110 + 30 * np.sin(2 * np.pi * depth / period_um + phase) + 0.6 * depth
    grey += np.random.default_rng(0).normal(0, noise, grey.shape)
    return mask, np.where(mask, grey, 5).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("period_um", [7.0, 10.0, 16.0, 25.0])
@pytest.mark.parametrize("shape", ["prism", "ellipse"])
@pytest.mark.parametrize("pixel_size_um", [0.5, 1.0, 2.0])
def test_known_period_is_found_for_any_pixel_size(period_um: float, shape: str, pixel_size_um: float) -> None:
    mask, grey = zoned(period_um, pixel_size_um, shape=shape)
    assert 1 / zoning_frequency(mask, grey, pixel_size_um) == pytest.approx(period_um, rel=0.06)


def test_turned_grain_and_other_depth_have_the_same_zoning() -> None:
    mask, grey = zoned(12.0)
    found = zoning_frequency(mask, grey, 2.0)
    assert zoning_frequency(mask.T, grey.T, 2.0) == pytest.approx(found)
    assert zoning_frequency(mask, grey.astype(np.uint16) * 257, 2.0) == pytest.approx(found)


def test_grain_without_zones_has_none() -> None:
    mask, _ = zoned(12.0)
    random = np.random.default_rng(1)
    flat = np.full(mask.shape, 120, np.uint8)
    assert math.isnan(zoning_frequency(mask, flat, 2.0))
    noisy = [zoning_frequency(mask, random.normal(120, 20, mask.shape), 2.0) for _ in range(40)]
    assert np.isnan(noisy).mean() > 0.6


@pytest.mark.parametrize("side", [1, 2, 9, 17])
def test_small_grain_has_no_zoning(side: int) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (side, side)).astype(np.uint8)
    assert math.isnan(zoning_frequency(np.ones((side, side), bool), grey, 2.0))
