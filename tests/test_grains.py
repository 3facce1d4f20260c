import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.typing import NDArray
from scipy import ndimage

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn import grains
from napari_zircon_cnn.columns import COLUMNS, MEASURED
from napari_zircon_cnn.grains import (
    existing,
    find_boxes,
    measure,
    pixel_boxes,
    unclassified,
    usable,
    with_probabilities,
)
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples.synthetic import synthetic_mount


def test_row_i_is_label_i_and_row_0_is_background() -> None:
    table = drawn_mount().table

    assert list(table.columns) == [column.name for column in COLUMNS]
    assert list(table.index) == [0, 1, 2, 3]
    assert table.iloc[0, :27].isna().all()
    assert list(table["status"]) == ["", "unreviewed", "unreviewed", "unreviewed"]


def test_shapes_have_their_known_sizes_in_um() -> None:
    table = drawn_mount(pixel_size_um=2.0).table

    disk = table.loc[DISK]
    assert disk["area_um2"] == pytest.approx(math.pi * 60**2, rel=0.02)
    assert disk["equivalent_diameter_um"] == pytest.approx(120, rel=0.01)
    assert disk["perimeter_um"] == pytest.approx(math.pi * 120, rel=0.03)
    assert disk["circularity"] == pytest.approx(1, abs=0.05)
    assert (disk["centroid_x_um"], disk["centroid_y_um"]) == pytest.approx((120, 120), abs=0.1)

    box = table.loc[UPRIGHT_BOX]
    assert (box["box_length_um"], box["box_width_um"]) == pytest.approx((120, 40))
    assert (box["feret_max_um"], box["feret_min_um"]) == pytest.approx((math.hypot(120, 40), 40))
    assert box["area_um2"] == 120 * 40
    assert box["solidity"] == pytest.approx(1)
    assert box["aspect_ratio"] == pytest.approx(3, rel=0.01)
    assert box["orientation_deg"] == pytest.approx(90)
    assert box["box_angle_deg"] == pytest.approx(90)
    assert tuple(box[f"bbox_{side}_um"] for side in ("x_min", "x_max", "y_min", "y_max")) == (
        279,
        319,
        79,
        199,
    )

    tilted = table.loc[TILTED_BOX]
    assert (tilted["box_length_um"], tilted["box_width_um"]) == pytest.approx((140, 50), abs=4)
    assert tilted["orientation_deg"] == pytest.approx(30, abs=1)
    assert tilted["box_angle_deg"] == pytest.approx(30, abs=2)


def test_intensity_is_that_of_the_mosaic() -> None:
    table = drawn_mount().table

    assert list(table["intensity_mean"].iloc[1:]) == [100, 150, 200]
    assert list(table["intensity_p95"].iloc[1:]) == [100, 150, 200]
    assert (table["intensity_sd"].iloc[1:] == 0).all()


def test_lengths_follow_the_pixel_size() -> None:
    coarse, fine = drawn_mount(2.0).table, drawn_mount(0.5).table
    for column in MEASURED:
        if column.unit == "µm":
            factor = 4.0
        elif column.unit == "µm²":
            factor = 16.0
        elif column.unit == "1/µm":
            factor = 0.25
        elif column.kind == "number":
            factor = 1.0
        else:
            continue
        values, expected = coarse[column.name].iloc[1:], factor * fine[column.name].iloc[1:]
        # A grain of one brightness has no zones.
        assert np.allclose(values, expected, equal_nan=column.name == "zoning_per_um"), column.name


def test_border_is_noticed_on_all_sides() -> None:
    labels = np.zeros((50, 60), np.int32)
    labels[0:5, 20:25], labels[20:25, 0:5], labels[45:50, 20:25], labels[20:25, 55:60] = 1, 2, 3, 4
    labels[20:25, 20:25] = 5

    table = measure(labels, Mount(labels.astype(np.uint8), 1.0, "border"))

    assert list(table["touches_border"]) == [False, True, True, True, True, False]


