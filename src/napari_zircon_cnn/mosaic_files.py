"""Mosaics that came from no file, written to one: what a project refers to must outlast the window."""

import dataclasses
from pathlib import Path

import tifffile

from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.mount import Mount

_UM_PER_CM = 1e4


def write_mosaic(mount: Mount, folder: Path) -> Mount:
    """Write a mount's mosaic as a TIFF with its pixel size.

    Parameters
    ----------
    mount
        The mount.
    folder
        The folder to write it to; it is made as needed.

    Returns
    -------
    Mount
        The same mount, with the file as its source.

    Raises
    ------
    ZirconError
        Where the folder cannot be written to.
    """
    path = folder / f"{mount.sample}.tif"
    per_cm = _UM_PER_CM / mount.pixel_size_um
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            mount.image,
            compression="zlib",
            rowsperstrip=256,
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
            metadata=None,
        )
    return dataclasses.replace(mount, source=path)
