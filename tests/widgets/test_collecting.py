"""What napari has loaded is spared by Python's full collections, and nothing is kept that is let go."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drawn import drawn_project
from gui import finish
from napari_zircon_cnn.widgets.session import Session


@pytest.fixture
def opened(make_napari_viewer_proxy: Callable[..., Any], tmp_path: Path, qtbot: Any) -> tuple[Any, Session]:
    """Return a viewer with the drawn sample, and its session."""
    drawn_project(tmp_path)
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = workbench.session
    session.open_project(tmp_path / "project")
    finish(qtbot, session)
    assert gc.get_freeze_count() == 0
    session.open_sample("drawn")
    finish(qtbot, session)
    return viewer, session


def test_what_is_loaded_is_spared_until_the_window_closes(opened: tuple[Any, Session]) -> None:
    _, session = opened
    assert gc.get_freeze_count() > 100_000
    session.close()
    assert gc.get_freeze_count() == 0


def test_workbench_leaves_a_collection_until_it_is_shown(
    make_napari_viewer_proxy: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    # The test before may have put one off, too.
    qtbot.waitUntil(gc.isenabled)
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    assert not gc.isenabled()
    qtbot.waitUntil(gc.isenabled)
    workbench.session.close()


@pytest.mark.parametrize(("added", "is_spared"), [("later", True), (None, False)])
def test_spared_layer_can_be_let_go(opened: tuple[Any, Session], added: str | None, is_spared: bool) -> None:
    viewer, session = opened
    if added:
        viewer.add_points(name=added)
    viewer.layers.remove(added or "drawn")
    assert (gc.get_freeze_count() > 0) is is_spared
    session.close()
