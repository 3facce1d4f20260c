"""From a mosaic's file to its grains, by the buttons of the workbench."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QTableWidget,
    QWidget,
)

from gui import finish, press
from napari_zircon_cnn.actions import Reject
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.panel import Panel
from napari_zircon_cnn.widgets.workbench import Workbench

PLUGIN = "napari-zircon-cnn"
LIMIT_S = 10

Bench = tuple[Any, Workbench]


@pytest.fixture
def bench(make_napari_viewer_proxy: Callable[..., Any]) -> Bench:
    """Return a viewer with the workbench."""
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget(PLUGIN, "Zircon CNN")
    return viewer, workbench


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    """Return the file of a small drawn mosaic."""
    path = tmp_path / "BAT-1.png"
    path.write_bytes(imagecodecs.png_encode(synthetic_mount(seed=3, shape=(500, 700)).mount.image))
    return path


class NewWindows(QObject):
    """Collects the windows that appear, however briefly, while it is installed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 -- Qt's name
        """Take note of a window, and let it appear."""
        is_shown = event is not None and event.type() == QEvent.Type.Show
        if is_shown and isinstance(watched, QWidget) and watched.isWindow():
            self.seen.append(f"{type(watched).__name__} {watched.windowTitle()}")
        return False


def test_no_other_window_flashes_up_while_panels_are_built(
    make_napari_viewer_proxy: Callable[..., Any], mosaic: Path, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    windows, app = NewWindows(), QApplication.instance()
    assert app is not None
    app.installEventFilter(windows)
    _, workbench = viewer.window.add_plugin_dock_widget(PLUGIN, "Zircon CNN")
    workbench.session.open_mosaics([mosaic])
    finish(qtbot, workbench.session)
    for panel in workbench.panels:
        workbench.show_panel(panel)
    app.removeEventFilter(windows)
    assert windows.seen == []


def test_mosaic_is_opened_segmented_and_kept(
    bench: Bench, mosaic: Path, qtbot: Any, own_folders: Path
) -> None:
    viewer, workbench = bench
    session = workbench.session
    assert not workbench.mount.is_done

    session.open_mosaics([mosaic])
    finish(qtbot, session)
    assert workbench.mount.is_done
    assert workbench.mount.sample.text() == "BAT-1"
    assert workbench.mount.pixel_size.value() == 2
    assert viewer.canvas.overlays.scale_bar.visible

    workbench.show_panel(workbench.segment)
    press(qtbot, workbench.segment.run_button)
    finish(qtbot, session)
    assert [layer.name for layer in viewer.layers] == ["BAT-1", "BAT-1 colours", "BAT-1 grains"]
    assert session.active is not None
    assert session.project is not None
    assert session.project.folder.is_relative_to(own_folders)
    on_disk = Project.read(session.project.folder).load("BAT-1")
    np.testing.assert_array_equal(viewer.layers["BAT-1 grains"].data, on_disk.labels)
    assert "grains in BAT-1" in workbench.status.message.text()


def test_curated_grains_are_replaced_only_after_a_question(
    bench: Bench, mosaic: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, workbench = bench
    session = workbench.session
    session.open_mosaics([mosaic])
    finish(qtbot, session)
    workbench.segment.run()
    finish(qtbot, session)
    assert session.active is not None
    first = int(existing(session.active.table)[0])
    assert session.perform(Reject(labels=(first,), reason="fragment"))
    session.save()
    finish(qtbot, session)

    asked: list[str] = []

    def answer(parent: Any, title: str, text: str, *choices: Any) -> Any:
        asked.append(text)
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", answer)
    workbench.segment.run()
    finish(qtbot, session)
    assert "curated in 1 steps" in asked[0]
    assert session.active.table.at[first, "status"] == "rejected"


def test_preview_shows_the_grains_in_view(bench: Bench, mosaic: Path, qtbot: Any) -> None:
    viewer, workbench = bench
    workbench.session.open_mosaics([mosaic])
    finish(qtbot, workbench.session)
    workbench.show_panel(workbench.segment)
    workbench.segment.preview.setChecked(True)
    qtbot.waitUntil(lambda: "preview" in viewer.layers, timeout=20_000)
    assert viewer.layers["preview"].data.any()
    workbench.segment.preview.setChecked(False)
    assert "preview" not in viewer.layers


def test_layer_without_pixel_size_asks_for_it(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    drawn = synthetic_mount(seed=3, shape=(500, 700))
    viewer.add_image(drawn.mount.image, name="my scan")
    workbench.segment.run()
    assert workbench.status.message.text() == "⚠ The pixel size of 'my scan' is not known; give it in µm."

    workbench.mount.pixel_size.setValue(2.0)
    workbench.mount.pixel_size.editingFinished.emit()
    workbench.segment.run()
    finish(qtbot, workbench.session)
    assert workbench.session.active is not None
    np.testing.assert_array_equal(viewer.layers["my scan"].scale, (2, 2))
    assert workbench.session.project is not None
    assert workbench.session.project.mosaic_path("my scan").is_file()


def test_removed_layer_closes_the_sample_and_loses_nothing(bench: Bench, mosaic: Path, qtbot: Any) -> None:
    viewer, workbench = bench
    session = workbench.session
    session.open_mosaics([mosaic])
    finish(qtbot, session)
    workbench.segment.run()
    finish(qtbot, session)
    assert session.active is not None
    labels = session.active.segmented.labels.copy()

    viewer.layers.remove("BAT-1 grains")
    assert session.active is None
    assert [layer.name for layer in viewer.layers] == ["BAT-1"]
    assert "BAT-1 was closed" in workbench.status.message.text()
    session.open_sample("BAT-1")
    finish(qtbot, session)
    np.testing.assert_array_equal(viewer.layers["BAT-1 grains"].data, labels)


def test_table_of_a_sample_that_is_not_shown_is_never_older_than_what_will_be_written(
    bench: Bench, mosaic: Path, qtbot: Any
) -> None:
    viewer, workbench = bench
    session = workbench.session
    session.open_mosaics([mosaic])
    finish(qtbot, session)
    workbench.segment.run()
    finish(qtbot, session)
    assert session.active is not None
    assert session.autosave is not None
    label = int(usable(session.active.table)[0])
    may_write = threading.Event()
    session.autosave.do(may_write.wait, LIMIT_S)
    session.perform(Reject(labels=(label,), reason="fragment"))
    viewer.layers.remove("BAT-1 grains")
    closed = session.modelling.table_of("BAT-1")
    assert closed.loc[label, "reason"] == "fragment"
    answered = closed.assign(probability=0.5)
    session.modelling.put_tables({"BAT-1": answered})
    session.project_changed.emit()
    assert session.modelling.table_of("BAT-1") is answered
    may_write.set()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_step_that_is_shown_is_seen_among_the_others(bench: Bench, theme: str) -> None:
    viewer, workbench = bench
    viewer.theme = theme
    workbench.show_panel(workbench.curate)
    for step in workbench.steps.buttons():
        picture = step.grab().toImage()
        lowest = {picture.pixelColor(x, picture.height() - 2).name() for x in range(4, picture.width() - 4)}
        assert ("#5b7fe8" in lowest) == step.isChecked()


CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QTableWidget, QListWidget)
PARTS_OF_CONTROLS = (QComboBox, QAbstractSpinBox, QAbstractItemView, QLineEdit)


def test_each_control_says_what_it_is_for(bench: Bench) -> None:
    _, workbench = bench
    for panel in workbench.panels:
        for control in panel.findChildren(QWidget):
            if not isinstance(control, CONTROLS) or isinstance(control.parent(), PARTS_OF_CONTROLS):
                continue
            assert control.toolTip() or control.objectName().startswith("qt_"), (
                f"{panel.title}: {type(control).__name__} {control.accessibleName()}"
            )


def test_focus_goes_from_the_top_to_the_bottom(make_napari_viewer_proxy: Callable[..., Any]) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    _, workbench = viewer.window.add_plugin_dock_widget(PLUGIN, "Zircon CNN")
    for panel in workbench.panels:
        workbench.show_panel(panel)
        QApplication.processEvents()
        heights, part = [], panel.nextInFocusChain()
        while part is not panel:
            is_stop = bool(part.focusPolicy() & Qt.FocusPolicy.TabFocus) and isinstance(part, CONTROLS)
            if panel.isAncestorOf(part) and is_stop and part.isVisibleTo(panel):
                heights.append(part.mapTo(panel, part.rect().center()).y())
            part = part.nextInFocusChain()
        assert len(heights) > 5
        # Those side by side need not be equally high.
        assert all(after > before - 8 for before, after in itertools.pairwise(heights)), panel.title


def test_panel_without_a_sample_begins_at_its_top(make_napari_viewer_proxy: Callable[..., Any]) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    _, workbench = viewer.window.add_plugin_dock_widget(PLUGIN, "Zircon CNN")
    workbench.show_panel(workbench.curate)
    QApplication.processEvents()
    button = workbench.curate.accept_button
    assert button.mapTo(workbench.curate, button.rect().topLeft()).y() < 250


def test_panels_are_built_once_the_first_is_seen_or_when_turned_to(bench: Bench, qtbot: Any) -> None:
    _, workbench = bench
    assert len(workbench.findChildren(Panel)) == 1

    workbench.steps.button(4).click()
    assert workbench.stack.currentWidget() is workbench.classify
    qtbot.waitUntil(lambda: len(workbench.findChildren(Panel)) == 7)
    assert workbench.stack.currentWidget() is workbench.classify
    assert [workbench.stack.widget(n) for n in range(7)] == list(workbench.panels)
