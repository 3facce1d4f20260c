"""Long work beside the window, and that its end is told once."""

import threading
import weakref
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, QObject

from napari_zircon_cnn.widgets.tasks import in_thread


def test_answer_that_comes_within_a_moment_needs_no_turn_of_the_event_loop(qtbot: Any) -> None:
    told: list[Any] = []
    release = threading.Event()

    def work(progress: Any) -> int:
        release.wait()
        return 7

    task = in_thread("a moment's work", work)
    task.done.connect(told.append)
    task.wait(0.01)
    assert task.is_running
    assert not told
    qtbot.wait(50)
    release.set()
    task.wait(5)
    assert told == [7]
    assert not task.is_running
    qtbot.wait(50)
    assert told == [7]


def test_answer_that_was_told_is_kept_no_longer(qtbot: Any) -> None:
    told: list[Any] = []
    parent = QObject()
    task = in_thread("a large answer", lambda progress: np.zeros(3), parent=parent)
    task.done.connect(lambda answer: told.append(weakref.ref(answer)))
    qtbot.waitUntil(lambda: not task.is_running)
    qtbot.waitUntil(lambda: told[0]() is None)


def test_work_that_outlasts_its_window_ends_in_silence(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    has_begun, release = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def work(progress: Any) -> None:
        threads.append(threading.current_thread())
        has_begun.set()
        release.wait()
        progress(0.5, "half of it")

    parent = QObject()
    in_thread("the last work", work, parent=parent)
    qtbot.waitUntil(has_begun.is_set)
    parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    release.set()
    threads[0].join()
    assert not raised
