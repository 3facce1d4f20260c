"""Jobs that the tests of the worker give to it."""

import os
import signal
import time
from typing import Any

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Progress


def double(number: int, progress: Progress) -> int:
    for step in range(50):
        progress(step / 50, f"step {step}")
    progress(1.0, "done")
    return 2 * number


def go_on(progress: Progress) -> None:
    while True:
        progress(0.5, "going on")
        time.sleep(0.01)


def tell(on_epoch: Any) -> int:
    for epoch in range(30):
        on_epoch("", {"epoch": epoch})
    return os.getpid()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise ZirconError("There is no grain; find some first.")


def stumble() -> None:
    raise KeyError("a bug")


def run_out_of_memory() -> None:
    raise MemoryError


def give_what_cannot_be_passed_on() -> Any:
    return lambda: None


def load_keras() -> bool:
    import keras

    return bool(keras.__version__)
