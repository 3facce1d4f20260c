"""A process of its own for the jobs that need Keras or UMAP, which must not be loaded beside napari."""

import os
import pickle
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Client, Connection
from queue import SimpleQueue
from typing import Any

from napari_zircon_cnn.worker_process import CANCEL, CANCELLED, DONE, FAILED, HEARD, RUN

_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Done:
    """A job's end with a result."""

    value: Any


@dataclass(frozen=True)
class WasCancelled:
    """A job's end by the user's wish."""


@dataclass(frozen=True)
class Failed:
    """A job's end by an error.

    Parameters
    ----------
    sentence
        What went wrong and what to do.
    trace
        The traceback where it is a fault of ours, else empty.
    """

    sentence: str
    trace: str = ""


Outcome = Done | WasCancelled | Failed
Listeners = Mapping[str, Callable[..., None]]


@dataclass(eq=False)
class Job:
    """A job that was given to a worker."""

    number: int
    content: bytes
    listeners: Listeners
    on_done: Callable[[Outcome], None]
    _wish: Callable[["Job"], None]
    is_unwanted: bool = False
    outcome: Outcome | None = field(default=None)

    @property
    def running(self) -> bool:
        """Whether the job waits or is under way."""
        return self.outcome is None

    def cancel(self) -> None:
        """Ask the job to stop; it does when it next calls one of its listeners."""
        self.is_unwanted = True
        self._wish(self)


class Worker:
    """One process that runs jobs in order, started beside the window and started again after a crash.

    Parameters
    ----------
    environment
        Variables that the process gets besides those of this one.
    warm_up
        A function that the process calls first, so that the first job need not wait for it.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, warm_up: Callable[[], None] | None = None
    ) -> None:
        self._environment = dict(environment or {})
        self._warm_up = warm_up
        self._numbers = count(1)
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._line: Connection | None = None
        self._is_closing = False
        self._thread: threading.Thread | None = None

    @property
    def process_id(self) -> int | None:
        """The number of the process, if it is running."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Start the process if it is not running; return at once."""
        self._submit(_nothing, (), {}, {}, lambda _: None)

    def submit(
        self,
        job: Callable[..., Any],
        *arguments: Any,
        listeners: Listeners | None = None,
        on_done: Callable[[Outcome], None],
        **named: Any,
    ) -> Job:
        """Run a job after those that were given before.

        Parameters
        ----------
        job
            A function at the top of a module.
        *arguments, **named
            What it is called with; it must be possible to pickle it.
        listeners
            By the names of the job's keywords what is called with what the job calls them with.
        on_done
            Called once with the outcome. It and the listeners are called in the worker's own thread.

        Returns
        -------
        Job
            By which it can be cancelled.
        """
        return self._submit(job, arguments, named, listeners or {}, on_done)

    def close(self) -> None:
        """End the process; a job under way is cancelled, and those that wait never start."""
        self._is_closing = True
        self._queue.put(None)
        self._kill()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)

    def _submit(
        self,
        job: Callable[..., Any],
        arguments: tuple[Any, ...],
        named: dict[str, Any],
        listeners: Listeners,
        on_done: Callable[[Outcome], None],
    ) -> Job:
        number = next(self._numbers)
        try:
            content = pickle.dumps((job, arguments, named, tuple(listeners)))
        except Exception as error:
            # What cannot be pickled raises types of all kinds.
            refused = Job(number, b"", listeners, on_done, self._wish)
            _end(refused, Failed(f"The job cannot be passed on ({error}).", repr(error)))
            return refused
        submitted = Job(number, content, listeners, on_done, self._wish)
        self._queue.put(submitted)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="worker", daemon=True)
            self._thread.start()
        return submitted

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            _end(job, WasCancelled() if job.is_unwanted or self._is_closing else self._run(job))
        self._kill()

    def _run(self, job: Job) -> Outcome:
        try:
            line = self._connected()
            self._send(line, (RUN, job.number, job.content))
            if job.is_unwanted:
                self._wish(job)
            while True:
                kind, number, *rest = pickle.loads(line.recv_bytes())  # noqa: S301 -- from our own process
                if number != job.number:
                    continue
                if kind == HEARD:
                    name, arguments = rest
                    with suppress(Exception):
                        # A window that is gone must not end the job.
                        job.listeners[name](*arguments)
                elif kind == DONE:
                    return Done(rest[0])
                elif kind == CANCELLED:
                    return WasCancelled()
                elif kind == FAILED:
                    return Failed(*rest[0])
        except (EOFError, OSError):
            return WasCancelled() if self._is_closing else Failed(self._how_it_ended())

    def _connected(self) -> Connection:
        """Return the line to the process, which is started if it is not running."""
        if self._line is not None and self._child is not None and self._child.poll() is None:
            return self._line
        key = secrets.token_hex(32)
        child = subprocess.Popen(
            [sys.executable, "-m", "napari_zircon_cnn.worker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | self._environment,
        )
        with self._lock:
            self._child = child
        if child.stdin is None or child.stdout is None or self._is_closing:
            raise EOFError
        child.stdin.write(key + "\n")
        child.stdin.flush()
        address = child.stdout.readline()
        if not address:
            raise EOFError
        # The process prints where it can be reached, and nothing after that.
        child.stdout.close()
        line = Client(pickle.loads(bytes.fromhex(address)), authkey=bytes.fromhex(key))  # noqa: S301
        with self._lock:
            self._line = line
        if self._warm_up is not None:
            self._send(line, (RUN, 0, pickle.dumps((self._warm_up, (), {}, ()))))
        return line

    def _send(self, line: Connection, message: tuple[Any, ...]) -> None:
        with self._lock:
            line.send(message)

    def _wish(self, job: Job) -> None:
        if self._line is not None and job.running:
            with suppress(OSError):
                self._send(self._line, (CANCEL, job.number))

    def _how_it_ended(self) -> str:
        """Return the sentence for a process that has stopped by itself, and forget it."""
        code = None
        with self._lock:
            child, self._child, self._line = self._child, None, None
        if child is not None:
            with suppress(subprocess.TimeoutExpired):
                code = child.wait(_PATIENCE_S)
            child.kill()
        how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
        return (
            f"The process that trains and classifies has stopped {how}, perhaps for lack of memory. Nothing "
            "in the project is lost; start again, with a smaller batch if it was memory."
        )

    def _kill(self) -> None:
        with self._lock:
            child = self._child
        if child is not None:
            child.kill()
            child.wait()


def _nothing() -> None:
    """Do nothing, in a process that runs."""


def _end(job: Job, outcome: Outcome) -> None:
    job.outcome = outcome
    with suppress(Exception):
        # A window that is gone must not end the thread.
        job.on_done(outcome)
