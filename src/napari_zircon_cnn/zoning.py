"""How fine a grain is zoned: the spatial frequency of its light from the outline inwards."""

import math
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 0.4
"""A grain counts as zoned where one wave holds at least this share of what its light varies."""

_FEWEST_RINGS = 8
_MOST_RINGS = 96
_FEWEST_PIXELS = 6
_FEWEST_WAVES = 1.5
_FINEST = 0.45
_PER_RING = 3


def zoning_frequency(mask: NDArray[np.bool_], grey: NDArray[Any], pixel_size_um: float) -> float:
    """Return how many zones a grain has along a µm from its outline inwards.

    Parameters
    ----------
    mask
        Which pixels of the grain's box are the grain.
    grey
        The grey values of the box.
    pixel_size_um
        Edge of a pixel in µm.

    Returns
    -------
    float
        Cycles in a µm; NaN where the grain is less than eight pixels deep, or where no wave holds 40 %
        of what its light varies.

    Notes
    -----
    Zones lie along the outline, so that the mean grey value of all pixels at one depth below it is
    taken, ring by ring of a pixel; the outermost ring, which the resin dims, is left out. From that
    profile a parabola is taken off, and the sine with at least one and a half waves in it that
    takes most of the rest with it tells the frequency.
    """
    padded = np.pad(mask.view(np.uint8), 1)
    distance: Any = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depths = np.asarray(distance)[1:-1, 1:-1][mask]
    ring_px = max(1.0, float(depths.max()) / _MOST_RINGS)
    rings = np.rint(depths / ring_px).astype(np.int64)
    counts = np.bincount(rings)
    enough = np.flatnonzero(counts >= _FEWEST_PIXELS)
    # Ring 1 is the outline itself.
    known = enough[enough > 1]
    n = int(known[-1] - known[0] + 1) if len(known) else 0
    if n < _FEWEST_RINGS or n != len(known):
        return math.nan
    profile = np.bincount(rings, weights=grey[mask])[known] / counts[known]
    waves, trend, frequencies = _waves(n)
    rest = profile - trend @ (trend.T @ profile)
    total = float(rest @ rest)
    if total <= 1e-9 * max(float(profile @ profile), 1e-12):
        return math.nan
    power = ((waves @ rest) ** 2).sum(axis=1) / total
    best = int(power.argmax())
    if power[best] < LEAST_SHARE:
        return math.nan
    step = frequencies[1] - frequencies[0]
    return float(frequencies[best] + step * _beside_the_peak(power, best)) / (ring_px * pixel_size_um)


@lru_cache(maxsize=_MOST_RINGS)
def _waves(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return waves over n rings, (frequencies, 2, n), the trend's basis (n, 3), and the frequencies per ring.

    The two waves of a frequency stand at right angles to each other and to the trend.
    """
    at = np.arange(n)
    trend = np.linalg.qr(np.vander(at / n - 0.5, 3))[0]
    frequencies = np.linspace(_FEWEST_WAVES / n, _FINEST, _PER_RING * n)
    angles = 2 * np.pi * frequencies[:, None] * at
    pairs = np.stack([np.cos(angles), np.sin(angles)], axis=2)
    pairs -= trend @ (trend.T @ pairs)
    waves = np.linalg.qr(pairs)[0].transpose(0, 2, 1)
    return np.ascontiguousarray(waves), trend, frequencies


def _beside_the_peak(power: NDArray[np.float64], best: int) -> float:
    """Return where between its neighbours, -0.5 to 0.5, the parabola through a peak is highest."""
    if not 0 < best < len(power) - 1:
        return 0.0
    before, peak, after = power[best - 1 : best + 2]
    curve = before - 2 * peak + after
    return float(np.clip((before - after) / (2 * curve), -0.5, 0.5)) if curve < 0 else 0.0
