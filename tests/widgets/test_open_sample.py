"""Layers, table and history of one sample, in a real viewer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.actions import Merge, Reject, Split
from napari_zircon_cnn.curation import Curation
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing
from napari_zircon_cnn.widgets.layers import mount_layer
from napari_zircon_cnn.widgets.open_sample import OpenSample

Opened = tuple[Any, OpenSample]


@pytest.fixture
def opened(make_napari_viewer_proxy: Callable[..., Any]) -> Opened:
    """Return a viewer with the drawn mount open in it."""
    viewer = make_napari_viewer_proxy()
    segmented = drawn_mount()
    data, look, _ = mount_layer(segmented.mount)
    image = viewer.add_image(data, **look)
    return viewer, OpenSample(viewer, image, Curation(segmented))


def assert_in_step(sample: OpenSample) -> None:
    """Check that the layers show what the segmented mount holds."""
    np.testing.assert_array_equal(sample.grains.data, sample.segmented.labels)
    pd.testing.assert_frame_equal(sample.grains.features, sample.table, check_names=False)
    np.testing.assert_array_equal(sample.colours.data > 1, sample.segmented.labels > 0)


def test_layers_lie_over_the_mosaic_in_um(opened: Opened) -> None:
    viewer, sample = opened
    assert [layer.name for layer in viewer.layers] == ["drawn", "drawn colours", "drawn grains"]
    for layer in sample.layers:
        np.testing.assert_array_equal(layer.scale, (2, 2))
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    assert_in_step(sample)


def test_action_undo_and_redo_reach_labels_table_and_colours(opened: Opened) -> None:
    _, sample = opened
    before = sample.colours.data.copy()
    sample.perform(Merge(labels=(DISK, UPRIGHT_BOX)))
    assert_in_step(sample)
    assert list(existing(sample.grains.features)) == [DISK, TILTED_BOX]

    sample.undo()
    assert_in_step(sample)
    np.testing.assert_array_equal(sample.colours.data, before)
    sample.redo()
    assert list(existing(sample.table)) == [DISK, TILTED_BOX]


def test_painting_is_an_action_like_the_others(opened: Opened, qtbot: Any) -> None:
    _, sample = opened

    def area() -> float:
        return float(sample.table["area_um2"].to_numpy()[DISK])

    drawn = area()
    sample.grains.brush_size = 9
    sample.grains.selected_label = DISK
    sample.grains.paint((150, 20), DISK)
    sample.perform(Reject(labels=(DISK,), reason="fragment"))
    with qtbot.waitSignal(sample.changed):
        sample.grains.fill((5, 5), 77)

    assert_in_step(sample)
    # The next free label is the new grain's, whatever number it was painted with.
    assert list(existing(sample.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX, 4]
    assert sample.table.at[DISK, "status"] == "rejected"
    assert area() > drawn
    for _ in range(3):
        sample.undo()
    assert_in_step(sample)
    assert area() == drawn
    assert not sample.curation.can_undo


def test_undo_of_napari_itself_is_taken_for_what_it_is(opened: Opened, qtbot: Any) -> None:
    _, sample = opened
    with qtbot.waitSignal(sample.changed):
        sample.grains.paint((150, 20), DISK)
    with qtbot.waitSignal(sample.changed):
        sample.grains.undo()
    assert_in_step(sample)


def test_labels_of_another_shape_are_refused_and_the_grains_stay(opened: Opened, qtbot: Any) -> None:
    _, sample = opened
    with qtbot.waitSignal(sample.refused) as refused:
        sample.grains.data = np.zeros((10, 10), np.int32)
    assert "need the shape of their mosaic, 300 x 200 px" in refused.args[0]
    assert_in_step(sample)


def test_selection_is_drawn_and_told(opened: Opened, qtbot: Any) -> None:
    _, sample = opened
    plain = sample.colours.data.copy()
    with qtbot.waitSignal(sample.selection_changed) as told:
        sample.select([DISK, 99])
    assert told.args == [(DISK,)]
    changed = sample.colours.data != plain
    np.testing.assert_array_equal(changed, sample.segmented.labels == DISK)
    sample.select([])
    np.testing.assert_array_equal(sample.colours.data, plain)


def test_grain_is_found_at_a_place_and_in_a_box(opened: Opened) -> None:
    _, sample = opened
    assert sample.label_at((120.0, 120.0)) == DISK
    assert sample.label_at((-50.0, 1e6)) == 0
    assert sample.labels_in((0, 0), (399, 330)) == [DISK, UPRIGHT_BOX]


def test_action_that_does_not_fit_leaves_the_layers(opened: Opened) -> None:
    _, sample = opened
    with pytest.raises(ZirconError, match="does not cut grain 1"):
        sample.perform(Split(label=DISK, line_um=((0.0, 0.0), (5.0, 5.0))))
    assert_in_step(sample)


def test_brush_stays_with_its_grain_where_a_neighbour_changes_too(opened: Opened, qtbot: Any) -> None:
    _, sample = opened
    sample.grains.brush_size = 5
    sample.grains.selected_label = DISK
    # Three pixels beside the upright box, whose row then says that it is touched.
    with qtbot.waitSignal(sample.changed):
        sample.grains.paint((70, 135), DISK)
    assert sample.table.at[UPRIGHT_BOX, "touching"]
    assert sample.grains.selected_label == DISK

    sample.grains.selected_label = 77
    with qtbot.waitSignal(sample.changed):
        sample.grains.paint((180, 20), 77)
    assert sample.grains.selected_label == 4


def test_labels_put_in_as_a_whole_are_taken_over(opened: Opened, qtbot: Any) -> None:
    _, sample = opened
    without_disk = np.where(sample.segmented.labels == DISK, 0, sample.segmented.labels)
    with qtbot.waitSignal(sample.changed):
        sample.grains.data = without_disk
    assert list(existing(sample.table)) == [UPRIGHT_BOX, TILTED_BOX]
    sample.undo()
    assert list(existing(sample.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX]
    assert_in_step(sample)
