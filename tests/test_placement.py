"""Where maps lie on the mount: on known geometry, to a fraction of a map's pixel."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.grains import SegmentedMount, measure, pixel_boxes
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.placement import (
    MapGrid,
    Placement,
    layer_transform,
    paint_maps,
    place_crops,
    sample_map,
)

PAPER = CropSettings()


def ramp_mount(rows: slice, columns: slice, pixel_size_um: float = 2.0) -> SegmentedMount:
    """Return a mount with one upright grain whose brightness is its column in px, and one its row."""
    shape = (260, 300)
    labels = np.zeros(shape, np.int32)
    labels[rows, columns] = 1
    image = np.broadcast_to(np.arange(shape[1], dtype=np.float32), shape).copy()
    mount = Mount(image, pixel_size_um, "ramp", white=float(shape[1]))
    return SegmentedMount(mount, labels, measure(labels, mount))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(100, 150), slice(120, 165)),
        (slice(0, 41), slice(0, 44)),
        (slice(219, 260), slice(257, 300)),
        (slice(20, 230), slice(10, 280)),
    ],
    ids=["inside", "top left border", "bottom right border", "larger than the box"],
)
@pytest.mark.parametrize("settings", [PAPER, CropSettings(size_px=90), CropSettings(box_um=100, size_px=33)])
def test_each_pixel_of_a_crop_shows_what_lies_at_its_place(
    rows: slice, columns: slice, settings: CropSettings
) -> None:
    ramp = ramp_mount(rows, columns)
    crop = cut_crops(ramp, [1], settings)[0, :, :, 0] * ramp.mount.white
    (place,) = place_crops(ramp.table, [1], settings, 2.0)

    at = place.origin_px[1] + np.arange(settings.size_px) * place.step_px[1]
    down = place.origin_px[0] + np.arange(settings.size_px) * place.step_px[0]
    step = place.step_px[1]
    inside = (at > columns.start + step) & (at < columns.stop - 1 - step)
    middle = np.flatnonzero((down > rows.start + step) & (down < rows.stop - 1 - step))
    assert inside.sum() > 3
    np.testing.assert_allclose(crop[middle][:, inside], np.tile(at[inside], (len(middle), 1)), atol=0.02)


def test_crop_covers_the_papers_box_about_the_grain() -> None:
    drawn = drawn_mount()
    places = place_crops(drawn.table, [DISK, UPRIGHT_BOX, TILTED_BOX], PAPER, 2.0)
    for place, label in zip(places, (DISK, UPRIGHT_BOX, TILTED_BOX), strict=True):
        top, bottom, left, right = place.edges_um(2.0)
        assert (bottom - top, right - left) == pytest.approx((180, 180))
        row = drawn.table.loc[label]
        assert (left + right) / 2 == pytest.approx((row["bbox_x_min_um"] + row["bbox_x_max_um"]) / 2, abs=1)
        assert (top + bottom) / 2 == pytest.approx((row["bbox_y_min_um"] + row["bbox_y_max_um"]) / 2, abs=1)


@given(
    st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    st.floats(0.1, 10),
    st.floats(-5, 5),
    st.floats(0.2, 8),
    st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_a_maps_pixel_lies_where_its_place_on_the_crop_lies(
    origin: tuple[float, float], step: float, offset: float, map_step: float, index: tuple[int, int]
) -> None:
    crop = Placement((32, 32), origin, (step, step))
    placed = crop.of_map(MapGrid((16, 16), (offset, offset), (map_step, map_step)))
    on_the_crop = [offset + map_step * n for n in index]
    np.testing.assert_allclose(placed.affine @ [*index, 1], crop.affine @ [*on_the_crop, 1], atol=1e-8)


def layer_matrix(
    scale: NDArray[np.float64], translate: NDArray[np.float64], degrees: float, shear: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return napari's matrix from data to world, and the rotation in it."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotate = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.eye(3)
    matrix[:2, :2] = rotate @ [[1, shear], [0, 1]] @ np.diag(scale)
    matrix[:2, 2] = translate
    return matrix, rotate


@pytest.mark.parametrize(
    ("scale", "translate", "degrees", "shear"),
    [
        ((1, 1), (0, 0), 0, 0),
        ((2, 2), (0, 0), 0, 0),
        ((0.5, 3), (10, -70), 0, 0),
        ((2, 2), (5, 9), 30, 0),
        ((2, 1), (5, 9), -100, 0.4),
    ],
)
def test_map_follows_the_mount_that_is_scaled_moved_and_turned(
    scale: tuple[float, float], translate: tuple[float, float], degrees: float, shear: float
) -> None:
    place = Placement((8, 8), (40.5, -3.25), (11.25, 11.25))
    mount, rotate = layer_matrix(np.array(scale, float), np.array(translate, float), degrees, shear)
    ours, _ = layer_matrix(*layer_transform(place, scale, translate, rotate, shear), degrees, shear)
    for index in product((-0.5, 0, 3, 7.5), repeat=2):
        np.testing.assert_allclose(ours @ [*index, 1], mount @ place.affine @ [*index, 1], atol=1e-9)


def test_sampling_a_map_on_its_own_pixels_gives_it_back() -> None:
    values = np.random.default_rng(0).random((9, 7), np.float32)
    same = sample_map(values, Placement((9, 7), (4.0, 6.0), (1.0, 1.0)), (slice(4, 13), slice(6, 13)))
    np.testing.assert_allclose(same, values, atol=1e-6)


def test_maps_are_painted_inside_the_grains_alone() -> None:
    drawn = drawn_mount()
    which = [DISK, TILTED_BOX]
    boxes = pixel_boxes(drawn.table, which, 2.0)
    maps = [np.full((8, 8), value, np.float32) for value in (0.25, -0.5)]
    places = [Placement((8, 8), (box[0].start, box[1].start), (5, 5)) for box in boxes]
    image = paint_maps(drawn.labels, which, boxes, maps, places)
    expected = np.select([drawn.labels == DISK, drawn.labels == TILTED_BOX], [0.25, -0.5], 0)
    np.testing.assert_allclose(image, expected, atol=1e-6)
