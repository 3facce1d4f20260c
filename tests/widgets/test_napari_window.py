"""What is found in napari's window, and what the list of layers does there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QListView

from napari_zircon_cnn.widgets.napari_window import canvas_of, lay_out_layer_list


class Paints(QObject):
    """Counts how often a widget is painted."""

    n = 0

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: ARG002, N802 -- Qt's
        """Take note of a picture, and let it be drawn."""
        self.n += event is not None and event.type() == QEvent.Type.Paint
        return False


@pytest.mark.parametrize("at_once", [True, False])
def test_layer_list_is_drawn_with_all_else(
    make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, at_once: bool
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    layer = viewer.add_image(np.zeros((20, 30)))
    qtbot.wait(500)
    window = viewer.window.main_menu.window()
    layer_list = next(view for view in window.findChildren(QListView) if view.model().rowCount() == 1)
    paints = Paints()
    layer_list.viewport().installEventFilter(paints)
    layer.name = "mosaic"
    if at_once:
        lay_out_layer_list(viewer)
    # What is drawn by itself; a list that waits goes on when a timer does.
    QApplication.sendPostedEvents()
    assert paints.n == int(at_once)
    qtbot.wait(200)
    assert paints.n == 1


def test_canvas_is_where_the_layers_are(make_napari_viewer_proxy: Callable[..., Any]) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    canvas = canvas_of(viewer)
    assert canvas is not None
    assert (canvas.height(), canvas.width()) == tuple(viewer.canvas.size)
