"""A synthetic CL mount, drawn from a seed, with the truth about every grain.

It stands in for real mosaics in demonstrations and tests: the same seed and settings give the same bytes,
at any size. The pictures imitate SEM-CL mosaics of zircon mounts, not the physics of luminescence.
"""

from dataclasses import dataclass
from itertools import islice
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples.detector import expose
from napari_zircon_cnn.samples.grain_drawing import BATHOLITH, PORPHYRY, DrawnGrain, draw_grain
from napari_zircon_cnn.samples.grain_outline import LARGEST_GRAIN_UM, SMALLEST_GRAIN_UM
from napari_zircon_cnn.samples.mount_settings import MountSettings
from napari_zircon_cnn.samples.placement import Body, push_together, set_down, single, touching_labels

__all__ = ["BATHOLITH", "PORPHYRY", "MountSettings", "SyntheticMount", "synthetic_mount"]

# The mosaics of Quellaveco hold 5 to 16 grains in a square of 1000 µm, the fuller ones about 11.
GRAINS_PER_MM2 = 11.0
MIN_GRAIN_PX = 8
_GROUP_TRIES = 150
_SINGLE_TRIES = 600


@dataclass(frozen=True, eq=False)
class SyntheticMount:
    """A drawn mount and the truth about it.

    Parameters
    ----------
    mount
        The mosaic, an 8-bit grey image.
    labels
        The true label image, int32, the mosaic's shape: 0 is resin, grains are 1 to n without gaps, each
        one 4-connected piece. Grains do not overlap; touching ones share a border.
    classes
        Class of label i at index i, "porphyry" or "batholith"; index 0 is "".
    touching
        Labels of the grains that touch another.
    dim
        Labels of the grains that hardly luminesce.
    """

    mount: Mount
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    touching: frozenset[int]
    dim: frozenset[int]

    @property
    def n_grains(self) -> int:
        """Number of grains."""
        return len(self.classes) - 1


def synthetic_mount(
    seed: int = 0,
    shape: tuple[int, int] = (1000, 1000),
    *,
    sample: str = "synthetic",
    porphyry_share: float = 0.5,
    n_grains: int | None = None,
    touching_share: float = 0.3,
    pixel_size_um: float = 2.0,
    settings: MountSettings | None = None,
) -> SyntheticMount:
    """Draw a mount of zircon grains as SEM-CL would show it.

    Porphyry grains are euhedral prisms with oscillatory zoning; batholith grains are anhedral and dull with
    bright narrow rims. Some of each look halfway between. There are inclusions, cracks, broken grains, dim
    grains and grains cut by the mosaic's border; tiles with seams, charging streaks, glow, fading light and
    noise.

    Parameters
    ----------
    seed
        Same seed and arguments, same bytes.
    shape
        Rows and columns of the mosaic in px.
    sample
        The sample's name.
    porphyry_share
        Share of porphyry grains, 0 to 1; the others are batholith grains.
    n_grains
        Number of grains; as many as in a well-filled real mosaic of this area if None.
    touching_share
        Share of grains that touch another, 0 to 1, as far as groups of touching grains find a place.
    pixel_size_um
        Edge of a pixel in µm. Grains are 40 to 200 µm long at any pixel size.
    settings
        The look of the mosaic.

    Returns
    -------
    SyntheticMount
        The mosaic with its true labels and classes.

    Raises
    ------
    ZirconError
        If an argument is impossible or the grains do not fit.
    """
    settings = settings or MountSettings()
    _check_grid(seed, shape, pixel_size_um)
    _check_grains(n_grains, porphyry_share, touching_share)
    wanted = n_grains
    if wanted is None:
        wanted = max(round(GRAINS_PER_MM2 * shape[0] * shape[1] * (pixel_size_um / 1000) ** 2), 1)
    draw_seeds, place_seeds, expose_seeds = np.random.SeedSequence(seed).spawn(3)
    rng = np.random.default_rng(place_seeds)
    is_porphyry = rng.permutation(wanted) < round(porphyry_share * wanted)
    is_dim = rng.permutation(wanted) < round(settings.dim_share * wanted)
    # Each grain has its own generator, so that a grain is the same whatever was drawn before it.
    grains = (
        draw_grain(
            np.random.default_rng(seeds),
            PORPHYRY if porphyry else BATHOLITH,
            pixel_size_um,
            settings,
            is_dim=bool(dim),
        )
        for porphyry, dim, seeds in zip(is_porphyry, is_dim, draw_seeds.spawn(wanted), strict=True)
    )
    sheet = _Sheet(shape, pixel_size_um, rng)
    for size in _group_sizes(rng, wanted, touching_share):
        left_out = sheet.add(list(islice(grains, size)))
        if left_out and n_grains is not None:
            raise ZirconError(
                f"Only about {sheet.n_grains} of {n_grains} grains fit into {shape[0]} x {shape[1]} px of "
                f"{pixel_size_um:g} µm; ask for fewer grains or a larger mosaic."
            )
    expose(sheet.image, expose_seeds, pixel_size_um, settings)
    return SyntheticMount(
        Mount(sheet.image, pixel_size_um, sample),
        sheet.labels,
        tuple(sheet.classes),
        frozenset(sheet.touching),
        frozenset(sheet.dim),
    )


