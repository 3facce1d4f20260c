"""What holds for a whole mount and can be told from its mosaic alone: brightness, noise and tile seams."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.scratch import release

WHITE = 255.0
"""The grey value that stands for the mount's own white in all that this module tells."""

SEAM_CONTRAST = 12.0
"""A seam's line is brighter than those beside it by this many times their usual difference."""

_BAND_PX = 256
_BACKGROUND_SHARE = 0.1
_FEWEST_BACKGROUND = 0.3
_BESIDE_PX = 2
_WANDERING_PX = 2
_FILLED_BANDS = 2
_LEAST_NOISE = 0.5
_LEAST_DIFFERENCE = 0.02

Seams = NDArray[np.int64]
"""Shape (n, 3): the line of a seam and the first and last (excluded) pixel along it, in px."""


@dataclass(frozen=True, eq=False)
class MountFacts:
    """What holds for a whole mount; grey values are those of an 8-bit image, whose white is 255.

    Parameters
    ----------
    background
        Typical grey value of the resin.
    noise
        Standard deviation of the resin's grey values.
    grain_level
        Typical grey value of a grain's pixel; that of the resin where nothing stands out.
    row_seams, column_seams
        Where tiles meet above each other, as rows, and beside each other, as columns; see `Seams`.
    """

    background: float
    noise: float
    grain_level: float
    row_seams: Seams
    column_seams: Seams

    @property
    def background_limit(self) -> float:
        """The highest grey value that is surely resin."""
        return _limit(self.background, self.grain_level)


def facts_of(mount: Mount, progress: Progress = silent) -> MountFacts:
    """Tell what holds for a whole mount.

    Parameters
    ----------
    mount
        The mosaic.
    progress
        Told of each band of rows; may raise `Cancelled`.

    Returns
    -------
    MountFacts
        The facts; they depend on the mosaic alone, not on any grain found in it.

    Notes
    -----
    Grains and resin are parted by Otsu's threshold on the histogram, and pixels that are quite
    black, mostly never scanned, are no resin. A seam is a straight line, a pixel or two wide,
    that is brighter than the resin on both its sides, as stitching leaves it: the resin's mean
    is taken along each row in bands of 256 px, and a line belongs to a seam where it exceeds
    those two px beside it by `SEAM_CONTRAST` times the median of such differences, in two bands
    side by side. Tiles that meet without such a line are not noticed.
    """
    histogram = np.zeros(256)
    for _, grey in _each_band(mount, part_of(progress, 0.0, 0.3)):
        whole = grey if grey.dtype == np.uint8 else np.rint(grey).astype(np.uint8)
        histogram += np.asarray(cv2.calcHist([whole], [0], None, [256], [0, 256])).ravel()
    levels = np.arange(256)
    threshold = _otsu(histogram)
    dark = np.where((levels <= threshold) & (levels > 0), histogram, 0)
    dark = dark if dark.any() else np.where(levels <= threshold, histogram, 0)
    background = _median(dark)
    grain_level = _median(np.where(levels > threshold, histogram, 0)) or background
    limit = _limit(background, grain_level)
    resin = np.where(levels <= limit, dark, 0)
    noise = np.sqrt(np.average((levels - background) ** 2, weights=resin)) if resin.any() else 0.0
    along_rows, along_columns = _resin_means(mount, limit, part_of(progress, 0.3, 1.0))
    return MountFacts(
        background,
        max(float(noise), _LEAST_NOISE),
        grain_level,
        _seams(along_rows, mount.image.shape[1]),
        _seams(along_columns, mount.image.shape[0]),
    )


def _blocks(length: int) -> list[slice]:
    """Return slices of `_BAND_PX`; what is left over at the end is one more."""
    return [slice(start, min(start + _BAND_PX, length)) for start in range(0, length, _BAND_PX)]


def _otsu(histogram: NDArray[np.float64]) -> float:
    from skimage.filters import threshold_otsu

    present = np.flatnonzero(histogram)
    if len(present) == 1:
        return float(present[0])
    return float(threshold_otsu(hist=(histogram, np.arange(len(histogram)))))  # type: ignore[no-untyped-call]


