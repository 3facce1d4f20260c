import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount, measure, usable
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.settings import validated

PAPER_PIPELINE = """
import sys
import numpy as np
import tensorflow as tf
from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.grains import SegmentedMount, measure, pixel_boxes, usable
from napari_zircon_cnn.mount import read_mount
from napari_zircon_cnn.segmentation.methods import segment

mount = read_mount(sys.argv[1])
labels = segment(mount, "nathwani2023")
segmented = SegmentedMount(mount, labels, measure(labels, mount))
which = usable(segmented.table)
ours = cut_crops(segmented, which)
worst = 0.0
for crop, box in zip(ours, pixel_boxes(segmented.table, which, mount.pixel_size_um), strict=True):
    padded = tf.image.resize_with_crop_or_pad(mount.image[box][..., None], 90, 90)
    paper = tf.image.resize(padded, (32, 32), method="bilinear") / 255
    worst = max(worst, float(np.abs(paper.numpy() - crop).max()))
print(len(which), worst)
"""


@pytest.mark.quellaveco
def test_crops_equal_the_papers_pipeline(quellaveco_data: Path) -> None:
    # TensorFlow runs in a process of its own, since others tests' process shows windows.
    mosaic = quellaveco_data / "quellaveco" / "QVC061.png"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", PAPER_PIPELINE, str(mosaic)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    n_grains, worst = done.stdout.split()

    assert int(n_grains) == 30
    assert float(worst) <= 1 / 255


def test_crop_is_the_padded_bounding_box_made_small() -> None:
    drawn = drawn_mount()
    canvas = np.zeros((90, 90), np.float32)
    canvas[15:75, 35:55] = 150 / 255

    crops = cut_crops(drawn, [UPRIGHT_BOX])

    assert crops.shape == (1, 32, 32, 1)
    assert crops.dtype == np.float32
    assert np.allclose(crops[0, :, :, 0], cv2.resize(canvas, (32, 32)))


def test_larger_grain_is_cut_about_its_middle() -> None:
    labels = np.zeros((300, 300), np.int32)
    labels[50:250, 100:120] = 1
    grey = np.repeat(np.arange(300, dtype=np.uint16)[:, None], 300, axis=1)
    mount = Mount(grey, 2.0, "long", white=300.0)
    segmented = SegmentedMount(mount, labels, measure(labels, mount))

    crop = cut_crops(segmented, [1], CropSettings(size_px=90))[0, :, :, 0]

    assert np.allclose(crop[:, 45] * 300, np.arange(105, 195))


def test_neighbours_within_the_box_are_kept_unless_masked() -> None:
    labels = np.zeros((100, 100), np.int32)
    labels[20:60, 20:60] = 1
    labels[20:30, 20:30] = 2
    mount = Mount(np.where(labels == 2, 255, 100).astype(np.uint8), 2.0, "pair")
    segmented = SegmentedMount(mount, labels, measure(labels, mount))

    plain, masked = (cut_crops(segmented, [1], CropSettings(masked=masked)) for masked in (False, True))

    assert plain.max() == 1
    assert masked.max() == pytest.approx(100 / 255)


def test_finer_mosaic_gives_the_same_crop() -> None:
    coarse = synthetic_mount(seed=6, shape=(600, 600), pixel_size_um=2.0)
    fine_image = np.repeat(np.repeat(coarse.mount.image, 4, axis=0), 4, axis=1)
    fine_labels = np.repeat(np.repeat(coarse.labels, 4, axis=0), 4, axis=1)
    fine = Mount(fine_image, 0.5, "fine")
    pairs = [
        SegmentedMount(mount, labels, measure(labels, mount))
        for mount, labels in ((coarse.mount, coarse.labels), (fine, fine_labels))
    ]
    which = usable(pairs[0].table)

    for masked in (False, True):
        crops = [cut_crops(pair, which, CropSettings(masked=masked)) for pair in pairs]
        # A grain of odd width is centred half a coarse pixel apart.
        even = [i for i in range(len(which)) if np.allclose(crops[0][i], crops[1][i], atol=1e-3)]
        assert len(even) > len(which) / 8
        correlation = np.corrcoef(crops[0].ravel(), crops[1].ravel())[0, 1]
        assert correlation > 0.95


def test_depth_does_not_change_the_crop() -> None:
    drawn = drawn_mount()
    deep_mount = Mount(drawn.mount.image.astype(np.uint16) * np.uint16(257), 2.0, "deep", white=65535)
    deep = SegmentedMount(deep_mount, drawn.labels, drawn.table)

    which = [DISK, UPRIGHT_BOX, TILTED_BOX]
    assert np.allclose(cut_crops(drawn, which), cut_crops(deep, which), atol=1e-6)


def test_no_grains_give_no_crops() -> None:
    assert cut_crops(drawn_mount(), []).shape == (0, 32, 32, 1)


def test_impossible_geometry_is_answered_with_a_sentence() -> None:
    with pytest.raises(ZirconError, match="The setting size_px cannot be 4"):
        validated(CropSettings, {"size_px": 4})