class _Sheet:
    """The drawing that grains are set down on, and the truth about them."""

    def __init__(self, shape: tuple[int, int], pixel_size_um: float, rng: np.random.Generator) -> None:
        self.image = np.zeros(shape, np.uint8)
        self.labels = np.zeros(shape, np.int32)
        self.classes = [""]
        self.touching: set[int] = set()
        self.dim: set[int] = set()
        self._pixel_size_um = pixel_size_um
        self._rng = rng

    @property
    def n_grains(self) -> int:
        return len(self.classes) - 1

    def add(self, group: list[DrawnGrain]) -> int:
        """Set a group down, its grains touching or, where there is no room for that, each on its own.

        Returns the number of grains that found no place.
        """
        if len(group) > 1:
            together = push_together(self._rng, group)
            if together is not None and self._set_down(together, group, _GROUP_TRIES):
                return 0
        return sum(not self._set_down(single(grain), [grain], _SINGLE_TRIES) for grain in group)

    def _set_down(self, body: Body, group: list[DrawnGrain], tries: int) -> bool:
        gap_px = max(round(self._rng.uniform(4, 16) / self._pixel_size_um), 2)
        first_label = len(self.classes)
        seen = set_down(self._rng, self.labels, self.image, body, first_label, gap_px=gap_px, tries=tries)
        if seen is None:
            return False
        self.classes += [grain.grain_class for grain in group]
        self.dim.update(first_label + index for index, grain in enumerate(group) if grain.is_dim)
        if len(group) > 1:
            self.touching.update(touching_labels(seen))
        return True


def _group_sizes(rng: np.random.Generator, n_grains: int, touching_share: float) -> list[int]:
    """Return the numbers of grains that lie together, 1 for grains alone, in random order."""
    left = round(touching_share * n_grains)
    if left == 1:
        left = 2 if touching_share > 0.5 and n_grains > 1 else 0
    sizes = [1] * (n_grains - left)
    while left > 0:
        size = min(1 + int(rng.geometric(0.6)), 5, left)
        # A last grain cannot touch on its own.
        size = left if left - size == 1 else size
        sizes.append(size)
        left -= size
    return [sizes[index] for index in rng.permutation(len(sizes))]


def _check_grid(seed: int, shape: tuple[int, int], pixel_size_um: float) -> None:
    if seed < 0:
        raise ZirconError(f"The seed is {seed}; give a whole number from 0 on.")
    largest_pixel_um = SMALLEST_GRAIN_UM / MIN_GRAIN_PX
    if not (isfinite(pixel_size_um) and 0 < pixel_size_um <= largest_pixel_um):
        raise ZirconError(
            f"The synthetic mount's pixel size is {pixel_size_um:g} µm; give one above 0 and up to "
            f"{largest_pixel_um:g} µm."
        )
    if len(shape) != 2 or min(shape) * pixel_size_um < LARGEST_GRAIN_UM:
        raise ZirconError(
            f"A synthetic mount of {' x '.join(map(str, shape))} px of {pixel_size_um:g} µm has no room for "
            f"a grain; make both edges {LARGEST_GRAIN_UM:g} µm or longer."
        )


def _check_grains(n_grains: int | None, porphyry_share: float, touching_share: float) -> None:
    if n_grains is not None and n_grains < 0:
        raise ZirconError(f"The number of grains is {n_grains}; give 0 or more.")
    for name, share in (("porphyry_share", porphyry_share), ("touching_share", touching_share)):
        if not 0 <= share <= 1:
            raise ZirconError(f"The {name} is {share:g}; give a share from 0 to 1.")
