from pathlib import Path

import cv2
import numpy as np
import pytest

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.segmentation.nathwani2023 import CannyParameters, segment_canny

PUBLISHED_COUNTS = {
    "QVC024": 64,
    "QVC028": 103,
    "QVC029": 41,
    "QVC034": 49,
    "QVC058": 43,
    "QVC060": 40,
    "QVC061": 30,
    "QVC082": 21,
}


@pytest.mark.quellaveco
@pytest.mark.parametrize(("sample", "n_grains"), PUBLISHED_COUNTS.items())
def test_published_number_of_grains_is_found(quellaveco_data: Path, sample: str, n_grains: int) -> None:
    labels = segment_canny(read_mount(quellaveco_data / "quellaveco" / f"{sample}.png"))

    assert np.array_equal(np.unique(labels), np.arange(n_grains + 1))


def mount_with_boxes(*sides: tuple[int, int]) -> Mount:
    """Return a mount with bright boxes of some widths and heights, side by side."""
    image = np.zeros((150, 150 * len(sides)), np.uint8)
    for n, (width, height) in enumerate(sides):
        image[20 : 20 + height, 150 * n + 20 : 150 * n + 20 + width] = 200
    return Mount(image, 2.0, "boxes")


def test_bounding_box_decides_what_is_kept() -> None:
    # Edges and the dilation add four pixels to the width and the height of a box.
    labels = segment_canny(mount_with_boxes((36, 60), (37, 60), (85, 85), (86, 85), (20, 60)))

    boxes = {cv2.boundingRect((labels == label).astype(np.uint8))[2:] for label in (1, 2)}
    assert labels.max() == 2
    assert boxes == {(41, 64), (89, 89)}


def test_parameters_move_the_gate() -> None:
    mount = mount_with_boxes((20, 60), (110, 110))

    assert segment_canny(mount).max() == 0
    assert segment_canny(mount, CannyParameters(min_side_px=10, max_side_px=130)).max() == 2


def test_labels_are_numbered_from_top_to_bottom() -> None:
    image = np.zeros((400, 200), np.uint8)
    for top in (20, 150, 280):
        image[top : top + 60, 50:110] = 180
    labels = segment_canny(Mount(image, 2.0, "column"))

    assert [labels[top + 30, 80] for top in (20, 150, 280)] == [1, 2, 3]


def test_holes_are_filled() -> None:
    mount = mount_with_boxes((60, 60))
    mount.image[40:60, 40:60] = 0

    labels = segment_canny(mount)

    assert (labels[20:80, 20:80] == 1).all()


def test_black_mosaic_has_no_grains() -> None:
    assert segment_canny(Mount(np.zeros((100, 100), np.uint8), 2.0, "black")).max() == 0


def test_image_smaller_than_a_grain_is_answered_with_a_sentence() -> None:
    with pytest.raises(
        ZirconError, match=r"has 60 x 30 px, less than the smallest grain that is kept \(41 x 41 px\)"
    ):
        segment_canny(Mount(np.zeros((30, 60), np.uint8), 2.0, "small"))
