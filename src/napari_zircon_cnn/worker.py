"""A process of its own for the jobs that need Keras or UMAP, which must not be loaded beside napari."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import SimpleQueue
from typing import IO, Any

from napari_zircon_cnn.worker_process import (
    BEGINNING,
    CANCEL,
    CANCELLED,
    DONE,
    HEARD,
    READY,
    RUN,
)

_LOG = logging.getLogger(__name__)
_LAST_WORDS_S = 1.0
_PATIENCE_S = 5.0
_WARM_UP = 0
"""The number of what is run without being asked for."""


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
    is_crash
        Whether the process itself has stopped or could not be started.
    """

    sentence: str
    trace: str = ""
    is_crash: bool = False

    @property
    def is_bug(self) -> bool:
        """Whether it is a fault of ours."""
        return bool(self.trace)


Outcome = Done | WasCancelled | Failed
Listeners = Mapping[str, Callable[..., None]]


class Job:
    """A job that was given to a worker; made by `Worker.submit`.

    Parameters
    ----------
    number
        Tells it from the worker's other jobs.
    worker
        The worker.
    listeners, on_done
        As for `Worker.submit`.
    """

    def __init__(
        self, number: int, worker: "Worker", listeners: Listeners, on_done: Callable[[Outcome], None]
    ) -> None:
        self.number = number
        self.listeners = listeners
        self.is_unwanted = False
        self.is_killed = False
        self._worker = worker
        self._on_done = on_done
        self._outcome: Outcome | None = None
        self._has_ended = threading.Event()

    @property
    def running(self) -> bool:
        """Whether the job waits or is under way."""
        return self._outcome is None

    def cancel(self) -> None:
        """Ask the job to stop.

        One that waits never starts; one under way stops when it next calls one of its listeners.
        What it then keeps is its own affair: its outcome may still be a result.
        """
        self.is_unwanted = True
        self._worker.pass_on_wish(self)

    def kill(self) -> None:
        """Stop the job at once, with its process; for one that does not hear `cancel`."""
        self.is_unwanted = True
        self._worker.kill_job(self)

    def wait(self, timeout_s: float | None = None) -> Outcome | None:
        """Return the outcome when there is one, or nothing if there is none in time; not for a window."""
        self._has_ended.wait(timeout_s)
        return self._outcome

    def hear(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Pass on what the job has called a listener with."""
        _call(self.listeners[name], *arguments)

    def end(self, outcome: Outcome) -> None:
        """Pass the outcome on."""
        self._outcome = outcome
        _call(self._on_done, outcome)
        self._has_ended.set()


class Worker:
    """One process that runs jobs in order, started beside the window and started again after a crash.

    What it calls, it calls in a thread of its own; a window has to pass that on to its own thread.
    The process ends with this one, however that ends.

    Parameters
    ----------
    environment
        Variables that the process gets besides those of this one, such as `CUDA_VISIBLE_DEVICES`.
    warm_up
        A function at the top of a module that the process calls first, so that the first job need
        not wait for what it loads.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, warm_up: Callable[[], None] | None = None
    ) -> None:
        self._environment = dict(environment or {})
        self._warm_up = warm_up
        self._numbers = count(_WARM_UP + 1)
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._jobs: list[Job] = []
        self._under_way: Job | None = None
        self._is_closing = False
        self._thread: threading.Thread | None = None

    @property
    def process_id(self) -> int | None:
        """The number of the process, if it is running."""
        process = self._process
        return process.number if process is not None and process.alive else None

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self.process_id is not None

    @property
    def busy(self) -> bool:
        """Whether a job waits or is under way."""
        return bool(self._jobs)

    def start(self) -> None:
        """Start the process and its warming up, if it is not running; return at once."""
        if not self.alive:
            self._enqueue(self._start)

    def submit(
        self,
        job: Callable[..., Any],
        *arguments: Any,
        listeners: Listeners | None = None,
        on_done: Callable[[Outcome], None],
        **named: Any,
    ) -> Job:
        """Run a job after those that were given before; return at once.

        Parameters
        ----------
        job
            A function at the top of a module.
        *arguments
            What it is called with; it must be possible to pickle it, as what is named.
        listeners
            By the names of the job's keywords what is called with what the job calls them with. Of
            `progress` not every call is passed on, but the last one always is.
        on_done
            Called once with the outcome. It and the listeners are called in the worker's own thread;
            what they raise is logged and stops nothing.
        **named
            What it is called with by name.

        Returns
        -------
        Job
            By which it can be cancelled. After `close` it is so already.
        """
        submitted = Job(next(self._numbers), self, dict(listeners or {}), on_done)
        try:
            content = pickle.dumps((job, arguments, named, tuple(submitted.listeners)))
        except Exception as error:
            # What cannot be pickled raises types of all kinds.
            run: Callable[[], Outcome] = partial(_cannot_be_passed_on, "The job", error)
        else:
            run = partial(self._run, submitted, content)
        with self._lock:
            self._jobs.append(submitted)
        if not self._enqueue(partial(self._serve_job, submitted, run)):
            self._end(submitted, WasCancelled())
        return submitted

    def close(self) -> None:
        """End the process; a job under way is cancelled and has a second to end, others never start."""
        with self._lock:
            self._is_closing = True
            thread, jobs = self._thread, list(self._jobs)
        self._queue.put(None)
        for job in jobs:
            job.cancel()
        is_other = thread is not None and thread is not threading.current_thread()
        if thread is not None and is_other:
            thread.join(_LAST_WORDS_S)
        process = self._process
        if process is not None:
            process.kill()
        if thread is not None and is_other:
            thread.join(_PATIENCE_S)

    def pass_on_wish(self, job: Job) -> None:
        """Tell the process that a job under way is unwanted; called by the job."""
        with self._lock:
            process = self._process if job is self._under_way else None
        # One that is not ready yet is told when it is.
        if process is not None and process.is_ready:
            with suppress(OSError, ValueError):
                process.send(CANCEL, job.number)

    def kill_job(self, job: Job) -> None:
        """Kill the process if a job is under way in it; called by the job."""
        with self._lock:
            if job is not self._under_way:
                return
            job.is_killed = True
            if self._process is not None:
                self._process.kill()

    def _enqueue(self, work: Callable[[], None]) -> bool:
        """Give work to the thread; return whether it will be done."""
        with self._lock:
            if self._is_closing:
                return False
            self._queue.put(work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="worker", daemon=True)
                self._thread.start()
            return True

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
        if self._process is not None:
            self._process.close()

    def _start(self) -> None:
        # Whoever gives the first job is told why it cannot be started.
        with suppress(OSError, EOFError):
            self._ready_process()

    def _serve_job(self, job: Job, run: Callable[[], Outcome]) -> None:
        with self._lock:
            is_wanted = not (job.is_unwanted or self._is_closing)
            self._under_way = job if is_wanted else None
        try:
            outcome = run() if is_wanted else WasCancelled()
        except Exception as error:
            outcome = Failed(f"This failed by a fault of ours ({error!r}).", traceback.format_exc())
        with self._lock:
            self._under_way = None
        self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        with self._lock:
            self._jobs.remove(job)
        job.end(outcome)

    def _run(self, job: Job, content: bytes) -> Outcome:
        try:
            process = self._ready_process()
            process.send(RUN, job.number, content)
            if job.is_unwanted:
                process.send(CANCEL, job.number)
            while True:
                kind, number, content = process.receive()
                if number != job.number:
                    continue
                if kind == CANCELLED:
                    return WasCancelled()
                try:
                    value = pickle.loads(content)  # noqa: S301 -- from our own process
                except Exception as error:
                    # What cannot be had back raises types of all kinds.
                    if kind == HEARD:
                        _LOG.exception("what a listener was called with")
                        continue
                    return _cannot_be_passed_on("The job's result", error)
                if kind == HEARD:
                    job.hear(*value)
                else:
                    return Done(value) if kind == DONE else Failed(*value)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            sentence = self._how_it_ended(error)
            is_wished = self._is_closing or job.is_killed
            return WasCancelled() if is_wished else Failed(sentence, is_crash=True)

    def _ready_process(self) -> "_Process":
        """Return the process, which is started if it is not running."""
        process = self._process
        if process is not None and process.is_ready and process.alive:
            return process
        started = _Process(os.environ | self._environment)
        with self._lock:
            replaced, self._process = process, started
            # One that comes too late to be killed by who wants it gone.
            if self._is_closing or (self._under_way is not None and self._under_way.is_killed):
                started.kill()
        if replaced is not None:
            replaced.close()
        started.await_ready()
        if self._warm_up is not None:
            started.send(RUN, _WARM_UP, pickle.dumps((self._warm_up, (), {}, ())))
        return started

    def _how_it_ended(self, error: Exception) -> str:
        """Return the sentence for a process that has stopped by itself, and forget it."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.is_ready:
            how = _reason(process.close())
            return (
                f"The process that trains and classifies has stopped ({how}). Nothing in the project is "
                "lost; start it again, with a smaller batch or on the CPU if it was memory."
            )
        if process is not None:
            process.close()
        return (
            "The process that trains and classifies could not be started "
            f"({str(error) or 'what it says of it is in the terminal'}). Nothing in the project is lost; "
            "try again, and if that does not help, start napari anew or install this plugin anew."
        )


class _Process:
    """A process that runs what is sent to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # Safe from modules in the folder that one works in, which need not be on this one's path.
        self._child = subprocess.Popen(  # noqa: S603 -- it is our own code
            [sys.executable, "-P", "-c", BEGINNING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
        )
        self._lock = threading.Lock()
        self.number = self._child.pid
        self.is_ready = False

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def await_ready(self) -> None:
        """Let the process find the modules that this one finds, and wait until it can be sent jobs."""
        with self._lock:
            self._write(pickle.dumps([str(place) for place in sys.path]))
        heard = b""
        while not heard.endswith(READY):
            letter = _stream(self._child.stdout).read(1)
            if not letter:
                raise EOFError
            heard = heard[-len(READY) :] + letter
        self.is_ready = True

    def send(self, kind: str, number: int, content: bytes = b"") -> None:
        message = pickle.dumps((kind, number, content))
        with self._lock:
            self._write(message)

    def receive(self) -> tuple[str, int, bytes]:
        """Wait for a message; an `EOFError` or `UnpicklingError` says that the process has stopped."""
        message: tuple[str, int, bytes] = pickle.load(_stream(self._child.stdout))  # noqa: S301
        return message

    def kill(self) -> None:
        # It is given no more jobs, though it may live for a moment yet.
        self.is_ready = False
        self._child.kill()

    def close(self) -> int:
        """End the process, which does no job, and return its exit status."""
        with suppress(OSError):
            _stream(self._child.stdin).close()
        try:
            status = self._child.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            status = self._child.wait()
        _stream(self._child.stdout).close()
        return status

    def _write(self, message: bytes) -> None:
        stream = _stream(self._child.stdin)
        stream.write(message)
        stream.flush()


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise EOFError
    return stream


def _reason(status: int) -> str:
    """Return what the exit status of a process that has stopped by itself tells."""
    if status >= 0:
        return f"with the code {status}"
    with suppress(ValueError):
        killer = signal.Signals(-status).name
        if killer == "SIGKILL":
            return "killed by the system, perhaps for lack of memory"
        return f"crashed: {killer}"
    return f"by signal {-status}"


def _cannot_be_passed_on(what: str, error: Exception) -> Failed:
    trace = "".join(traceback.format_exception(error))
    return Failed(f"{what} cannot be passed on ({error}).", trace)


def _call(listener: Callable[..., None], *arguments: Any) -> None:
    try:
        listener(*arguments)
    except Exception:
        # A window that is gone must not end the thread.
        _LOG.exception("what the worker has told")
