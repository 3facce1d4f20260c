"""Grains curated by mouse, keys and buttons, in a real viewer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from curating import assert_same, state_of
from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_project
from gui import drag, finish, press, press_key
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.workbench import Workbench

CENTRES = {DISK: (120.0, 120.0), UPRIGHT_BOX: (140.0, 300.0), TILTED_BOX: (220.0, 460.0)}


class User:
    """Does with mouse and keys what a person would."""

    def __init__(self, viewer: Any, workbench: Workbench, qtbot: Any) -> None:
        self.viewer, self.bench, self.qtbot = viewer, workbench, qtbot
        self.panel = workbench.curate

    @property
    def sample(self) -> OpenSample:
        assert self.bench.session.active is not None
        return self.bench.session.active

    @property
    def selection(self) -> list[int]:
        return list(self.sample.selected)

    def drag(self, *places: tuple[float, float], modifiers: tuple[str, ...] = ()) -> None:
        drag(self.viewer, *places, modifiers=modifiers)

    def click(self, label: int, *modifiers: str) -> None:
        self.drag(CENTRES[label], modifiers=modifiers)

    def key(self, key: str) -> None:
        press_key(self.sample, key)


@pytest.fixture
def user(make_napari_viewer_proxy: Callable[..., Any], tmp_path: Path, qtbot: Any) -> Any:
    """Return somebody before the drawn mount, open in the workbench."""
    drawn_project(tmp_path)
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    workbench.session.open_project(tmp_path / "project")
    finish(qtbot, workbench.session)
    workbench.session.open_sample("drawn")
    finish(qtbot, workbench.session)
    workbench.show_panel(workbench.curate)
    yield User(viewer, workbench, qtbot)
    workbench.session.close()


def test_click_selects_and_shift_adds(user: User) -> None:
    user.click(DISK)
    assert user.selection == [DISK]
    assert user.panel.table.selection() == [DISK]
    user.click(UPRIGHT_BOX, "Shift")
    assert user.selection == [DISK, UPRIGHT_BOX]
    user.click(DISK, "Control")
    assert user.selection == [UPRIGHT_BOX]
    user.drag((5.0, 5.0))
    assert user.selection == []
    assert user.panel.chosen.text() == "No grain is selected."


def test_box_with_shift_selects_what_lies_in_it(user: User) -> None:
    user.drag((0.0, 0.0), (100.0, 100.0), (399.0, 350.0), modifiers=("Shift",))
    assert user.sample.selected == (DISK, UPRIGHT_BOX)


def test_drag_without_shift_moves_the_view_and_selects_nothing(user: User) -> None:
    user.click(DISK)
    user.drag((0.0, 0.0), (100.0, 100.0), (399.0, 350.0))
    assert user.sample.selected == (DISK,)


def test_keys_judge_grains_and_go_on(user: User) -> None:
    user.panel.order.setCurrentIndex(user.panel.order.findData("place"))
    user.key("N")
    assert user.sample.selected == (DISK,)
    user.key("A")
    assert user.sample.table.at[DISK, "status"] == "accepted"
    assert user.sample.selected == (UPRIGHT_BOX,)
    user.panel.reason.setCurrentText("off the mount")
    user.key("R")
    row = user.sample.table.loc[UPRIGHT_BOX]
    assert (row["status"], row["reason"]) == ("rejected", "off the mount")
    assert user.panel.count.text().startswith("2 count · 1 accepted · 1 unreviewed · 1 rejected")
    assert user.sample.selected == (TILTED_BOX,)
    user.key("A")
    user.key("N")
    assert "looked at every grain" in user.bench.status.message.text()
    assert user.panel.is_done


def test_knife_cuts_the_grain_under_its_line(user: User) -> None:
    user.key("K")
    assert user.panel.knife_button.isChecked()
    user.drag((40.0, 120.0), (120.0, 120.0), (200.0, 120.0))
    assert list(existing(user.sample.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX, 4]
    assert user.sample.selected == (DISK, 4)
    user.drag((390.0, 10.0), (395.0, 20.0))
    assert "The line meets no grain" in user.bench.status.message.text()
    user.key("Escape")
    assert not user.panel.knife_button.isChecked()


def test_new_grain_is_painted_with_the_next_label(user: User, qtbot: Any) -> None:
    user.key("W")
    assert str(user.sample.grains.mode) == "paint"
    with qtbot.waitSignal(user.sample.changed):
        user.sample.grains.paint((170, 20), user.sample.grains.selected_label)
    assert list(existing(user.sample.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX, 4]


def test_everything_is_undone_and_done_again_in_order(user: User, qtbot: Any, tmp_path: Path) -> None:
    states = [state_of(user.sample.segmented)]

    def remember() -> None:
        states.append(state_of(user.sample.segmented))

    user.panel.goes_on.setChecked(False)
    user.click(TILTED_BOX)
    press(qtbot, user.panel.reject_button)
    remember()
    user.click(DISK)
    user.click(UPRIGHT_BOX, "Shift")
    press(qtbot, user.panel.join_button)
    remember()
    user.key("K")
    user.drag((40.0, 120.0), (120.0, 120.0), (200.0, 120.0))
    user.key("Escape")
    remember()
    with qtbot.waitSignal(user.sample.changed):
        user.sample.grains.paint((150, 20), DISK)
    remember()
    user.click(TILTED_BOX)
    press(qtbot, user.panel.delete_button)
    remember()
    press(qtbot, user.panel.undo_button)
    press(qtbot, user.panel.redo_button)
    user.bench.session.save()
    finish(qtbot, user.bench.session)

    for state in states[-2::-1]:
        user.key("Ctrl+Z")
        assert_same(state, state_of(user.sample.segmented))
        np.testing.assert_array_equal(user.sample.grains.data, user.sample.segmented.labels)
    assert not user.panel.undo_button.isEnabled()
    for state in states[1:]:
        user.key("Ctrl+Y")
        assert_same(state, state_of(user.sample.segmented))
    pd.testing.assert_frame_equal(user.sample.grains.features, user.sample.table, check_names=False)

    # The ledger leads to the same state, without any save since.
    assert user.bench.session.autosave is not None
    user.bench.session.autosave.do(lambda: None).result()
    assert_same(states[-1], state_of(Project.read(tmp_path / "project").load("drawn")))


def test_row_of_the_table_is_selected_on_the_mount(user: User) -> None:
    user.panel.table.selected.emit([TILTED_BOX])
    assert user.sample.selected == (TILTED_BOX,)
    before = user.viewer.scene.camera.zoom
    user.panel.table.activated.emit(TILTED_BOX)
    assert user.viewer.scene.camera.zoom != before
    np.testing.assert_allclose(user.viewer.scene.camera.center[-2:], CENTRES[TILTED_BOX], atol=4)


def test_flagged_grains_are_rejected_together(user: User, qtbot: Any) -> None:
    user.key("K")
    user.drag((40.0, 120.0), (120.0, 120.0), (200.0, 120.0))
    user.panel.flag.setCurrentIndex(user.panel.flag.findData("touching"))
    assert user.panel.flag.currentText() == "touching (2)"
    user.panel._reject_all()
    assert list(usable(user.sample.table)) == [UPRIGHT_BOX, TILTED_BOX]
    # The number is that of the grains that the button would reject.
    assert user.panel.flag.currentText() == "touching (0)"


def test_what_needs_a_selection_says_so(user: User) -> None:
    user.key("A")
    assert "Select a grain first" in user.bench.status.message.text()
    user.click(DISK)
    user.panel.join()
    assert "Select two grains or more" in user.bench.status.message.text()


def test_keys_are_given_back_when_the_sample_closes(user: User) -> None:
    grains = user.sample.grains
    user.viewer.layers.remove(grains)
    assert not [key for key in user.viewer.keymap if str(key) in {"A", "Ctrl+Z"}]
    assert not user.qtbot.mouseClick(user.panel.next_button, Qt.MouseButton.LeftButton)
