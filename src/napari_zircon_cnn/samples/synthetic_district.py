"""A synthetic district: mounts of two rocks, imaged in sessions whose brightness may give the rock away."""

from math import exp, sqrt

import numpy as np

from napari_zircon_cnn.samples.mount_settings import MountSettings
from napari_zircon_cnn.samples.synthetic import (
    GRAINS_PER_MM2,
    SyntheticMount,
    synthetic_mount,
)

N_SAMPLES = 8

_PIXEL_UM = 2.0
_BRIGHT, _DIM, _USUAL = 150.0, 72.0, 104.0
_BETWEEN_SESSIONS = 0.05  # standard deviation of the logarithm of the sessions' brightness


def synthetic_district(
    seed: int = 0, n_grains: int = 100, *, confounded: bool, n_samples: int = N_SAMPLES
) -> list[SyntheticMount]:
    """Draw a mount of each sample of a district, half of them porphyry and half batholith.

    Parameters
    ----------
    seed
        Same seed and arguments, same mounts. Another seed is another set of mounts of the same rocks.
    n_grains
        Grains in each mount, about.
    confounded
        Whether porphyry was imaged in bright sessions and batholith in dim ones, so that brightness tells
        them apart; otherwise the sessions have nothing to do with the rock.
    n_samples
        How many samples.

    Returns
    -------
    list of SyntheticMount
        ``BAT-1``, ``POR-1``, ``BAT-2`` and so on. All grains of a mount are of one class; what tells the
        classes apart besides the session is outline, zoning and rims.
    """
    rng = np.random.default_rng([seed, int(confounded)])
    edge_px = round(sqrt(n_grains / GRAINS_PER_MM2) * 1000 / _PIXEL_UM)
    mounts = []
    for n in range(n_samples):
        is_porphyry = n % 2 == 1
        usual = (_BRIGHT if is_porphyry else _DIM) if confounded else _USUAL
        level = usual * exp(_BETWEEN_SESSIONS * rng.standard_normal())
        mounts.append(
            synthetic_mount(
                int(rng.integers(2**31)),
                (edge_px, edge_px),
                sample=f"{'POR' if is_porphyry else 'BAT'}-{n // 2 + 1}",
                porphyry_share=float(is_porphyry),
                pixel_size_um=_PIXEL_UM,
                settings=MountSettings(porphyry_brightness=level, batholith_brightness=level),
            )
        )
    return mounts


def classes_of(mounts: list[SyntheticMount]) -> dict[str, str]:
    """Return the class of each sample of a district."""
    return {drawn.mount.sample: drawn.classes[1] for drawn in mounts}
