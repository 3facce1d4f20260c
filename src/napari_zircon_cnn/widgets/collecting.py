"""Python's collection of unreachable objects, kept from stopping the window again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer


@contextmanager
def put_off() -> Iterator[None]:
    """Leave a collection that falls due until the block has run, so that a panel need not wait for it."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


def put_off_for(pause_ms: int) -> None:
    """Leave a collection that falls due until the window has had its turn for that long."""
    if gc.isenabled():
        gc.disable()
        QTimer.singleShot(pause_ms, gc.enable)


class QuickCollection(QObject):
    """Spares a full collection what has been loaded until the first sample is shown.

    A full collection looks at each of some 300,000 objects of napari and its libraries, which takes 0.1 to
    0.3 s in which the window stands still. What is spared is never freed, so that this ends when one of the
    layers that were there is removed, or the window closes.

    Parameters
    ----------
    viewer
        The viewer.
    parent
        The Qt object whose end is the end of this one.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        # Layers hash by identity, also behind the proxies that plugins get.
        self._spared: set[int] = set()
        viewer.layers.events.removed.connect(self._on_removed)

    def begin(self) -> None:
        """Collect once more, and spare what is left, unless that was done before."""
        if not self._spared:
            gc.collect()
            gc.freeze()
            self._spared = {hash(layer) for layer in self._viewer.layers}

    def end(self) -> None:
        """Collect as usual again."""
        self._spared.clear()
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        gc.unfreeze()

    def _on_removed(self, event: Any) -> None:
        if hash(event.value) in self._spared:
            self._spared.clear()
            gc.unfreeze()
