"""The worker's own side: a process that runs one job after another for the `Worker` that started it.

It is started as a module of its own, so that nothing of the user's script is imported again.
"""

import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from queue import SimpleQueue
from typing import Any

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Cancelled

DONE, CANCELLED, FAILED, HEARD = "done", "cancelled", "failed", "heard"
"""What a message to the window's process says; each is (kind, number of the job, ...)."""
RUN, CANCEL = "run", "cancel"
"""What a message from the window's process says."""

OFTEN = "progress"
"""The listener that is called so often that not every call is passed on."""
_LEAST_PAUSE_S = 0.05
_NICENESS = 10


class _Line:
    """The connection to the window's process, for several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.jobs: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        self.unwanted: set[int] = set()

    def send(self, *message: Any) -> None:
        content = pickle.dumps(message)
        with self._lock:
            self._connection.send_bytes(content)

    def listen(self) -> None:
        """Take in jobs and wishes until the other side is gone, and end this process then."""
        try:
            while True:
                kind, number, *rest = self._connection.recv()
                if kind == CANCEL:
                    self.unwanted.add(number)
                else:
                    self.jobs.put((number, rest[0]))
        except (EOFError, OSError):
            os._exit(0)


class _Speaker:
    """A callback of a job: passes on what it is called with, and stops the job where that is wished."""

    def __init__(self, line: _Line, number: int, name: str) -> None:
        self._line, self._number, self._name = line, number, name
        self._last = 0.0
        self._held: tuple[Any, ...] | None = None

    def __call__(self, *arguments: Any) -> None:
        if self._number in self._line.unwanted:
            raise Cancelled
        now = time.monotonic()
        if self._name == OFTEN and now - self._last < _LEAST_PAUSE_S:
            self._held = arguments
            return
        self._last, self._held = now, None
        self._line.send(HEARD, self._number, self._name, arguments)

    def catch_up(self) -> None:
        """Pass on the last call, if it was held back."""
        if self._held is not None:
            self._line.send(HEARD, self._number, self._name, self._held)


def main() -> None:
    """Serve the process that started this one until it is gone."""
    # The window goes first; Windows has no such call.
    with suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    key = bytes.fromhex(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with Listener(authkey=key) as listener:
        sys.stdout.write(pickle.dumps(listener.address).hex() + "\n")
        sys.stdout.flush()
        # Whatever else is printed here must not fill a pipe that nobody reads.
        os.dup2(2, 1)
        line = _Line(listener.accept())
    threading.Thread(target=line.listen, daemon=True).start()
    while True:
        _run(line, *line.jobs.get())


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


def _run(line: _Line, number: int, content: bytes) -> None:
    speakers: list[_Speaker] = []
    try:
        job, arguments, named, listeners = pickle.loads(content)  # noqa: S301 -- from our own process
        speakers = [_Speaker(line, number, name) for name in listeners]
        answer = (DONE, number, _called(job, arguments, named, dict(zip(listeners, speakers, strict=True))))
    except Cancelled:
        answer = (CANCELLED, number, None)
    except ZirconError as error:
        answer = (FAILED, number, (str(error), ""))
    except MemoryError:
        answer = (FAILED, number, (_NO_MEMORY, ""))
    except Exception as error:
        sentence = _NO_MEMORY if type(error).__name__ == "ResourceExhaustedError" else _bug(error)
        answer = (FAILED, number, (sentence, "" if sentence is _NO_MEMORY else traceback.format_exc()))
    for speaker in speakers:
        speaker.catch_up()
    try:
        line.send(*answer)
    except Exception as error:
        # What cannot be pickled raises types of all kinds.
        line.send(
            FAILED, number, (f"The job's result cannot be passed on ({error}).", traceback.format_exc())
        )


def _called(
    job: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any], listeners: dict[str, _Speaker]
) -> Any:
    return job(*arguments, **named, **listeners)


_NO_MEMORY = (
    "There was not enough memory for this. Nothing in the project is lost; choose a smaller batch or fewer "
    "samples, or the CPU in place of a GPU, and start it again."
)


def _bug(error: Exception) -> str:
    return (
        f"This failed by a fault of ours ({type(error).__name__}: {error}); nothing in the project is lost."
    )


if __name__ == "__main__":
    main()
