"""Mounts of drawn shapes, for tests that must know every pixel."""

from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.grains import SegmentedMount, measure
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.project import Project

DISK, UPRIGHT_BOX, TILTED_BOX = 1, 2, 3
SHAPE = (200, 300)


def drawn_mount(pixel_size_um: float = 2.0) -> SegmentedMount:
    """Return a disk of radius 30 px, a box of 20 x 60 px and one of 25 x 70 px tilted by 30°."""
    rows, columns = np.indices(SHAPE)
    labels = np.zeros(SHAPE, np.int32)
    labels[np.hypot(rows - 60, columns - 60) <= 30] = DISK
    labels[40:100, 140:160] = UPRIGHT_BOX
    labels[tilted_box(centre=(110, 230), length=70, width=25, degrees=30)] = TILTED_BOX
    grey = np.array([5, 100, 150, 200], np.uint8)[labels]
    mount = Mount(grey, pixel_size_um, "drawn")
    return SegmentedMount(mount, labels, measure(labels, mount))


def tilted_box(centre: tuple[float, float], length: float, width: float, degrees: float) -> NDArray[np.bool_]:
    """Return a box around a centre (row, column), its long side turned counter-clockwise on the screen."""
    rows, columns = np.indices(SHAPE)
    up, right = centre[0] - rows, columns - centre[1]
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    along, across = right * cosine + up * sine, up * cosine - right * sine
    return np.asarray((np.abs(along) <= length / 2) & (np.abs(across) <= width / 2))


def drawn_project(folder: Path, *samples: str) -> Project:
    """Return a project of drawn mounts, whose mosaics lie beside it; one named `drawn` by default."""
    project = Project.create(folder / "project")
    for sample in samples or ("drawn",):
        drawn = drawn_mount()
        mosaic = folder / f"{sample}.png"
        mosaic.write_bytes(imagecodecs.png_encode(drawn.mount.image))
        mount = read_mount(mosaic, pixel_size_um=2.0)
        project.add(SegmentedMount(mount, drawn.labels, drawn.table), "drawn", {})
    return project