def _each_band(mount: Mount, progress: Progress) -> Iterator[tuple[slice, NDArray[Any]]]:
    n_rows = len(mount.image)
    for rows in _blocks(n_rows):
        yield rows, _grey(mount, rows)
        release(mount.image)
        progress(rows.stop / n_rows, f"looked at {rows.stop} of {n_rows} rows")


def _grey(mount: Mount, rows: slice) -> NDArray[Any]:
    if mount.image.dtype == np.uint8:
        return mount.image[rows]
    return mount.unit_values((rows, slice(None))) * np.float32(WHITE)


def _median(histogram: NDArray[np.float64]) -> float:
    below = histogram.cumsum()
    return float(np.searchsorted(below, below[-1] / 2)) if below[-1] else 0.0


def _limit(background: float, grain_level: float) -> float:
    return background + _BACKGROUND_SHARE * (grain_level - background)


def _resin_means(
    mount: Mount, limit: float, progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the resin's mean along each row and each column, shape (lines, bands); NaN among grains."""
    n_rows, n_columns = mount.image.shape
    row_blocks, column_blocks = _blocks(n_rows), _blocks(n_columns)
    along_rows = np.empty((n_rows, len(column_blocks)))
    along_columns = np.empty((n_columns, len(row_blocks)))
    for n, (rows, grey) in enumerate(_each_band(mount, progress)):
        is_resin = (grey <= limit).astype(np.uint8)
        resin = grey * is_resin
        along_columns[:, n] = _mean(resin, is_resin, axis=0)
        for band, columns in enumerate(column_blocks):
            along_rows[rows, band] = _mean(resin[:, columns], is_resin[:, columns], axis=1)
    return along_rows, along_columns


def _mean(resin: NDArray[Any], is_resin: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    counts, sums = (
        np.asarray(
            cv2.reduce(part, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S if part.dtype == np.uint8 else cv2.CV_64F)
        ).ravel()
        for part in (is_resin, resin)
    )
    enough = counts >= _FEWEST_BACKGROUND * is_resin.shape[axis]
    return np.where(enough, sums / np.maximum(counts, 1), np.nan)


def _seams(means: NDArray[np.float64], length: int) -> Seams:
    """Return the seams along one direction of the mosaic, from the resin's means along each line."""
    from scipy import ndimage

    if len(means) <= 2 * _BESIDE_PX:
        return np.empty((0, 3), np.int64)
    excess = np.full(means.shape, np.nan)
    inner = slice(_BESIDE_PX, -_BESIDE_PX)
    excess[inner] = means[inner] - np.fmax(means[: -2 * _BESIDE_PX], means[2 * _BESIDE_PX :])
    known = np.isfinite(excess)
    usual = max(float(np.median(np.abs(excess[known]))) if known.any() else 0.0, _LEAST_DIFFERENCE)
    height = np.where(known, excess, 0.0)
    reach = (2 * _WANDERING_PX + 1, 1)
    peaks = (height == ndimage.maximum_filter(height, reach)) & (height > SEAM_CONTRAST * usual)
    near = np.pad(ndimage.maximum_filter(peaks, reach), ((0, 0), (1, 1)))
    if means.shape[1] > 1:
        peaks &= near[:, :-2] | near[:, 2:]
    lines, bands = np.nonzero(peaks)
    blocks = _blocks(length)
    found = []
    for seam in np.split(np.arange(len(lines)), np.flatnonzero(np.diff(lines) > 2 * _WANDERING_PX) + 1):
        for band, block in enumerate(blocks if len(seam) else []):
            # Grains may hide the line in a band; it goes on as in the band next to it.
            away = np.abs(bands[seam] - band)
            if away.min() <= _FILLED_BANDS:
                found.append((lines[seam[away.argmin()]], block.start, block.stop))
    return np.array(found, np.int64).reshape(-1, 3)
