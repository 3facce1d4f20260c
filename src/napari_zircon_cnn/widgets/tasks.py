"""Long work beside the window: in a thread, or as a job of the worker process, with Qt signals."""

import threading
import traceback
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Cancelled


class Task(QObject):
    """One piece of long work; its signals come in the window's own thread."""

    progressed = Signal(float, str)
    done = Signal(object)
    failed = Signal(str, str)
    """A sentence for the user, and the traceback where it is a bug of ours, else an empty text."""
    cancelled = Signal()
    ended = Signal()
    """After any of the three above."""
    heard = Signal(str, object)
    """The name and the arguments of another callback of the work."""

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.is_running = True
        self._wish = threading.Event()
        self._cancel_job: Callable[[], None] | None = None
        for signal in (self.done, self.failed, self.cancelled):
            signal.connect(self._end)

    def cancel(self) -> None:
        """Ask the work to stop; `cancelled` tells when it has."""
        self._wish.set()
        if self._cancel_job is not None:
            self._cancel_job()

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the work is; called by the work, in its own thread."""
        if self._wish.is_set():
            raise Cancelled
        self.progressed.emit(fraction, message)

    def _end(self) -> None:
        self.is_running = False
        self.ended.emit()


def in_thread(
    name: str, work: Callable[..., Any], *arguments: Any, parent: QObject | None = None, **named: Any
) -> Task:
    """Run work in a thread of its own.

    Parameters
    ----------
    name
        What the user reads that it is.
    work
        Called with the arguments and the keyword `progress`.
    *arguments, **named
        What it is called with.
    parent
        The Qt object whose end is the task's end.

    Returns
    -------
    Task
        The task; it starts when the window is idle, so that its signals can be connected to before.
    """
    task = Task(name, parent)

    def run() -> None:
        try:
            value = work(*arguments, **named, progress=task.progress)
        except Cancelled:
            task.cancelled.emit()
        except ZirconError as error:
            task.failed.emit(str(error), "")
        except OSError as error:
            task.failed.emit(f"{error.strerror or error}: {error.filename or name}.", "")
        except Exception as error:
            task.failed.emit(f"{name} failed ({error}).", traceback.format_exc())
        else:
            task.done.emit(value)

    def start() -> None:
        threading.Thread(target=run, name=name, daemon=True).start()

    # The caller has connected to the signals by the time that Qt comes to this.
    QTimer.singleShot(0, start)
    return task
