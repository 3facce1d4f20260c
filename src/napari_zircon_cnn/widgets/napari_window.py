"""Parts of napari's window, as Qt finds them."""

from napari.viewer import Viewer
from qtpy.QtCore import QMetaObject, Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QDockWidget, QListView, QMainWindow, QWidget

# By this name napari restores where the dock was.
_LAYER_LIST = "layer list"


def canvas_of(viewer: Viewer) -> QWidget | None:
    """Return the widget that a viewer's layers are drawn on."""
    window = _window_of(viewer)
    middle = window.centralWidget() if window is not None else None
    found: QWidget | None = middle.findChild(QOpenGLWidget) if middle is not None else None
    return found


def lay_out_layer_list(viewer: Viewer) -> None:
    """Have a viewer's list of layers drawn together with all else that has changed.

    Of itself it waits until that is drawn, and has the whole window drawn once more.
    """
    window = _window_of(viewer)
    dock = window.findChild(QDockWidget, _LAYER_LIST) if window is not None else None
    layer_list = dock.findChild(QListView) if dock is not None else None
    if layer_list is not None:
        # A slot of Qt's, which not every binding gives a method.
        QMetaObject.invokeMethod(layer_list, "doItemsLayout", Qt.ConnectionType.DirectConnection)


def _window_of(viewer: Viewer) -> QMainWindow | None:
    window = viewer.window.main_menu.window()
    return window if isinstance(window, QMainWindow) else None
