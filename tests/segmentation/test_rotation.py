"""A turned mosaic has the same grains."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_zircon_cnn.grains import measure
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.segmentation.adaptive import segment_adaptive
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import background_of

Labels = NDArray[np.int32]


def turned(mount: Mount, quarters: int) -> Mount:
    return dataclasses.replace(mount, image=np.ascontiguousarray(np.rot90(mount.image, quarters)))


def grains_in(mount: Mount) -> Labels:
    """Return the label image of the grains that count."""
    labels = segment_adaptive(mount)
    length = np.nan_to_num(measure(labels, mount)["box_length_um"].to_numpy())
    return np.where(length[labels] >= AdaptiveParameters().smallest_grain_um, labels, 0).astype(np.int32)


def best_overlaps(one: Labels, other: Labels) -> NDArray[np.float64]:
    """Return for each grain of a label image its best IoU with one of the other's."""
    n = int(other.max()) + 1
    pairs, shared = np.unique(one.astype(np.int64) * n + other, return_counts=True)
    first, second = pairs // n, pairs % n
    areas, others = np.bincount(one.ravel()), np.bincount(other.ravel())
    overlap = np.where((first > 0) & (second > 0), shared / (areas[first] + others[second] - shared), 0.0)
    best = np.zeros(len(areas))
    np.maximum.at(best, first, overlap)
    return np.asarray(best[np.unique(one)[1:]])


@settings(max_examples=12, deadline=None)
@given(st.integers(200, 330), st.integers(200, 330), st.integers(1, 3))
def test_resin_of_a_turned_mosaic_is_the_same(height: int, width: int, quarters: int) -> None:
    mount = synthetic_mount(seed=2, shape=(height, width)).mount
    other = turned(mount, quarters)

    def resin(of: Mount) -> NDArray[Any]:
        everywhere = (slice(0, of.image.shape[0]), slice(0, of.image.shape[1]))
        return background_of(of, everywhere, AdaptiveParameters().background_um).within(everywhere)

    np.testing.assert_array_equal(np.rot90(resin(mount), quarters), resin(other))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_drawn_mount_turned_by_quarters_has_the_same_grains(quarters: int) -> None:
    mount = synthetic_mount(seed=4, shape=(701, 900)).mount
    upright = grains_in(mount)
    back = np.rot90(grains_in(turned(mount, quarters)), -quarters)

    assert len(np.unique(back)) == len(np.unique(upright))
    assert best_overlaps(upright, back).min() > 0.9


@pytest.mark.quellaveco
@pytest.mark.parametrize("sample", ["QVC061", "QVC082"])
def test_real_mosaic_turned_by_90_and_30_degrees_has_the_same_grains(
    sample: str, quellaveco_data: Path
) -> None:
    mount = read_mount(quellaveco_data / "quellaveco" / f"{sample}.png")
    upright = grains_in(mount)
    back = np.rot90(grains_in(turned(mount, 1)), -1)
    assert len(np.unique(back)) == len(np.unique(upright))
    assert best_overlaps(upright, back).min() > 0.9

    rows, columns = mount.image.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), 30, 1)
    across = abs(matrix[0, 0]) * columns + abs(matrix[0, 1]) * rows
    down = abs(matrix[0, 0]) * rows + abs(matrix[0, 1]) * columns
    matrix[:, 2] += (across / 2 - columns / 2, down / 2 - rows / 2)
    size = (int(across) + 1, int(down) + 1)
    tilted = dataclasses.replace(mount, image=np.asarray(cv2.warpAffine(mount.image, matrix, size)))
    expected = cv2.warpAffine(upright.astype(np.float32), matrix, size, flags=cv2.INTER_NEAREST)
    overlaps = best_overlaps(np.asarray(expected).astype(np.int32), grains_in(tilted))
    assert (overlaps > 0.75).mean() >= 0.97
