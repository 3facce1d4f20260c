"""What microscope and detector add to the drawn grains of a synthetic mount.

Soft edges, glow, tiles of uneven brightness with seams, fading illumination, the resin's faint light with
its marks, and noise; worked out in strips of rows, so that a large mosaic needs little memory.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.samples.grain_outline import Field, as_field
from napari_zircon_cnn.samples.marks import Marks, scatter_marks
from napari_zircon_cnn.samples.mount_settings import MountSettings

_STRIP_ROWS = 256
_EDGE_SIGMA_PX = 0.85
_HALO_SIGMA_UM = 7.0
_HALO_STEP = 2
_SEAM = (1.0, 2.5, 5.0, 1.5)


@dataclass(frozen=True, eq=False)
class _Exposure:
    """What is the same for all strips."""

    row_seams: NDArray[np.int64]
    column_seams: NDArray[np.int64]
    tile_gains: Field
    row_light: Field
    column_light: Field
    marks: Marks
    halo_sigma_px: float
    settings: MountSettings


def expose(
    image: NDArray[np.uint8],
    seeds: np.random.SeedSequence,
    pixel_size_um: float,
    settings: MountSettings,
    workers: int | None = None,
) -> None:
    """Turn a drawing of grains into what the detector records.

    Parameters
    ----------
    image
        The grains' grey levels on black, uint8, shape (rows, columns); overwritten.
    seeds
        Where the randomness comes from; the number of workers has no part in it.
    pixel_size_um
        Edge of a pixel in µm.
    settings
        The look of the mosaic.
    workers
        Number of threads; one per processor, up to four, if None.
    """
    rows = image.shape[0]
    starts = range(0, rows, _STRIP_ROWS)
    layout_seeds, *strip_seeds = seeds.spawn(1 + len(starts))
    exposure = _lay_out(np.random.default_rng(layout_seeds), image.shape, pixel_size_um, settings)
    # Three sigmas, in whole steps of the coarse grid that the glow is worked out on.
    margin = _HALO_STEP * (int(3 * exposure.halo_sigma_px / _HALO_STEP) + 2)
    # A strip needs its neighbours' rows as drawn, which these may have overwritten by then.
    above = [image[max(start - margin, 0) : start].copy() for start in starts]
    below = [image[start + _STRIP_ROWS : start + _STRIP_ROWS + margin].copy() for start in starts]

    def expose_strip(index: int) -> None:
        start = starts[index]
        strip = image[start : start + _STRIP_ROWS]
        drawn = np.concatenate([above[index], strip, below[index]])
        top = margin - len(above[index])
        bottom = margin - len(below[index]) + -len(strip) % _HALO_STEP
        drawn = np.pad(drawn, ((top, bottom), (0, 0)), mode="edge")
        rng = np.random.default_rng(strip_seeds[index])
        strip[:] = _record(rng, drawn, slice(margin, margin + len(strip)), start, exposure)

    with ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 4)) as pool:
        list(pool.map(expose_strip, range(len(starts))))


def _lay_out(
    rng: np.random.Generator, shape: tuple[int, ...], pixel_size_um: float, settings: MountSettings
) -> _Exposure:
    tile = int(settings.tile_px)
    seams = [np.arange(-int(rng.integers(tile)), size + tile, tile) for size in shape]
    gains = 1 + settings.tile_step * rng.standard_normal((len(seams[0]), len(seams[1])), dtype=np.float32)
    lost = 1 - np.sqrt(1 - settings.fading)
    light = []
    for size in shape:
        away = np.linspace(0, 1, size, dtype=np.float32)
        light.append(1 - np.float32(lost) * (away if rng.random() < 0.5 else away[::-1]) ** 2)
    marks = scatter_marks(rng, shape, tile, settings.streaks_per_tile)
    return _Exposure(
        seams[0],
        seams[1],
        np.maximum(gains, 0.2),
        light[0],
        light[1],
        marks,
        _HALO_SIGMA_UM / pixel_size_um,
        settings,
    )


def _record(
    rng: np.random.Generator, drawn: NDArray[np.uint8], rows: slice, first_row: int, exposure: _Exposure
) -> NDArray[np.uint8]:
    """Return a strip as recorded; `rows` of `drawn` are the strip, the others its surroundings."""
    settings = exposure.settings
    sharp = drawn[rows.start - 4 : rows.stop + 4].astype(np.float32)
    signal = as_field(cv2.GaussianBlur(sharp, (0, 0), _EDGE_SIGMA_PX)[4:-4])
    if settings.halo > 0:
        # Both parts of the light fall to half at a grain's edge, so that this stays where it was drawn.
        signal *= 1 - settings.halo
        signal += settings.halo * _glow(drawn, exposure.halo_sigma_px)[rows]
    signal += settings.background
    _shade(signal, first_row, exposure)
    exposure.marks.draw(signal, first_row, settings.background)
    seam_light = min(settings.background / 4, 1)
    for offset, excess in enumerate(_SEAM, start=-2):
        lines = exposure.row_seams + offset - first_row
        signal[lines[(lines >= 0) & (lines < len(signal))]] += excess * seam_light
        lines = exposure.column_seams + offset
        signal[:, lines[(lines >= 0) & (lines < signal.shape[1])]] += excess * seam_light
    if settings.noise > 0:
        noise = rng.standard_normal(signal.shape, dtype=np.float32)
        noise *= settings.noise * (0.1 + 0.09 * np.sqrt(np.maximum(signal, 0)))
        signal += noise
    np.rint(np.clip(signal, 0, 255, out=signal), out=signal)
    return signal.astype(np.uint8)


def _glow(drawn: NDArray[np.uint8], sigma_px: float) -> Field:
    """Return the drawing blurred widely, worked out on a coarser grid."""
    size = (drawn.shape[1], drawn.shape[0])
    coarse_size = (-(-size[0] // _HALO_STEP), size[1] // _HALO_STEP)
    coarse = as_field(cv2.resize(drawn, coarse_size, interpolation=cv2.INTER_AREA))
    coarse = as_field(cv2.GaussianBlur(coarse, (0, 0), sigma_px / _HALO_STEP))
    return as_field(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR))


def _shade(signal: Field, first_row: int, exposure: _Exposure) -> None:
    """Apply the tiles' uneven brightness and the fading light."""
    last_row = first_row + len(signal)
    edges = np.clip(exposure.column_seams, 0, signal.shape[1])
    widths = edges[1:] - edges[:-1]
    for row, (start, stop) in enumerate(zip(exposure.row_seams[:-1], exposure.row_seams[1:], strict=True)):
        part = slice(max(start, first_row) - first_row, min(stop, last_row) - first_row)
        if part.start < part.stop:
            signal[part] *= np.repeat(exposure.tile_gains[row, : len(widths)], widths) * exposure.column_light
    signal *= exposure.row_light[first_row:last_row, None]
