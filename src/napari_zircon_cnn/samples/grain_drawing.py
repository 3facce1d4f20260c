"""One synthetic zircon grain: its zoning, its rims, its inclusions and its cracks."""

from dataclasses import dataclass
from math import cos, exp, log, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.samples.grain_outline import (
    Field,
    Frame,
    Mask,
    as_field,
    break_grain,
    frame_grain,
    grow,
    largest_piece,
    patchy,
)
from napari_zircon_cnn.samples.mount_settings import MountSettings

PORPHYRY = "porphyry"
BATHOLITH = "batholith"


@dataclass(frozen=True, eq=False)
class DrawnGrain:
    """A grain on its own.

    Parameters
    ----------
    grain_class
        "porphyry" or "batholith".
    is_dim
        Whether the grain hardly luminesces.
    body
        True inside the outline, shape (h, w) of the grain's bounding box; one 4-connected piece.
    grey
        Grey levels of the grain without any noise, uint8, the same shape; 0 outside the body.
    """

    grain_class: str
    is_dim: bool
    body: Mask
    grey: NDArray[np.uint8]


def draw_grain(
    rng: np.random.Generator,
    grain_class: str,
    pixel_size_um: float,
    settings: MountSettings,
    *,
    is_dim: bool = False,
) -> DrawnGrain:
    """Draw one grain of a class.

    Parameters
    ----------
    rng
        Where the randomness comes from.
    grain_class
        "porphyry" for a euhedral, oscillatory-zoned prism, "batholith" for a dull anhedral grain with
        bright rims.
    pixel_size_um
        Edge of a pixel in µm.
    settings
        The look of the grains.
    is_dim
        Whether the grain hardly luminesces.

    Returns
    -------
    DrawnGrain
        The grain, cropped to its bounding box.
    """
    euhedral = _character(rng, grain_class, settings.ambiguous_share)
    frame = frame_grain(rng, euhedral, pixel_size_um)
    has_sectors = rng.random() < settings.sector_share * (0.5 + 0.5 * euhedral)
    growth, sector = grow(rng, _lean(rng, euhedral), frame, has_sectors)
    whole = largest_piece(growth < 1)
    body = break_grain(rng, whole, frame) if rng.random() < settings.broken_share else whole

    is_porphyry = grain_class == PORPHYRY
    contrast = settings.porphyry_contrast if is_porphyry else settings.batholith_contrast
    level = settings.porphyry_brightness if is_porphyry else settings.batholith_brightness
    level *= exp(settings.brightness_spread * rng.standard_normal())
    grey = _zone(rng, _lean(rng, euhedral), growth, sector, contrast)
    grey *= _rim(rng, _lean(rng, euhedral), growth, frame, contrast)
    grey *= _include_and_crack(rng, frame, settings)
    if is_dim:
        level *= rng.uniform(0.16, 0.34)
        grey *= np.exp(np.float32(0.3) * patchy(rng, grey.shape, 11))
    grey *= np.float32(level)
    rows, columns = _bounds(body)
    body = body[rows, columns]
    shown = np.where(body, np.clip(grey[rows, columns], 1, 255), 0).astype(np.uint8)
    return DrawnGrain(grain_class, is_dim, body, shown)


def _character(rng: np.random.Generator, grain_class: str, ambiguous_share: float) -> float:
    """Draw how euhedral a grain is: near 1 for porphyry, near 0 for batholith, between if ambiguous."""
    away = min(abs(0.1 * rng.standard_normal()), 0.5)
    between = rng.uniform(0.25, 0.75)
    if rng.random() < ambiguous_share:
        return float(between)
    return 1 - away if grain_class == PORPHYRY else away


def _lean(rng: np.random.Generator, euhedral: float) -> float:
    """Let each of a grain's features follow its character loosely."""
    return min(max(euhedral + 0.09 * float(rng.standard_normal()), 0.0), 1.0)


