"""The outline of a synthetic zircon grain, grown from its faces.

The field `growth` is 0 at the grain's centre and 1 on its outline, and its level sets are the outlines that
the growing crystal once had, so that zoning is a function of it. Every random number is drawn independently
of the pixel size: one seed gives one grain at any pixel size.
"""

from dataclasses import dataclass
from math import ceil, cos, exp, log, pi, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SMALLEST_GRAIN_UM = 40.0
LARGEST_GRAIN_UM = 200.0

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Frame:
    """The pixel grid that a grain is drawn on, along the crystal's long (x) and short (y) axis, in µm."""

    x: Field
    y: Field
    pixel_um: float
    long_um: float
    short_um: float
    turn: float


def as_field(values: NDArray[Any]) -> Field:
    """Return values as float32, uncopied where they are that already."""
    return values.astype(np.float32, copy=False)


def largest_piece(mask: Mask) -> Mask:
    """Return the largest 4-connected piece of a mask."""
    n, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if n <= 2:
        return mask
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(pieces == largest)


def patchy(rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> Field:
    """Return a smooth random field of unit spread with about `cells` bumps along an edge."""
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    return as_field(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))


def frame_grain(rng: np.random.Generator, euhedral: float, pixel_um: float) -> Frame:
    """Draw a grain's size and direction, and lay a pixel grid over it."""
    long_um = min(
        max((124 + 16 * euhedral) * exp(0.27 * rng.standard_normal()), SMALLEST_GRAIN_UM),
        0.9 * LARGEST_GRAIN_UM,
    )
    aspect = min(max(exp(log(1.3 + 0.9 * euhedral) + 0.24 * rng.standard_normal()), 1.0), 4.0)
    short_um = max(long_um / aspect, 0.6 * SMALLEST_GRAIN_UM)
    turn = rng.uniform(0, pi)
    shift_x, shift_y = rng.uniform(-0.5, 0.5, 2) * pixel_um
    # Half the width and height of the turned box around the grain, with room for a bulging outline.
    run, rise = 0.55 * abs(cos(turn)), 0.55 * abs(sin(turn))
    half_width = ceil((long_um * run + short_um * rise) / pixel_um) + 2
    half_height = ceil((long_um * rise + short_um * run) / pixel_um) + 2
    across = np.arange(-half_width, half_width + 1, dtype=np.float32)[None, :] * np.float32(pixel_um)
    down = np.arange(-half_height, half_height + 1, dtype=np.float32)[:, None] * np.float32(pixel_um)
    across, down = across + np.float32(shift_x), down + np.float32(shift_y)
    x = np.float32(cos(turn)) * across + np.float32(sin(turn)) * down
    y = np.float32(cos(turn)) * down - np.float32(sin(turn)) * across
    return Frame(x, y, pixel_um, long_um, short_um, turn)


def grow(
    rng: np.random.Generator, euhedral: float, frame: Frame, has_sectors: bool
) -> tuple[Field, NDArray[np.intp] | None]:
    """Return the field `growth` and, for sector zoning, the face that grew at each pixel."""
    angles, distances = _faces(rng, euhedral, frame)
    # A young crystal was more of a needle, and grew faster on one side than on the other.
    needle = 1 + rng.uniform(0, 1.2) * np.abs(np.cos(angles))
    youth = distances * needle * rng.uniform(0.5, 1.5, len(distances)).astype(np.float32)
    youth /= np.mean(youth / distances)
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.stack([frame.x.ravel(), frame.y.ravel()])
    grown = (normals / distances[:, None] @ points).reshape(-1, *frame.x.shape)
    sector = grown.argmax(axis=0) if has_sectors else None
    outer = grown.max(axis=0)
    inner = (normals / youth[:, None] @ points).max(axis=0).reshape(frame.x.shape)
    growth = inner + (outer - inner) * np.minimum(outer, 1)
    a, b = frame.long_um / 2, frame.short_um / 2
    bulge = 1.28 - 0.27 * (1 - euhedral)
    growth = np.maximum(growth, np.sqrt((frame.x / (bulge * a)) ** 2 + (frame.y / (bulge * b)) ** 2))
    rounding_um = min(1.5 + rng.uniform(3, 10) * (1 - euhedral), 0.35 * b)
    growth = as_field(cv2.GaussianBlur(growth, (0, 0), rounding_um / frame.pixel_um))
    growth *= 1 + (0.008 + 0.07 * (1 - euhedral) ** 1.5) * patchy(rng, growth.shape, 6)
    growth *= 1 + 0.012 * patchy(rng, growth.shape, 20)
    return growth, sector


def break_grain(rng: np.random.Generator, whole: Mask, frame: Frame) -> Mask:
    """Cut a grain through or knock a piece off its edge; keep it whole if too little would be left."""
    way = rng.uniform(-0.6, 0.6) + pi * rng.integers(2)
    cut_at, bite_um = rng.uniform(0.1, 0.7), rng.uniform(0.15, 0.42) * frame.short_um
    bite_way = rng.uniform(0, 2 * pi)
    rough = 3.0 * patchy(rng, whole.shape, 9) + 1.5 * patchy(rng, whole.shape, 24)
    if rng.random() < 0.55:
        left = cos(way) * frame.x + sin(way) * frame.y + rough < cut_at * frame.long_um / 2
    else:
        x = frame.x - frame.long_um / 2 * cos(bite_way)
        y = frame.y - frame.short_um / 2 * sin(bite_way)
        left = np.maximum(np.abs(x + 0.4 * y), np.abs(y)) + rough > bite_um
    broken = largest_piece(whole & left)
    return broken if np.count_nonzero(broken) > 0.4 * np.count_nonzero(whole) else whole


def _faces(rng: np.random.Generator, euhedral: float, frame: Frame) -> tuple[Field, Field]:
    """Return the faces' directions (radians from the long axis) and their distances from the centre in µm."""
    a, b = frame.long_um / 2, frame.short_um / 2
    blob = np.sort(rng.uniform(0, 2 * pi, 9))
    stretch = rng.uniform(0.78, 1.0, 9)
    slopes = np.repeat(rng.uniform(0.45, 1.25, 2), 2)
    basal = rng.uniform(0.88, 1.02, 2)
    slip, jitter = rng.standard_normal(8), rng.standard_normal(8)
    if euhedral < 0.45:
        angles = blob[: 6 + int(4 * stretch[0]) % 4]
        distances = np.hypot(a * np.cos(angles), b * np.sin(angles)) * stretch[: len(angles)]
    else:
        # Pyramid faces run from the tip at (a, 0) to the prism faces, which they meet `point` before it.
        point = np.minimum(slopes * b, 0.75 * a)
        side = np.arctan2(point, b)
        tip = np.array([side[0], -side[1], pi - side[2], pi + side[3]])
        angles = np.concatenate([[pi / 2, -pi / 2], tip, [0.0, pi]])
        angles = angles + (0.03 + 0.2 * (1 - euhedral)) * slip
        distances = np.concatenate([[b, b], a * np.abs(np.cos(tip)), basal * a])
        distances = distances * (1 + (0.05 + 0.12 * (1 - euhedral)) * np.clip(jitter, -2, 1))
    return angles.astype(np.float32), distances.astype(np.float32)
