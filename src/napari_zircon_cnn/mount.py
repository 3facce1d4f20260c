"""The mount: one sample's mosaic as a grey image with its pixel size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Mount:
    """One sample's mosaic.

    Parameters
    ----------
    image
        Grey values, shape (rows, columns), of the depth they were recorded with: uint8,
        uint16, uint32 or float32.
    pixel_size_um
        Edge of a pixel in µm.
    sample
        Name of the sample.
    white
        The grey value that counts as full brightness (255 for 8-bit data).
    source
        The file that the image was read from, if any.
    """

    image: NDArray[Any]
    pixel_size_um: float
    sample: str
    white: float = 255.0
    source: Path | None = None

    def unit_values(self, region: tuple[slice, slice]) -> NDArray[np.float32]:
        """Return a region's grey values scaled so that black is 0 and `white` is 1."""
        return self.image[region].astype(np.float32) / np.float32(self.white)
