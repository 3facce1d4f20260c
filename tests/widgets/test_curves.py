"""The curves of a training, as its epochs come in."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Annotation
from napari.qt import get_stylesheet
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_zircon_cnn.widgets.curves import TrainingCurves
from napari_zircon_cnn.widgets.tints import ground, ink

KEYS = ("loss", "accuracy", "roc_auc")


def row(epoch: int, **figures: float | None) -> dict[str, float | None]:
    usual = {"loss": 1 / epoch, "accuracy": 0.8, "roc_auc": 0.9}
    usual |= {"val_loss": 1.2 / epoch, "val_accuracy": 0.7, "val_roc_auc": 0.85, "seconds": 0.2}
    return {"epoch": epoch, **usual, **figures}


def lines_of(curves: TrainingCurves) -> dict[str, tuple[list[float], list[float]]]:
    return {
        str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata()))  # type: ignore[arg-type]
        for axes in curves.figure.axes
        for line in axes.lines
        if not str(line.get_label()).startswith("_")
    }


def words_of(curves: TrainingCurves) -> list[str]:
    """Return all that is written in the panels besides the axes."""
    texts = [text for axes in curves.figure.axes for text in axes.texts if text.get_visible()]
    return [text.get_text() for text in texts if text.get_text()]


@pytest.fixture
def curves(qtbot: QtBot) -> Iterator[TrainingCurves]:
    """Return curves on the screen, in a window with napari's dark theme."""
    window, widget = QWidget(), TrainingCurves()
    qtbot.addWidget(window)
    window.setStyleSheet(get_stylesheet("dark"))
    QVBoxLayout(window).addWidget(widget)
    widget.setFixedSize(360, 320)
    with qtbot.waitExposed(window):
        window.show()
    yield widget


def wait_for_epoch(qtbot: QtBot, curves: TrainingCurves, epoch: int) -> None:
    qtbot.waitUntil(lambda: curves.accessibleDescription().startswith(f"Epoch {epoch},"))


def test_epochs_become_lines(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(30)
    for epoch in (1, 2, 3):
        curves.add_epoch(row(epoch))
    wait_for_epoch(qtbot, curves, 3)
    lines = lines_of(curves)
    assert set(lines) == {*KEYS, *(f"val_{key}" for key in KEYS)}
    assert lines["loss"] == ([1, 2, 3], [1, 1 / 2, 1 / 3])
    assert lines["val_accuracy"] == ([1, 2, 3], [0.7, 0.7, 0.7])
    assert {axes.get_xlim() for axes in curves.figure.axes} == {(1, 30)}
    assert words_of(curves) == [
        *("training 0.33", "validation 0.40"),
        *("training 0.80", "validation 0.70"),
        *("training 0.90", "validation 0.85"),
    ]
    assert "loss of the validation data 0.400" in curves.accessibleDescription()


def test_many_epochs_at_once_are_drawn_together(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(500)
    for epoch in range(1, 501):
        curves.add_epoch(row(epoch))
    # Nothing is drawn inside the call: the window would freeze.
    assert lines_of(curves)["loss"] == ([], [])
    wait_for_epoch(qtbot, curves, 500)
    assert len(lines_of(curves)["loss"][0]) == 500


def test_what_is_not_known_leaves_a_gap(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(3)
    curves.add_epoch(row(1, val_loss=None))
    curves.add_epoch({"epoch": 2, "loss": 0.4})
    curves.add_epoch(row(3, roc_auc=math.nan))
    wait_for_epoch(qtbot, curves, 3)
    lines = lines_of(curves)
    np.testing.assert_allclose(lines["val_loss"][1], [np.nan, np.nan, 0.4])
    np.testing.assert_allclose(lines["roc_auc"][1], [0.9, np.nan, np.nan])
    # The last figure that there is.
    assert "training 0.90" in words_of(curves)


def test_a_figure_that_is_never_defined_is_said_to_be_so(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(3)
    curves.add_epoch(row(1, roc_auc=math.nan, val_roc_auc=math.nan))
    wait_for_epoch(qtbot, curves, 1)
    assert words_of(curves)[-1] == "not defined for these data"


def test_a_first_loss_far_off_does_not_flatten_the_rest(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(20)
    for epoch in range(1, 21):
        curves.add_epoch(row(epoch, loss=1000.0 if epoch == 1 else 0.5, val_loss=0.6))
    wait_for_epoch(qtbot, curves, 20)
    assert curves.figure.axes[0].get_ylim()[1] < 5


def test_names_of_near_lines_stay_apart(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(5)
    curves.add_epoch(row(1, accuracy=1.0, val_accuracy=1.0))
    wait_for_epoch(qtbot, curves, 1)
    axes = curves.figure.axes[1]
    ends = [text for text in axes.texts if isinstance(text, Annotation)]
    boxes = [text.get_window_extent() for text in ends]
    assert not boxes[0].overlaps(boxes[1])
    right = curves.figure.bbox.width
    assert all(box.x1 <= right for box in boxes)


def test_start_and_clear_forget_the_last_training(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(5)
    curves.add_epoch(row(1))
    wait_for_epoch(qtbot, curves, 1)
    curves.start(8)
    assert lines_of(curves)["loss"] == ([], [])
    assert curves.figure.axes[0].get_xlim() == (1, 8)
    curves.add_epoch(row(1))
    wait_for_epoch(qtbot, curves, 1)
    curves.clear()
    assert lines_of(curves)["loss"] == ([], [])
    assert words_of(curves) == ["no epoch yet"]


def test_an_epoch_that_waits_is_forgotten_too(qtbot: QtBot, curves: TrainingCurves) -> None:
    curves.start(5)
    curves.add_epoch(row(1))
    curves.clear()
    qtbot.wait(300)
    assert lines_of(curves)["loss"] == ([], [])


def test_colours_follow_the_theme(curves: TrainingCurves) -> None:
    seen = set()
    for theme in ("light", "dark"):
        curves.window().setStyleSheet(get_stylesheet(theme))
        assert to_hex(curves.figure.get_facecolor()) == ground(curves).name()
        assert to_hex(curves.figure.axes[2].xaxis.label.get_color()) == ink(curves).name()
        seen.add(curves.figure.axes[0].lines[-1].get_color())
    assert len(seen) == 2


def test_new_epochs_reach_the_screen(qtbot: QtBot, curves: TrainingCurves) -> None:
    """The axes come from a kept picture; the lines on it must be those of now."""
    curves.start(4)
    pictures = []
    for epoch in (1, 2, 3, 4):
        curves.add_epoch(row(epoch, loss=0.5, val_loss=0.4))
        wait_for_epoch(qtbot, curves, epoch)
        qtbot.wait(20)
        pictures.append(curves.grab().toImage())
    assert all(before != after for before, after in pairwise(pictures))


def test_epochs_that_came_while_hidden_are_drawn_when_shown(qtbot: QtBot) -> None:
    curves = TrainingCurves()
    qtbot.addWidget(curves)
    curves.start(3)
    curves.add_epoch(row(1))
    wait_for_epoch(qtbot, curves, 1)
    with qtbot.waitExposed(curves):
        curves.show()
    assert lines_of(curves)["loss"][0] == [1]