def _zone(
    rng: np.random.Generator,
    euhedral: float,
    growth: Field,
    sector: NDArray[np.intp] | None,
    contrast: float,
) -> Field:
    """Return the grey levels of a grain's zones around 1."""
    age = np.linspace(0, 1, 256)
    edges = np.sort(rng.uniform(0.12, 1.0, 6))
    stages = rng.standard_normal(7) * (0.03 + 0.12 * euhedral)
    has_core = rng.random() < 0.4
    core = rng.choice([-0.32, -0.2, 0.2, 0.3]) * rng.uniform(0.6, 1.2)
    profile = stages[np.searchsorted(edges, age)]
    if has_core:
        profile = profile + core * (age < edges[2])
    # Oscillations come in packets of a few bands whose width wanders.
    pace = np.cumsum(np.interp(age, np.linspace(0, 1, 9), rng.uniform(0.3, 1.8, 9))) / 256
    bands = rng.uniform(2, 8)
    wave = np.sin(2 * pi * (bands * pace + rng.random()))
    packets = np.interp(age, np.linspace(0, 1, 8), rng.uniform(0, 1, 8) ** 1.5)
    profile = profile + (0.01 + 0.24 * euhedral**1.5) * packets * np.clip(2 * wave, -1, 1)
    profile = profile + rng.uniform(-0.12, 0.12) * age
    table = (1 + contrast * profile).astype(np.float32)
    grey: Field = table[np.clip(growth * 255, 0, 255).astype(np.uint8)]
    gains = rng.uniform(-0.14, 0.2, 10)
    if sector is not None:
        strength = contrast * np.clip(4 * growth - 0.8, 0, 1)
        grey *= 1 + strength * gains.astype(np.float32)[sector]
    blotches = patchy(rng, grey.shape, 4) + 0.5 * patchy(rng, grey.shape, 10)
    if rng.random() < 0.75 * (1 - euhedral):
        grey *= 1 + 0.15 * contrast * np.clip(8 * blotches, -1, 1)
    grey *= 1 + 0.05 * patchy(rng, grey.shape, 4) + (0.08 - 0.045 * euhedral) * patchy(rng, grey.shape, 18)
    return grey


def _rim(rng: np.random.Generator, euhedral: float, growth: Field, frame: Frame, contrast: float) -> Field:
    """Return the factor by which rims are brighter or fainter than what they surround."""
    depth_um = (1 - growth) * (frame.short_um / 2)
    bright, thin = rng.uniform(0.35, 0.9), rng.uniform(4, 8)
    faint, thick = rng.uniform(0.3, 0.5), rng.uniform(2.5, 6)
    is_faint = rng.random() < 0.4
    around = patchy(rng, growth.shape, 3)
    strength = bright * max(1 - 1.35 * euhedral, 0.0) * np.clip(0.9 + around, 0, 1)
    factor = 1 + contrast * strength * (depth_um < thin)
    if is_faint:
        factor *= 1 - faint * np.clip(around, 0, 1) * (depth_um < thick)
    return as_field(factor)


def _include_and_crack(rng: np.random.Generator, frame: Frame, settings: MountSettings) -> Field:
    """Return the factor, 1 or less, by which inclusions and cracks darken a grain."""
    shape = frame.x.shape
    opaque = np.zeros(shape, np.uint8)
    sub = 4  # OpenCV's drawing takes fixed-point coordinates with this many binary places
    middle_row, middle_column = (shape[0] - 1) / 2, (shape[1] - 1) / 2

    def at(x_um: float, y_um: float) -> tuple[int, int]:
        column = middle_column + (cos(frame.turn) * x_um - sin(frame.turn) * y_um) / frame.pixel_um
        row = middle_row + (sin(frame.turn) * x_um + cos(frame.turn) * y_um) / frame.pixel_um
        return round(column * 2**sub), round(row * 2**sub)

    a, b = frame.long_um / 2, frame.short_um / 2
    for _ in range(rng.poisson(settings.inclusion_rate)):
        spread = rng.normal(0, 0.38, 2)
        radius_um = min(max(exp(rng.normal(log(3.2), 0.4)), 1.5), 0.4 * b)
        stretch = 1 + max(rng.normal(0, 0.6), 0)
        axes = [round(radius * 2**sub / frame.pixel_um) for radius in (stretch * radius_um, radius_um)]
        centre = at(a * spread[0], b * spread[1])
        depth = int(rng.uniform(130, 245))
        cv2.ellipse(opaque, centre, axes, rng.uniform(0, 180), 0, 360, depth, -1, cv2.LINE_AA, sub)
    for _ in range(rng.poisson(settings.crack_rate)):
        way, offset = rng.uniform(0, pi), rng.normal(0, 0.3)
        along = np.linspace(rng.uniform(-1, 0.2), 1, 7) * frame.long_um * 0.55
        aside = rng.normal(0, 2.0, 7) + offset * b
        points = [
            at(cos(way) * s - sin(way) * t, sin(way) * s + cos(way) * t)
            for s, t in zip(along, aside, strict=True)
        ]
        width = max(round(1.6 / frame.pixel_um), 1)
        darkness = int(rng.uniform(60, 150))
        cv2.polylines(opaque, [np.array(points)], False, darkness, width, cv2.LINE_AA, sub)
    return as_field(1 - opaque / np.float32(255))


def _bounds(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
