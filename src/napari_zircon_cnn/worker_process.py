"""The worker's own side: a process that runs one job after another for the `Worker` that started it.

It is started with `BEGINNING`, so that nothing of the user's script is imported again, and speaks by
its standard streams: nothing of that stays on the disk, and their end tells each side of the other's.
"""

import errno
import io
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, BinaryIO

from napari_zircon_cnn.errors import FAULTS_OF_THE_PLACE, ZirconError, about_the_place
from napari_zircon_cnn.progress import Cancelled

BEGINNING = (
    f"import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from {__name__} import main; main()"
)
"""The code of the process; what it is given first is where modules are looked for."""
READY = b"\0napari-zircon-cnn is ready\0"
"""What ends all that Python itself may have printed."""

RUN, CANCEL = "run", "cancel"
"""What a message from the window's process says; each is (kind, number of the job, pickled content)."""
DONE, CANCELLED, FAILED, HEARD = "done", "cancelled", "failed", "heard"
"""What a message to the window's process says; each is (kind, number of the job, pickled content)."""

OFTEN = "progress"
"""The listener that is called so often that not every call is passed on."""
_LEAST_PAUSE_S = 0.05
_LOOK_S = 0.5
_NICENESS = 10

_NO_MEMORY = (
    "There was not enough memory for this. Nothing in the project is lost; choose a smaller batch or fewer "
    "samples, or the CPU in place of a GPU, and start it again."
)
_MEMORY_ERRORS = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}
_MEMORY_WORDS = ("resource_exhausted", "out of memory", "out_of_memory")


class _Line:
    """What is said to and heard from the window's process, for several threads."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._lock = threading.Lock()
        self._order: SimpleQueue[int] = SimpleQueue()
        self._waiting: dict[int, bytes] = {}
        self.unwanted: set[int] = set()

    def send(self, kind: str, number: int, content: Any = None) -> None:
        """Say something; raises where the content cannot be pickled."""
        message = pickle.dumps((kind, number, pickle.dumps(content)))
        with self._lock:
            self._outgoing.write(message)
            self._outgoing.flush()

    def listen(self) -> None:
        """Take in jobs and wishes until the other side is gone, and end this process then."""
        try:
            while True:
                kind, number, content = pickle.load(self._incoming)  # noqa: S301 -- from who started us
                if kind == RUN:
                    self._waiting[number] = content
                    self._order.put(number)
                    continue
                self.unwanted.add(number)
                # A job that has not begun need not wait for its turn to be cancelled.
                if self._waiting.pop(number, None) is not None:
                    self.send(CANCELLED, number)
        finally:
            os._exit(0)

    def next_job(self) -> tuple[int, bytes]:
        """Wait for a job and return its number and what it is."""
        while True:
            number = self._order.get()
            content = self._waiting.pop(number, None)
            if content is not None:
                return number, content


class _Speaker:
    """A callback of a job: passes on what it is called with, and stops the job where that is wished."""

    def __init__(self, line: _Line, number: int, name: str) -> None:
        self._line, self._number, self._name = line, number, name
        self._lock = threading.Lock()
        self._next = -float("inf")
        self._held: tuple[Any, ...] | None = None

    def __call__(self, *arguments: Any) -> None:
        if self._number in self._line.unwanted:
            raise Cancelled
        with self._lock:
            wait_s = self._next - time.monotonic()
            if self._name != OFTEN or wait_s <= 0:
                self._say(arguments)
                return
            if self._held is None:
                # Nothing may follow for long.
                later = threading.Timer(wait_s, self.catch_up)
                later.daemon = True
                later.start()
            self._held = arguments

    def catch_up(self) -> None:
        """Pass on the last call, if it was held back."""
        with self._lock:
            if self._held is not None:
                self._say(self._held)

    def _say(self, arguments: tuple[Any, ...]) -> None:
        self._next, self._held = time.monotonic() + _LEAST_PAUSE_S, None
        self._line.send(HEARD, self._number, (self._name, arguments))


class _Terminal(io.FileIO):
    """A stream that may be gone: what is written then is lost and stops no job."""

    def write(self, content: Any) -> int:
        """Write what can be written."""
        with suppress(OSError):
            super().write(content)
        return len(content)


def main() -> None:
    """Serve the process that started this one until it is gone."""
    # Ctrl+C is for the window's process; with its end comes ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The window goes first; Windows has no such call.
    with suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    incoming, outgoing = _taken_over_streams()
    outgoing.write(READY)
    outgoing.flush()
    line = _Line(incoming, outgoing)
    threading.Thread(target=line.listen, daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        _run(line, *line.next_job())


def _taken_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the standard streams, in whose place a job finds an empty input and the error stream."""
    ours = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    try:
        os.dup2(2, 1)
    except OSError:
        # Windows gives a program without a console no error stream.
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = sys.stderr = io.TextIOWrapper(
        _Terminal(2, "w", closefd=False), errors="backslashreplace", write_through=True
    )
    return ours


def _end_with_parent() -> None:
    # The pipe's end tells too, but not as long as something that the parent has forked holds it.
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(0)


def _run(line: _Line, number: int, content: bytes) -> None:
    speakers: dict[str, _Speaker] = {}
    kind, answer = CANCELLED, None
    try:
        job, arguments, named, listeners = pickle.loads(content)  # noqa: S301 -- from who started us
        speakers.update({name: _Speaker(line, number, name) for name in listeners})
        if number not in line.unwanted:
            kind, answer = DONE, job(*arguments, **named, **speakers)
    except Cancelled:
        pass
    except (Exception, SystemExit) as error:
        kind, answer = FAILED, _told(error)
    try:
        for speaker in speakers.values():
            speaker.catch_up()
        line.send(kind, number, answer)
    except Exception as error:
        # What cannot be pickled raises types of all kinds.
        line.send(
            FAILED, number, (f"The job's result cannot be passed on ({_named(error)}).", _trace_of(error))
        )


def _told(error: BaseException) -> tuple[str, str]:
    """Return a sentence for the user, and the traceback where the error is a bug of ours."""
    if isinstance(error, ZirconError):
        return str(error), ""
    if _is_lack_of_memory(error):
        return _NO_MEMORY, ""
    if isinstance(error, OSError) and error.errno in FAULTS_OF_THE_PLACE:
        return about_the_place(error), ""
    return f"This failed by a fault of ours ({_named(error)}); nothing in the project is lost.", _trace_of(
        error
    )


def _is_lack_of_memory(error: BaseException) -> bool:
    """Tell it by names, since the backend's own types are not at hand without the backend."""
    if {kind.__name__ for kind in type(error).__mro__} & _MEMORY_ERRORS:
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    message = _named(error).lower()
    return any(words in message for words in _MEMORY_WORDS)


def _named(error: BaseException) -> str:
    # Copes with an error whose own text cannot be had.
    return traceback.format_exception_only(error)[-1].strip()


def _trace_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
