"""What the tests of the windows do with mouse and keys, and how they wait."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QWidget,
)

from district import CLASSES, SAMPLES
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.workbench import Workbench

LIMIT_MS = 120_000
PULSE_MS = 20

Place = tuple[float, float]


def press(qtbot: Any, button: QAbstractButton) -> None:
    """Click a button that a person could click."""
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def finish(qtbot: Any, session: Session) -> None:
    """Wait until no work is under way."""
    qtbot.waitUntil(lambda: not session.tasks, timeout=LIMIT_MS)


def button_of(widget: QWidget, text: str) -> QAbstractButton:
    """Return the button of a panel that a person reads a text on."""
    (found,) = (button for button in widget.findChildren(QAbstractButton) if button.text() == text)
    return found


def press_and_choose(qtbot: Any, button: QAbstractButton, *paths: Path) -> None:
    """Click a button that opens a dialog for files, type their names there and confirm it."""
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    refused: list[str] = []

    def choose() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(PULSE_MS, choose)
            return
        line, buttons = dialog.findChild(QLineEdit, "fileNameEdit"), dialog.findChild(QDialogButtonBox)
        names = [str(path) for path in paths]
        line.setText(names[0] if len(names) == 1 else " ".join(f'"{name}"' for name in names))
        confirm = next(
            button
            for button in buttons.buttons()
            if buttons.buttonRole(button) == QDialogButtonBox.ButtonRole.AcceptRole
        )
        qtbot.mouseClick(confirm, Qt.MouseButton.LeftButton)
        if dialog.isVisible():
            refused.extend(names)
            dialog.reject()

    QTimer.singleShot(PULSE_MS, choose)
    press(qtbot, button)
    assert refused == []


def drag(viewer: Any, *places: Place, modifiers: tuple[str, ...] = ()) -> None:
    """Press the mouse at the first place of the world, move over the others and let go at the last."""
    event = SimpleNamespace(button=1, modifiers=modifiers, type="mouse_press", handled=False)
    event.position, event.pos = places[0], np.array(places[0])
    drags = [callback(viewer, event) for callback in viewer.mouse_drag_callbacks]
    drags = [moving for moving in drags if moving is not None]
    for moving in drags:
        next(moving, None)
    for place in places[1:]:
        event.type, event.position, event.pos = "mouse_move", place, np.array(place)
        for moving in drags:
            next(moving, None)
    event.type = "mouse_release"
    for moving in drags:
        next(moving, None)


def press_key(sample: OpenSample, key: str) -> None:
    """Press a key while the grains' layer is active, as napari looks it up: its own keys go first."""
    found = next(function for bound, function in sample.grains.keymap.items() if str(bound) == key)
    found(sample.grains)


def place_of(sample: OpenSample, label: int) -> Place:
    """Return a place of the world that lies in a grain."""
    rows, columns = np.nonzero(sample.segmented.labels == label)
    inner = len(rows) // 2
    y, x = sample.grains.data_to_world((rows[inner], columns[inner]))
    return float(y), float(x)


def say_what_the_samples_are(workbench: Workbench) -> None:
    """Give each sample of the district its class."""
    table = workbench.train.table
    for row, sample in enumerate(SAMPLES):
        choice = table.cellWidget(row, 2)
        assert isinstance(choice, QComboBox)
        choice.setCurrentText(CLASSES[0] if sample.startswith("BAT") else CLASSES[1])


def train(workbench: Workbench, qtbot: Any, epochs: int = 5) -> None:
    """Train the district's network for a moment, in the worker process."""
    say_what_the_samples_are(workbench)
    workbench.train.validation.setCurrentIndex(workbench.train.validation.findData("split"))
    workbench.train.epochs.setValue(epochs)
    press(qtbot, workbench.train.train_button)
    finish(qtbot, workbench.session)


def drag_on(widget: QWidget, *places: QPoint, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
    """Press the mouse on a widget at the first place, move over the others and let go at the last."""
    mouse: Any = QTest
    mouse.mousePress(widget, Qt.MouseButton.LeftButton, modifier, places[0])
    for place in places[1:]:
        mouse.mouseMove(widget, place)
        QApplication.processEvents()
    mouse.mouseRelease(widget, Qt.MouseButton.LeftButton, modifier, places[-1])
