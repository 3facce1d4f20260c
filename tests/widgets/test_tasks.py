"""Long work beside the window, and that its end is told once."""

import threading
from typing import Any

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
