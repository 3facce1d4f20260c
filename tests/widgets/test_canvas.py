"""Mouse and keys as Qt sends them to napari's canvas, where what napari makes of them counts too."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.colormaps import label_colormap
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QMouseEvent
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_project
from gui import Place, finish
from napari_zircon_cnn.actions import Delete, Merge, Split
from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.dataset import SampleClasses, gather
from napari_zircon_cnn.grains import existing
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.trace import Trace
from napari_zircon_cnn.widgets.workbench import Workbench

DISK_UM, UPRIGHT_UM = (120.0, 120.0), (140.0, 300.0)
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
N_MOVES = 8
# VisPy leaves out moves within 10 ms of each other.
BETWEEN_MOVES_MS = 15


class Hand:
    """A hand on mouse and keyboard over the drawn mount."""

    def __init__(self, viewer: Any, bench: Workbench, qtbot: Any) -> None:
        self.viewer, self.bench, self.qtbot = viewer, bench, qtbot
        canvases = [part for part in bench.window().findChildren(QWidget) if "Canvas" in type(part).__name__]
        self.canvas = canvases[0]

    @property
    def sample(self) -> OpenSample:
        assert self.bench.session.active is not None
        return self.bench.session.active

    @property
    def selected(self) -> list[int]:
        return list(self.sample.selected)

    def on_canvas(self, place: Place) -> QPoint:
        """Return where a place of the world is seen."""
        camera = self.viewer.scene.camera
        away = (np.array(place) - camera.center[-2:]) * camera.zoom + np.array(self.viewer.canvas.size) / 2
        return QPoint(round(away[1]), round(away[0]))

    def click(self, place: Place, modifier: Any = NONE) -> None:
        self.qtbot.mouseClick(self.canvas, LEFT, modifier, self.on_canvas(place))

    def drag(self, *places: Place, modifier: Any = NONE, then: Any = None) -> None:
        """Press at a place, move to the others, do something there where asked to, and let go."""
        self.qtbot.mousePress(self.canvas, LEFT, modifier, self.on_canvas(places[0]))
        for start, stop in itertools.pairwise(places):
            ends = self.on_canvas(start), self.on_canvas(stop)
            for share in np.linspace(0, 1, N_MOVES):
                at = QPointF(ends[0]) * (1 - share) + QPointF(ends[1]) * float(share)
                above = QPointF(self.canvas.mapToGlobal(at.toPoint()))
                moved = QMouseEvent(QEvent.Type.MouseMove, at, above, Qt.MouseButton.NoButton, LEFT, modifier)
                QApplication.sendEvent(self.canvas, moved)
                self.qtbot.wait(BETWEEN_MOVES_MS)
        if then is not None:
            then()
        self.qtbot.mouseRelease(self.canvas, LEFT, modifier, self.on_canvas(places[-1]))

    def key(self, key: Any, modifier: Any = NONE, widget: QWidget | None = None) -> None:
        self.qtbot.keyClick(widget or self.canvas, key, modifier)

    def view(self) -> tuple[Any, ...]:
        return (*self.viewer.scene.camera.center, self.viewer.scene.camera.zoom)


@pytest.fixture
def hand(make_napari_viewer_proxy: Callable[..., Any], tmp_path: Path, qtbot: Any) -> Any:
    """Return a hand over the drawn mount, open in the workbench."""
    drawn_project(tmp_path)
    viewer = make_napari_viewer_proxy(show=True)
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    workbench.session.open_project(tmp_path / "project")
    finish(qtbot, workbench.session)
    workbench.session.open_sample("drawn")
    finish(qtbot, workbench.session)
    workbench.show_panel(workbench.curate)
    yield Hand(viewer, workbench, qtbot)
    workbench.session.close()


@pytest.mark.parametrize("modifier", [CTRL, SHIFT])
def test_click_selects_and_a_modifier_adds_and_takes_off(hand: Hand, modifier: Any) -> None:
    hand.click(DISK_UM)
    assert hand.selected == [DISK]
    hand.click(UPRIGHT_UM, modifier)
    assert hand.selected == [DISK, UPRIGHT_BOX]
    hand.click(DISK_UM, modifier)
    assert hand.selected == [UPRIGHT_BOX]


def test_box_with_shift_selects_and_leaves_the_view(hand: Hand) -> None:
    before = hand.view()
    hand.drag((4.0, 4.0), (395.0, 350.0), modifier=SHIFT)
    assert hand.selected == [DISK, UPRIGHT_BOX]
    assert hand.view() == before


@pytest.mark.parametrize("is_cut", [True, False])
def test_line_and_box_are_seen_while_they_are_drawn_and_are_no_layer(hand: Hand, is_cut: bool) -> None:
    layers = list(hand.viewer.layers)
    start, stop = (20.0, 20.0), (380.0, 350.0)
    seen: list[int] = []

    def look() -> None:
        assert list(hand.viewer.layers) == layers
        shot = hand.bench.window().grab().toImage()
        # A point of the line, and one of the box's upper edge.
        place = ((20.0 + 380) / 2, (20.0 + 350) / 2) if is_cut else (20.0, 200.0)
        # On a screen of high density the shot has more pixels than the window has units.
        at = hand.canvas.mapTo(hand.bench.window(), hand.on_canvas(place)) * shot.devicePixelRatio()
        yellow = QColor("#FFE04A").rgb()
        around = [(at.x() + x, at.y() + y) for x in range(-2, 3) for y in range(-2, 3)]
        seen.append(sum(shot.pixel(*pixel) == yellow for pixel in around))

    if is_cut:
        hand.key(Qt.Key.Key_K)
    hand.drag(start, stop, modifier=NONE if is_cut else SHIFT, then=look)
    assert seen[0] > 0
    assert not any(trace.isVisible() for trace in hand.canvas.findChildren(Trace))


def test_plain_drag_moves_the_view(hand: Hand) -> None:
    before = hand.view()
    hand.drag((4.0, 4.0), (200.0, 200.0))
    assert hand.selected == []
    assert hand.view() != before


def test_knife_cuts_and_leaves_the_view_whichever_layer_is_active(hand: Hand) -> None:
    hand.viewer.add_points(np.zeros((0, 2)), name="notes")
    before = hand.view()
    hand.key(Qt.Key.Key_K)
    hand.drag((40.0, 120.0), (200.0, 120.0))
    assert hand.selected == [DISK, 4]
    assert hand.view() == before
    hand.key(Qt.Key.Key_Z, CTRL)
    assert list(existing(hand.sample.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX]
    hand.key(Qt.Key.Key_Y, CTRL)
    assert list(existing(hand.sample.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX, 4]


# Down into the disk, to the right and out again below: a corner of it, as no straight line cuts.
AROUND_A_CORNER = ((40.0, 110.0), (130.0, 110.0), (130.0, 210.0))


def test_knife_follows_the_hand_around_a_corner(hand: Hand) -> None:
    before = hand.sample.segmented.labels.copy()
    hand.key(Qt.Key.Key_K)
    assert "with Shift it is straight" in hand.bench.status.message.text()
    hand.drag(*AROUND_A_CORNER)
    assert hand.selected == [DISK, 4]
    labels = hand.sample.segmented.labels
    # Above and to the right of the corner, and what is left of the disk, in px of 2 µm.
    assert labels[55, 70] != labels[80, 60]
    assert labels[55, 70] != labels[60, 40]
    assert labels[60, 40] == labels[80, 60]
    np.testing.assert_array_equal(labels > 0, before > 0)
    # What the ledger says of it are the corners, not each trembling of the hand.
    assert hand.bench.session.project is not None
    hand.bench.session.autosave.do(lambda: None).result()
    (entry,) = hand.bench.session.project.ledger("drawn")
    assert isinstance(entry.step, Split)
    assert 3 <= len(entry.step.line_um) <= 8
    hand.key(Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(hand.sample.segmented.labels, before)


def test_knife_with_shift_cuts_straight_from_end_to_end(hand: Hand) -> None:
    hand.key(Qt.Key.Key_K)
    start, aside, stop = (40.0, 60.0), (120.0, 190.0), (200.0, 180.0)
    hand.drag(start, aside, stop, modifier=SHIFT)
    assert hand.selected == [DISK, 4]
    hand.bench.session.autosave.do(lambda: None).result()
    (entry,) = hand.bench.session.project.ledger("drawn")
    np.testing.assert_allclose(entry.step.line_um, [start[::-1], stop[::-1]], atol=2)


def test_cross_tells_that_the_knife_is_in_hand(hand: Hand) -> None:
    hand.key(Qt.Key.Key_K)
    assert hand.sample.grains.cursor == "cross"
    hand.key(Qt.Key.Key_Escape)
    assert hand.sample.grains.cursor == "standard"


def test_click_belongs_to_the_tool_of_another_layer(hand: Hand) -> None:
    points = hand.viewer.add_points(np.zeros((0, 2)), name="notes")
    points.mode = "add"
    hand.click(DISK_UM)
    assert len(points.data) == 1
    assert hand.selected == []


def test_two_panels_answer_a_click_once(hand: Hand) -> None:
    _, other = hand.viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Curate")
    hand.click(DISK_UM, CTRL)
    assert hand.selected == [DISK]
    assert other.table.selection() == [DISK]
    hand.key(Qt.Key.Key_K)
    assert other.knife_button.isChecked()
    assert hand.bench.curate.knife_button.isChecked()
    hand.drag((40.0, 120.0), (200.0, 120.0))
    assert hand.selected == [DISK, 4]
    assert "does not cut" not in hand.bench.status.message.text()


def test_keys_reach_the_grains_from_the_table(hand: Hand) -> None:
    table = hand.bench.curate.table.view
    hand.bench.curate.order.setCurrentIndex(hand.bench.curate.order.findData("place"))
    hand.click(UPRIGHT_UM)
    hand.key(Qt.Key.Key_N, SHIFT, table)
    assert hand.selected == [DISK]
    hand.key(Qt.Key.Key_Delete, widget=table)
    assert list(existing(hand.sample.table)) == [UPRIGHT_BOX, TILTED_BOX]
    hand.key(Qt.Key.Key_Z, CTRL, table)
    assert list(existing(hand.sample.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX]


def test_undo_brings_the_grain_back_that_was_judged_by_mistake(hand: Hand) -> None:
    hand.click(DISK_UM)
    hand.key(Qt.Key.Key_A)
    assert hand.selected != [DISK]
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.selected == [DISK]
    hand.key(Qt.Key.Key_R)
    assert hand.sample.table.at[DISK, "status"] == "rejected"


def test_next_goes_on_from_a_grain_that_was_looked_at_and_from_one_that_is_gone(hand: Hand) -> None:
    panel = hand.bench.curate
    panel.order.setCurrentIndex(panel.order.findData("place"))
    panel.goes_on.setChecked(False)
    hand.click(UPRIGHT_UM)
    hand.key(Qt.Key.Key_A)
    hand.key(Qt.Key.Key_N)
    assert hand.selected == [TILTED_BOX]
    hand.key(Qt.Key.Key_N)
    assert hand.selected == [DISK]
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.click(UPRIGHT_UM)
    hand.key(Qt.Key.Key_Backspace)
    hand.key(Qt.Key.Key_N)
    assert hand.selected == [TILTED_BOX]


def test_letters_are_for_the_grains_again_once_a_reason_is_typed(hand: Hand, qtbot: Any) -> None:
    panel = hand.bench.curate
    hand.click(DISK_UM)
    panel.reason.setFocus()
    panel.reason.lineEdit().selectAll()
    qtbot.keyClicks(panel.reason, "a raft")
    assert hand.sample.table.at[DISK, "status"] == "unreviewed"
    qtbot.keyClick(panel.reason, Qt.Key.Key_Return)
    assert panel.hasFocus()
    hand.key(Qt.Key.Key_R, widget=panel)
    assert hand.sample.table.at[DISK, "reason"] == "a raft"


def test_colours_tell_the_class_that_a_grain_was_given(hand: Hand, qtbot: Any) -> None:
    panel = hand.bench.curate
    panel.colours.setCurrentIndex(panel.colours.findData("class"))
    panel.colours.activated.emit(panel.colours.currentIndex())
    hand.click(DISK_UM)
    panel.grain_class.setCurrentText("skarn")
    panel._set_class()
    hand.key(Qt.Key.Key_Escape)
    assert hand.sample.mode == "class"
    assert hand.sample.classes == ("skarn",)
    inner = [hand.sample.colours.data[int(y / 2), int(x / 2)] for y, x in (DISK_UM, UPRIGHT_UM)]
    assert inner[0] != inner[1]


def test_grains_get_a_class_of_their_own_by_a_key(hand: Hand, qtbot: Any) -> None:
    panel, train = hand.bench.curate, hand.bench.train
    hand.key(Qt.Key.Key_C)
    assert "Select a grain first" in hand.bench.status.message.text()
    hand.click(DISK_UM)
    hand.click(UPRIGHT_UM, SHIFT)
    panel.grain_class.setCurrentText("skarn")
    hand.key(Qt.Key.Key_C)
    assert list(hand.sample.table["class"].iloc[1:]) == ["skarn", "skarn", ""]
    assert list(hand.sample.grains.features["class"].iloc[1:]) == ["skarn", "skarn", ""]
    qtbot.waitUntil(lambda: train.own_classes.text().startswith("2 of the grains have a class of their own"))
    dataset = gather(
        [hand.sample.segmented], SampleClasses(("barren", "skarn"), {"drawn": "barren"}), CropSettings()
    )
    assert [dataset.classes[y] for y in dataset.y] == ["skarn", "skarn", "barren"]
    hand.key(Qt.Key.Key_Z, CTRL)
    assert set(hand.sample.table["class"]) == {""}
    qtbot.waitUntil(train.own_classes.isHidden)
    hand.key(Qt.Key.Key_R)
    qtbot.waitUntil(lambda: train.table.item(0, 1).text() == "1")


def test_what_is_seen_is_what_the_layers_hold(hand: Hand) -> None:
    def assert_seen() -> None:
        seen = hand.viewer.screenshot(flash=False)
        for layer in hand.sample.layers:
            layer.refresh()
        np.testing.assert_array_equal(seen, hand.viewer.screenshot(flash=False))

    # Where nothing but outlines is seen the grains' own layer would go unnoticed.
    hand.sample.grains.colormap = label_colormap(9)
    hand.sample.grains.opacity = 1
    hand.sample.colours.visible = False
    hand.sample.perform(Merge(labels=(DISK, UPRIGHT_BOX)))
    assert_seen()
    hand.sample.undo()
    assert_seen()
    hand.sample.grains.visible = False
    hand.sample.colours.visible = True
    assert_seen()
    hand.click(DISK_UM)
    assert_seen()
    hand.sample.perform(Delete(labels=(UPRIGHT_BOX,), reason="fragment"))
    assert_seen()
    hand.sample.undo()
    assert_seen()


def test_all_of_the_panel_is_seen_in_a_small_window(hand: Hand) -> None:
    content = hand.bench.curate.findChild(QScrollArea).widget()
    # What a scroll area asks before it scrolls; a window of 800 px leaves a panel some 660.
    needed = max(content.minimumSizeHint().height(), content.heightForWidth(hand.bench.minimumWidth()))
    assert needed <= 640