def test_single_pixel_and_missing_label_are_measured() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[5, 5] = 2

    table = measure(labels, Mount(np.full((20, 20), 9, np.uint8), 1.0, "tiny"))

    assert list(existing(table)) == [2]
    assert (table.at[2, "area_um2"], table.at[2, "box_length_um"], table.at[2, "aspect_ratio"]) == (1, 1, 1)
    assert table.iloc[2, :27].notna().all()


def test_values_stay_within_their_bounds_on_a_mount() -> None:
    truth = synthetic_mount(seed=2, shape=(600, 600))
    table = measure(truth.labels, truth.mount).iloc[1:]

    assert len(table) == truth.labels.max()
    assert (table["area_um2"] / 4 == np.bincount(truth.labels.ravel())[1:]).all()
    for name in ("circularity", "solidity"):
        assert table[name].between(0, 1 + 1e-9).all()
    for name in ("orientation_deg", "box_angle_deg"):
        assert (table[name].ge(0) & table[name].lt(180)).all()
    assert (table["feret_max_um"] >= table["feret_min_um"]).all()
    assert (table["feret_min_um"] <= table["box_width_um"] + 1e-3).all()
    assert (table["box_length_um"] <= table["feret_max_um"] + 1e-3).all()
    assert (table["intensity_p05"] <= table["intensity_p95"]).all()


def test_boxes_in_pixels_come_back_exactly() -> None:
    truth = synthetic_mount(seed=4, shape=(500, 500), pixel_size_um=0.7)
    table = measure(truth.labels, truth.mount)
    for label, box in zip(existing(table), pixel_boxes(table, existing(table), 0.7), strict=True):
        rows, columns = np.nonzero(truth.labels == label)
        assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (
            box[0].start,
            box[0].stop,
            box[1].start,
            box[1].stop,
        )


def test_only_the_named_labels_are_measured() -> None:
    drawn = drawn_mount()

    table = measure(drawn.labels, drawn.mount, only=[UPRIGHT_BOX])

    assert list(existing(table)) == [UPRIGHT_BOX]
    pd.testing.assert_frame_equal(table.loc[[UPRIGHT_BOX]], drawn.table.loc[[UPRIGHT_BOX]])


def test_rejected_grains_do_not_count() -> None:
    table = drawn_mount().table
    table.loc[DISK, "status"] = "rejected"

    assert list(usable(table)) == [UPRIGHT_BOX, TILTED_BOX]


def test_probabilities_replace_those_of_an_earlier_model() -> None:
    table = drawn_mount().table
    first = with_probabilities(
        table, np.array([1, 2]), np.array([[0.25, 0.75], [0.5, 0.5]], np.float32), ("a", "b"), "b"
    )
    second = with_probabilities(
        first, np.array([3]), np.array([[0.125, 0.625, 0.25]], np.float32), ("c", "d", "e"), "c"
    )

    assert list(first["probability"].iloc[1:3]) == [0.75, 0.5]
    assert list(first["predicted_class"].iloc[1:]) == ["b", "a", ""]
    assert [name for name in second.columns if name.startswith("probability_")] == [
        "probability_c",
        "probability_d",
        "probability_e",
    ]
    assert second["probability"].isna().tolist() == [True, True, True, False]
    assert second.at[3, "probability"] == 0.125
    assert second.at[3, "predicted_class"] == "d"
    assert unclassified(second, ()).columns.tolist() == table.columns.tolist()


@given(
    stn.arrays(np.int32, st.tuples(st.integers(1, 40), st.integers(1, 30)), elements=st.integers(0, 5)),
    st.integers(1, 300),
)
def test_boxes_do_not_depend_on_the_bands(labels: NDArray[np.int32], n_pixels: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grains, "_PIXELS_OF_A_BAND", n_pixels)
        found = find_boxes(labels)
    expected = dict(enumerate(ndimage.find_objects(labels), 1))
    assert found == {label: box for label, box in expected.items() if box is not None}
