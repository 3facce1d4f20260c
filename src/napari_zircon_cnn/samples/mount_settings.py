"""What can be set about a synthetic mount, and within which limits."""

from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

from napari_zircon_cnn.errors import ZirconError


def _within(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"limits": (low, high)})


@dataclass(frozen=True)
class MountSettings:
    """The look of a synthetic mount; grey levels are those of an 8-bit image.

    The defaults resemble SEM-CL mosaics of zircon mounts recorded with 2 µm pixels.

    Parameters
    ----------
    background
        Grey level of the resin.
    noise
        Standard deviation of the detector noise, in grey levels, at a grey level of 100; it falls with
        the square root of the signal.
    tile_px
        Edge of the square tiles that the mosaic is stitched from.
    tile_step
        Standard deviation of the tiles' brightness, relative to their mean.
    fading
        Part of the brightness that is lost in the faintest corner.
    streaks_per_tile
        Expected number of charging streaks in a tile.
    halo
        Part of the grains' light that spreads into a glow around them.
    porphyry_brightness, batholith_brightness
        Median grey level of a class's grains.
    porphyry_contrast, batholith_contrast
        Factor on the strength of the zoning in a class's grains.
    brightness_spread
        Standard deviation of the logarithm of the grains' brightness within a class.
    ambiguous_share
        Share of the grains that look halfway between the classes.
    dim_share
        Share of the grains that hardly luminesce.
    broken_share
        Share of the grains that lost a piece.
    sector_share
        Share of euhedral grains with sector zoning; anhedral grains have half of it.
    inclusion_rate, crack_rate
        Expected number of inclusions and of cracks in a grain.

    Raises
    ------
    ZirconError
        If a value is outside its limits.
    """

    background: float = _within(4.0, 0, 60)
    noise: float = _within(2.0, 0, 20)
    tile_px: float = _within(400, 64, 100_000)
    tile_step: float = _within(0.04, 0, 0.5)
    fading: float = _within(0.12, 0, 0.9)
    streaks_per_tile: float = _within(0.6, 0, 20)
    halo: float = _within(0.15, 0, 0.5)
    porphyry_brightness: float = _within(108, 20, 220)
    batholith_brightness: float = _within(102, 20, 220)
    porphyry_contrast: float = _within(1.0, 0, 3)
    batholith_contrast: float = _within(1.0, 0, 3)
    brightness_spread: float = _within(0.17, 0, 0.5)
    ambiguous_share: float = _within(0.12, 0, 1)
    dim_share: float = _within(0.06, 0, 1)
    broken_share: float = _within(0.25, 0, 1)
    sector_share: float = _within(0.4, 0, 1)
    inclusion_rate: float = _within(1.3, 0, 20)
    crack_rate: float = _within(0.2, 0, 10)

    def __post_init__(self) -> None:
        """Check every value against its limits."""
        for setting in fields(self):
            low, high = setting.metadata["limits"]
            value = getattr(self, setting.name)
            if not (isfinite(value) and low <= value <= high):
                raise ZirconError(
                    f"The synthetic mount's {setting.name} is {value:g}; "
                    f"give a number from {low:g} to {high:g}."
                )
