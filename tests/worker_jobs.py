"""Jobs that the tests of the worker give to it."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Cancelled, Progress

# Longer than a test waits for an outcome.
_PATIENCE_S = 120.0


def double(number: int, progress: Progress) -> int:
    for step in range(50):
        progress(step / 50, f"step {step}")
    progress(1.0, "done")
    return 2 * number


def go_on(progress: Progress) -> None:
    while True:
        progress(0.5, "going on")
        time.sleep(0.01)


def go_on_deaf(progress: Progress) -> None:
    progress(0.0, "begun")
    while True:
        time.sleep(0.01)


def tell(on_epoch: Any) -> int:
    for epoch in range(30):
        on_epoch("", {"epoch": epoch})
    return os.getpid()


def process_id() -> int:
    return os.getpid()


def fall_silent(answer: Path, progress: Progress) -> bool:
    """Tell of two steps in quick succession, then wait for a sign that the second was heard."""
    progress(0.1, "one")
    progress(0.2, "two")
    return appears(answer)


def wait_for(sign: Path, begun: Path | None = None) -> None:
    if begun is not None:
        begun.touch()
    appears(sign)


def appears(sign: Path) -> bool:
    limit = time.monotonic() + _PATIENCE_S
    while not sign.exists() and time.monotonic() < limit:
        time.sleep(0.01)
    return sign.exists()


def tidy_up(note: Path, progress: Progress) -> None:
    try:
        go_on(progress)
    except Cancelled:
        note.write_text("tidied", encoding="utf-8")
        raise


def write(path: Path) -> None:
    path.write_text("begun", encoding="utf-8")


def die(number: int = 9) -> None:
    os.kill(os.getpid(), number)


def leave() -> None:
    sys.exit(3)


def refuse() -> None:
    raise ZirconError("There is no grain; find some first.")


def stumble() -> None:
    raise KeyError("a bug")


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's, which says so where a GPU has no room."""


def run_out_of_memory(kind: type[Exception], message: str) -> None:
    raise kind(message)


def fill_the_disk() -> None:
    raise OSError(28, "No space left on device", "model.keras")


def give_what_cannot_be_passed_on() -> Any:
    return lambda: None


class Broken:
    """Pickled well, but not to be had back."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return stumble, ()


def give_what_cannot_be_had_back() -> Broken:
    return Broken()


def chatter(text: str, times: int) -> int:
    for _ in range(times):
        sys.stdout.write(text + "\n")
        # As a library in C does, which does not look whether it could.
        with suppress(OSError):
            os.write(1, b"said by a library\n")
    return times


def read_a_line() -> str:
    return sys.stdin.readline()
