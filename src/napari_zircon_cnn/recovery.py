"""Which projects are open in a window, so that one whose window was killed is offered again."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import platformdirs

from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.project_lock import ProjectLock, is_being_written
from napari_zircon_cnn.project_record import PROJECT_FILE


@dataclass(frozen=True)
class LeftWork:
    """A project whose window ended without closing it.

    Parameters
    ----------
    folder
        The project folder; all steps up to the last are in its ledgers.
    samples
        Names of the samples that were on the screen.
    time
        When the last step was done.
    """

    folder: Path
    samples: tuple[str, ...]
    time: datetime


class OpenProject:
    """A project that a window has open: nobody else writes to it, and a note tells of it.

    Parameters
    ----------
    folder
        The project folder; made if need be.

    Raises
    ------
    ZirconError
        Where another process writes to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock = ProjectLock(folder, "window")
        self._note = _notes() / f"{hashlib.sha256(bytes(self.folder)).hexdigest()[:16]}.json"
        self.note(())

    def note(self, samples: Iterable[str]) -> None:
        """Note which samples are on the screen."""
        content = {"project": str(self.folder), "samples": list(samples)}
        # Work that cannot be noted is work all the same.
        with suppress(OSError), atomic_path(self._note) as path:
            path.write_text(json.dumps(content), encoding="utf-8")

    def close(self) -> None:
        """Let others write to the project, and forget that it was open."""
        with suppress(OSError):
            self._note.unlink(missing_ok=True)
        self._lock.release()


def left_work() -> list[LeftWork]:
    """Return the projects whose windows were killed, the one worked on last first."""
    found = []
    for note in _notes().glob("*.json"):
        try:
            content = json.loads(note.read_text(encoding="utf-8"))
            folder, samples = Path(content["project"]), tuple(map(str, content["samples"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if (folder / PROJECT_FILE).is_file() and not is_being_written(folder):
            found.append(LeftWork(folder, samples, _last_step(folder)))
    return sorted(found, key=lambda left: left.time, reverse=True)


def _notes() -> Path:
    return platformdirs.user_state_path("napari-zircon-cnn") / "open"


def _last_step(folder: Path) -> datetime:
    files = [folder / PROJECT_FILE, *folder.glob("samples/*/curation.jsonl")]
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in files)).astimezone()
