"""One writer to a project folder at a time, held by a lock of the system that a kill releases."""

import functools
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar

from filelock import FileLock, Timeout

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import make_folder

LOCK_FILES = (".zircon-lock", ".zircon-writer.json")
"""The lock, and who holds it: what is locked cannot be read on every system."""

_PATIENCE_S = 0.5
_SENTENCES = {
    "window": "{folder} is open in another napari window (process {process}); close it there first.",
    "command": "{folder} is being written to by a command (process {process}); wait until it is done.",
    "": "{folder} is being written to by another process; wait until it is done, or close it there.",
}

Writer = Literal["window", "command"]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class ProjectLock:
    """The right to write to a project folder, until it is released or the process ends.

    Parameters
    ----------
    folder
        The project folder; made if need be.
    writer
        What kind of process writes.

    Raises
    ------
    ZirconError
        Where another process, or another window of this one, has the right, or nobody can write there.
    """

    def __init__(self, folder: Path, writer: Writer) -> None:
        make_folder(folder)
        lock, self._writer_file = (folder / name for name in LOCK_FILES)
        self._lock = FileLock(lock, timeout=_PATIENCE_S, thread_local=False)
        try:
            self._lock.acquire()
            self._writer_file.write_text(json.dumps({"writer": writer, "process": os.getpid()}))
        except Timeout:
            raise ZirconError(_who_writes(folder, self._writer_file)) from None
        except OSError as error:
            # Without the lock, what lies there may be another's.
            if self._lock.is_locked:
                self.release()
            raise ZirconError(
                f"The project {folder} cannot be written to ({error.strerror}); make room there, or copy it "
                "to a place that you may write to."
            ) from error

    def release(self) -> None:
        """Give the right back."""
        with suppress(OSError):
            self._writer_file.unlink(missing_ok=True)
            # Where nothing came to be written, nothing is left behind.
            if [path.name for path in self._writer_file.parent.iterdir()] == [LOCK_FILES[0]]:
                Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_being_written(folder: Path) -> bool:
    """Tell whether a process that lives has the right to write to a project folder."""
    lock = FileLock(folder / LOCK_FILES[0], timeout=0, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def writes_project(
    job: Callable[Concatenate[Path | str, Parameters], Result],
) -> Callable[Concatenate[Path | str, Parameters], Result]:
    """Let a job, whose first argument is a project folder, be the only writer to it for its time.

    Parameters
    ----------
    job
        The job.

    Returns
    -------
    Callable
        The job; it raises a `ZirconError` where another process writes to the project.
    """

    @functools.wraps(job)
    def alone(
        project_folder: Path | str, /, *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        folder = Path(project_folder)
        if not folder.is_dir():
            # The job says what is wrong with it, or makes it.
            return job(project_folder, *arguments, **named)
        with ProjectLock(folder, "command"):
            return job(project_folder, *arguments, **named)

    return alone


def _who_writes(folder: Path, writer_file: Path) -> str:
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        known = json.loads(writer_file.read_text())
    sentence = _SENTENCES.get(str(known.get("writer", "")), _SENTENCES[""])
    return sentence.format(folder=folder, process=known.get("process"))
