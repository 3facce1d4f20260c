"""Mosaics by napari's own ways, by the panel's buttons and dropped on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from drawn import drawn_mount, drawn_project
from gui import finish, press, press_and_choose
from napari_zircon_cnn.mount import pixel_size_in
from napari_zircon_cnn.widgets.reader import get_reader
from napari_zircon_cnn.widgets.workbench import Workbench

PLUGIN = "napari-zircon-cnn"


@pytest.fixture
def workbench(make_napari_viewer_proxy: Callable[..., Any]) -> Workbench:
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget(PLUGIN, "Zircon CNN")
    assert isinstance(workbench, Workbench)
    return workbench


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    path = tmp_path / "BAT-1.png"
    path.write_bytes(imagecodecs.png_encode(drawn_mount().mount.image))
    return path


def drop(widget: Any, *paths: Path) -> None:
    content = QMimeData()
    content.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    widget.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            content,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_napari_opens_a_mosaic_through_the_reader(workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "POR-1.tif"
    tifffile.imwrite(
        path, drawn_mount().mount.image, resolution=(1e4 / 0.5, 1e4 / 0.5), resolutionunit="CENTIMETER"
    )
    (layer,) = workbench.session.viewer.open(path, plugin=PLUGIN)
    np.testing.assert_allclose(layer.scale, (0.5, 0.5))
    assert workbench.mount.sample.text() == "POR-1"
    assert workbench.mount.pixel_size.value() == 0.5
    assert workbench.mount.mount().source == path
    assert workbench.mount.confirm_button.isHidden()


def test_reader_leaves_what_is_no_grey_mosaic_to_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colour, stack, text = tmp_path / "colour.png", tmp_path / "stack.tif", tmp_path / "text.png"
    colour.write_bytes(imagecodecs.png_encode(rng.integers(0, 255, (20, 30, 3), np.uint8)))
    tifffile.imwrite(stack, np.zeros((5, 20, 30), np.uint8), photometric="minisblack")
    text.write_text("no picture")
    assert [get_reader(str(path)) for path in (colour, stack, text, tmp_path / "none.png")] == [None] * 4
    assert get_reader([str(colour)]) is None


def test_several_mosaics_come_from_one_dialog(workbench: Workbench, mosaic: Path, qtbot: Any) -> None:
    other = mosaic.with_name("POR 1.png")
    other.write_bytes(mosaic.read_bytes())
    press_and_choose(qtbot, workbench.mount.open_button, mosaic, other)
    finish(qtbot, workbench.session)
    assert [layer.name for layer in workbench.session.viewer.layers] == ["BAT-1", "POR 1"]


def test_missing_pixel_size_is_proposed_and_asked_for(workbench: Workbench, mosaic: Path, qtbot: Any) -> None:
    from napari.settings import get_plugin_settings

    get_plugin_settings(PLUGIN).mosaics.default_pixel_size_um = 1.5
    panel = workbench.mount
    drop(panel, mosaic)
    finish(qtbot, workbench.session)
    assert pixel_size_in(mosaic) is None
    assert panel.pixel_size.value() == 1.5
    assert "does not say its pixel size; 1.5 µm is assumed" in panel.facts.text()
    press(qtbot, panel.confirm_button)
    assert "assumed" not in panel.facts.text()
    assert panel.confirm_button.isHidden()


def test_napari_layer_without_units_gets_the_proposal_by_one_click(workbench: Workbench, qtbot: Any) -> None:
    panel = workbench.mount
    layer = workbench.session.viewer.add_image(drawn_mount().mount.image, name="my scan")
    assert panel.pixel_size.value() == 0
    assert panel.confirm_button.text() == "2 µm is right"
    press(qtbot, panel.confirm_button)
    np.testing.assert_array_equal(layer.scale, (2, 2))
    assert panel.mount().pixel_size_um == 2


def test_dropped_project_is_opened_and_any_other_folder_refused(
    workbench: Workbench, tmp_path: Path, qtbot: Any
) -> None:
    project = drawn_project(tmp_path).folder
    drop(workbench.mount, tmp_path)
    assert "is no project" in workbench.status.message.text()
    drop(workbench.mount, project)
    finish(qtbot, workbench.session)
    assert workbench.session.project is not None
    assert workbench.session.project.folder == project


def test_sample_data_come_by_a_button(workbench: Workbench) -> None:
    menu = workbench.mount.sample_button.menu()
    menu.aboutToShow.emit()
    entries = {action.text(): action for action in menu.actions() if action.text()}
    assert len(entries) == 15
    entries["Synthetic mount"].trigger()
    assert workbench.mount.is_done


@pytest.mark.quellaveco
def test_mosaic_of_the_paper_comes_beside_the_window(
    workbench: Workbench, quellaveco_data: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(quellaveco_data))
    workbench.session.open_quellaveco("QVC082")
    assert workbench.session.tasks
    finish(qtbot, workbench.session)
    assert workbench.mount.sample.text() == "QVC082"
