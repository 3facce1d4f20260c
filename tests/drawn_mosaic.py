"""A mosaic drawn as a detector leaves it: noisy resin, and whatever is painted on it."""

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount

RESIN, NOISE, GRAIN = 8.0, 1.5, 150
Region = tuple[slice, slice]


class Mosaic:
    """A mosaic to paint on.

    Parameters
    ----------
    shape
        Rows and columns in px.
    """

    def __init__(self, shape: tuple[int, int] = (600, 800)) -> None:
        self.grey: NDArray[np.float64] = np.random.default_rng(0).normal(RESIN, NOISE, shape)
        self.labels = np.zeros(shape, np.int32)

    def add_grain(self, rows: slice, columns: slice, grey: float = GRAIN) -> int:
        """Paint an upright box as one grain more and return its label."""
        label = int(self.labels.max()) + 1
        self.grey[rows, columns], self.labels[rows, columns] = grey, label
        return label

    def add_line(self, region: Region, contrast: float) -> None:
        """Make the resin in a region brighter or darker; grains stay as they are."""
        self.grey[region] += contrast * (self.labels[region] == 0)

    def mount(self, white: float = 255.0, pixel_size_um: float = 2.0) -> Mount:
        """Return the mosaic, recorded with 8 or 16 bit."""
        values = np.clip(self.grey, 0, 255) * white / 255
        return Mount(
            values.round().astype(np.uint8 if white == 255 else np.uint16), pixel_size_um, "m", white
        )
