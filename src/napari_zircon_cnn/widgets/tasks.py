"""Long work beside the window: in a thread, or as a job of the worker process, with Qt signals."""

import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_zircon_cnn.errors import FAULTS_OF_THE_PLACE, ZirconError, about_the_place
from napari_zircon_cnn.progress import Cancelled, Progress
from napari_zircon_cnn.worker import Done, Failed, Outcome, Worker


class Task(QObject):
    """One piece of long work; its signals come in the window's own thread."""

    progressed = Signal(float, str)
    done = Signal(object)
    failed = Signal(str, str)
    """A sentence for the user, and the traceback where it is a bug of ours, else an empty text."""
    cancelled = Signal()
    ended = Signal()
    """After any of the three above."""
    _outcome = Signal(str, object)
    # One signal comes over from the work's thread, so that whoever waits for the end finds all done.
    heard = Signal(str, object)
    """The name and the arguments of another callback of the work."""

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.is_running = True
        self._wish = threading.Event()
        self._has_outcome = threading.Event()
        self._how: tuple[str, tuple[Any, ...]] | None = None
        self._cancel_job: Callable[[], None] | None = None
        self._outcome.connect(self._tell)

    def cancel(self) -> None:
        """Ask the work to stop; `cancelled` tells when it has."""
        self._wish.set()
        if self._cancel_job is not None:
            self._cancel_job()

    def cancels_by(self, cancel: Callable[[], None]) -> None:
        """Pass a wish to stop on to a job, also one that came before."""
        self._cancel_job = cancel
        if self._wish.is_set():
            cancel()

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the work is; called by the work, in its own thread."""
        if self._wish.is_set():
            raise Cancelled
        self.progressed.emit(fraction, message)

    def finish(self, how: str, *what: Any) -> None:
        """Tell how the work ended: `done`, `failed` or `cancelled`; called by the work, in its own thread."""
        self._how = how, what
        self._has_outcome.set()
        # The window may have closed meanwhile, and the task with it.
        with suppress(RuntimeError):
            self._outcome.emit(how, what)

    def wait(self, at_most_s: float) -> None:
        """Hold the window up until the work has ended and tell how, if it ends within a moment.

        For an answer that comes so soon that a picture of the window without it would only delay it.
        """
        if self._has_outcome.wait(at_most_s) and self._how is not None:
            self._tell(*self._how)

    def _tell(self, how: str, what: tuple[Any, ...]) -> None:
        if not self.is_running:
            return
        self.is_running, self._how = False, None
        getattr(self, how).emit(*what)
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
    *arguments
        What it is called with.
    parent
        The Qt object whose end is the task's end.
    **named
        What it is called with by name.

    Returns
    -------
    Task
        The task; it starts when the window is idle, so that its signals can be connected to before.
    """
    task = Task(name, parent)

    def run(*, progress: Progress) -> None:
        task.finish("done", work(*arguments, **named, progress=progress))

    _start(task, run)
    return task


def _start(task: Task, run: Callable[..., None]) -> None:
    """Call a function in a thread, and tell by the task's signals where it fails."""

    def guarded() -> None:
        try:
            run(progress=task.progress)
        except Cancelled:
            task.finish("cancelled")
        except ZirconError as error:
            task.finish("failed", str(error), "")
        except OSError as error:
            is_place = error.errno in FAULTS_OF_THE_PLACE
            other = f"{error.strerror or error}: {error.filename or task.name}."
            task.finish("failed", about_the_place(error) if is_place else other, "")
        except Exception as error:
            sentence = f"{task.name} failed by a fault of ours ({type(error).__name__}: {error})."
            task.finish("failed", sentence, traceback.format_exc())

    def start() -> None:
        threading.Thread(target=guarded, name=task.name, daemon=True).start()

    # The caller has connected to the signals by the time that Qt comes to this.
    QTimer.singleShot(0, start)


def of_worker(
    name: str,
    worker: Worker,
    before: Iterable["Future[Any]"],
    job: Callable[..., Any],
    *arguments: Any,
    listeners: Iterable[str] = (),
    parent: QObject | None = None,
    **named: Any,
) -> Task:
    """Run a job in the worker process, once what it needs is on disk.

    Parameters
    ----------
    name
        What the user reads that it is.
    worker
        The worker.
    before
        What has to be done first; if it fails, the job is not run.
    job
        The job.
    *arguments
        What it is called with.
    listeners
        Keywords of the job that get a function: `progress` is told by `Task.progressed`, others by
        `Task.heard`.
    parent
        The Qt object whose end is the task's end.
    **named
        What it is called with by name.

    Returns
    -------
    Task
        The task.
    """
    task = Task(name, parent)

    def heard(listener: str) -> Callable[..., None]:
        def pass_on(*what: Any) -> None:
            if listener == "progress":
                task.progressed.emit(*what)
            else:
                task.heard.emit(listener, what)

        return pass_on

    def on_done(outcome: Outcome) -> None:
        match outcome:
            case Done(value):
                task.finish("done", value)
            case Failed(sentence, trace):
                task.finish("failed", sentence, trace)
            case _:
                task.finish("cancelled")

    def submit() -> None:
        submitted = worker.submit(
            job, *arguments, listeners={key: heard(key) for key in listeners}, on_done=on_done, **named
        )
        task.cancels_by(submitted.cancel)

    _submit_once_saved(task, list(before), submit)
    return task


def _submit_once_saved(task: Task, saves: "list[Future[Any]]", submit: Callable[[], None]) -> None:
    def wait(*, progress: Progress) -> None:
        progress(0.0, "saving what it needs")
        for future in saves:
            future.result()
        submit()

    if saves:
        _start(task, wait)
    else:
        # What comes back comes when the window is idle, and thus after the caller has connected to it.
        submit()
