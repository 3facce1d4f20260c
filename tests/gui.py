"""Waiting and clicking, as the tests of the windows need it."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton

from napari_zircon_cnn.widgets.session import Session

LIMIT_MS = 60_000


def press(qtbot: Any, button: QAbstractButton) -> None:
    """Click a button that a person could click."""
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def finish(qtbot: Any, session: Session) -> None:
    """Wait until no work is under way."""
    qtbot.waitUntil(lambda: not session.tasks, timeout=LIMIT_MS)
