"""File > Open Sample, in a real viewer."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.settings import get_plugin_settings

from gui import finish, press
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.widgets.session import session_of
from napari_zircon_cnn.widgets.status_line import StatusLine
from serving import QuietHandler, SlowHandler, serving

PLUGIN = "napari-zircon-cnn"


def test_synthetic_mount_opens_with_its_true_grains(make_napari_viewer_proxy: Callable[..., Any]) -> None:
    viewer = make_napari_viewer_proxy()
    image, labels = viewer.open_sample(PLUGIN, "synthetic")

    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    assert len(viewer.layers) == 2
    assert image.data.shape == labels.data.shape
    for layer in (image, labels):
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        np.testing.assert_array_equal(layer.scale, image.scale)
    # Row i of the table is label i, and every label that is drawn has a class.
    assert len(labels.features) == labels.data.max() + 1
    assert set(labels.features["class"].iloc[1:]) == {"batholith", "porphyry"}


@pytest.mark.quellaveco
def test_mosaic_opens_in_um(
    make_napari_viewer_proxy: Callable[..., Any], quellaveco_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(quellaveco_data))
    viewer = make_napari_viewer_proxy()
    (image,) = viewer.open_sample(PLUGIN, "QVC082")

    assert image.name == "QVC082"
    assert image.data.dtype == np.uint8
    np.testing.assert_array_equal(image.scale, (2, 2))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return what lets a folder take the place of the authors' repository; no mosaic is at hand."""
    monkeypatch.delenv("ZIRCON_CNN_DATA", raising=False)
    get_plugin_settings(PLUGIN).files.cache_folder = str(tmp_path / "cache")
    with ExitStack() as servers:

        def start(folder: Path, handler: type[QuietHandler] = QuietHandler) -> None:
            monkeypatch.setattr(quellaveco, "BASE_URL", servers.enter_context(serving(folder, handler)))

        yield start


def work_shown(viewer: Any) -> StatusLine | None:
    """Return what shows the work under way where no panel is open."""
    lines = [line for line in viewer.window.dock_widgets.values() if isinstance(line, StatusLine)]
    return lines[0] if lines else None


@pytest.mark.quellaveco
def test_mosaic_that_is_downloaded_comes_when_it_is_there(
    make_napari_viewer_proxy: Callable[..., Any], quellaveco_data: Path, server: Any, qtbot: Any
) -> None:
    server(quellaveco_data / "quellaveco")
    viewer = make_napari_viewer_proxy()
    (note,) = viewer.open_sample(PLUGIN, "QVC082")
    assert note.name == "QVC082 is being downloaded"
    assert work_shown(viewer) is not None
    finish(qtbot, session_of(viewer))
    (image,) = viewer.layers
    assert image.name == "QVC082"
    assert isinstance(image, Image)
    np.testing.assert_array_equal(image.scale, (2, 2))
    qtbot.waitUntil(lambda: work_shown(viewer) is None)
    # The copy that is kept is opened at once.
    assert [layer.name for layer in viewer.open_sample(PLUGIN, "QVC082")] == ["QVC082 [1]"]


def test_window_lives_while_a_slow_server_sends_and_the_download_can_be_cancelled(
    make_napari_viewer_proxy: Callable[..., Any], server: Any, tmp_path: Path, qtbot: Any
) -> None:
    SlowHandler.go_on.clear()
    server(tmp_path, SlowHandler)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.open_sample(PLUGIN, "QVC082")
    line = work_shown(viewer)
    assert line is not None
    qtbot.waitUntil(lambda: line.bar.maximum() > 0 and line.bar.value() == line.bar.maximum() // 2)
    assert line.message.text() == "Downloading: QVC082.png"
    assert line.isVisible()
    press(qtbot, line.cancel)
    SlowHandler.go_on.set()
    finish(qtbot, session_of(viewer))
    assert len(viewer.layers) == 0
    qtbot.waitUntil(lambda: work_shown(viewer) is None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_failed_download_is_told_and_stays_to_be_read(
    make_napari_viewer_proxy: Callable[..., Any], server: Any, tmp_path: Path, qtbot: Any
) -> None:
    server(tmp_path)
    viewer = make_napari_viewer_proxy()
    viewer.open_sample(PLUGIN, "QVC082")
    finish(qtbot, session_of(viewer))
    line = work_shown(viewer)
    assert line is not None
    assert "The mosaic of QVC082 could not be downloaded" in line.message.text()


def test_open_workbench_shows_the_download_itself(
    make_napari_viewer_proxy: Callable[..., Any], server: Any, tmp_path: Path, qtbot: Any
) -> None:
    server(tmp_path)
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget(PLUGIN, "Zircon CNN")
    viewer.open_sample(PLUGIN, "QVC082")
    assert work_shown(viewer) is None
    finish(qtbot, workbench.session)
    assert "The mosaic of QVC082 could not be downloaded" in workbench.status.message.text()


def test_damaged_local_mosaic_is_refused(
    make_napari_viewer_proxy: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "QVC082.png").write_bytes(b"half a mosaic")
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(tmp_path))
    viewer = make_napari_viewer_proxy()
    with pytest.raises(ZirconError, match="not the published mosaic of QVC082"):
        viewer.open_sample(PLUGIN, "QVC082")
    assert len(viewer.layers) == 0
