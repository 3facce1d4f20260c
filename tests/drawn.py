"""Mounts of drawn shapes, for tests that must know every pixel."""

import numpy as np
from numpy.typing import NDArray
from skimage.draw import disk, polygon

from napari_zircon_cnn.grains import SegmentedMount, measure
from napari_zircon_cnn.mount import Mount

DISK, UPRIGHT_BOX, TILTED_BOX = 1, 2, 3


def drawn_mount(pixel_size_um: float = 2.0) -> SegmentedMount:
    """Return a mount with a disk of radius 30 px, a box of 20 x 60 px and a box of 25 x 70 px tilted by 30°."""
    labels = np.zeros((200, 300), np.int32)
    labels[disk((60, 60), 30)] = DISK
    labels[40:100, 140:160] = UPRIGHT_BOX
    corners = tilted_corners(centre=(110, 230), length=70, width=25, degrees=30)
    labels[polygon(corners[:, 1], corners[:, 0])] = TILTED_BOX
    grey = np.array([5, 100, 150, 200], np.uint8)[labels]
    mount = Mount(grey, pixel_size_um, "drawn")
    return SegmentedMount(mount, labels, measure(labels, mount))


def tilted_corners(
    centre: tuple[float, float], length: float, width: float, degrees: float
) -> NDArray[np.float64]:
    """Return the corners (x, y) of a box whose long side is turned counter-clockwise on the screen."""
    along = np.array([np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))]) * length / 2
    across = np.array([-along[1], along[0]]) * width / length
    middle = np.array([centre[1], centre[0]])
    return np.array(
        [middle + along + across, middle + along - across, middle - along - across, middle - along + across]
    )
