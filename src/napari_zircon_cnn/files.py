"""Writing files so that a kill at any moment leaves the old ones whole."""

import hashlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Progress, silent

UNFINISHED = ".unfinished-"
"""How the names of files begin that are being written."""

_JOURNAL = ".zircon-commit.json"
_SECONDS_OF_A_COMMIT = 10.0
_SECONDS_OF_A_DAY = 86_400
_HASHED_BYTES = 2**22


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on success it takes the place of `path`.

    Parameters
    ----------
    path
        The file to write. Missing folders above it are made.

    Yields
    ------
    Path
        A path in the same folder with the same suffix. It is removed when the block raises.

    Raises
    ------
    ZirconError
        Where the folder cannot be written to.
    """
    temporary = _temporary_for(path)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class Transaction:
    """Several files that are replaced together or not at all.

    Everything is first written beside its target. A journal then names the renames; from that
    moment the change counts as made, and `finish_transaction` completes it after a kill.

    Parameters
    ----------
    folder
        The folder that holds the journal; all files lie in it or below.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending: dict[Path, Path] = {}
        self._new_folders: set[Path] = set()

    def __enter__(self) -> Self:
        make_folder(self._folder)
        return self

    def path_for(self, target: Path) -> Path:
        """Return the temporary path to write in place of `target`."""
        above = itertools.takewhile(lambda folder: folder != self._folder, target.parents)
        self._new_folders.update(folder for folder in above if not folder.exists())
        self._pending[target] = _temporary_for(target)
        return self._pending[target]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._pending:
                self._commit()
        finally:
            for temporary in self._pending.values():
                temporary.unlink(missing_ok=True)
            for folder in sorted(self._new_folders, reverse=True):
                # Where all went well there are files in it.
                with suppress(OSError):
                    folder.rmdir()

    def _commit(self) -> None:
        for temporary in self._pending.values():
            _sync(temporary)
        renames = {
            str(temporary.relative_to(self._folder)): str(target.relative_to(self._folder))
            for target, temporary in self._pending.items()
        }
        with atomic_path(self._folder / _JOURNAL) as journal:
            journal.write_text(json.dumps(renames), encoding="utf-8")
        finish_transaction(self._folder)


def finish_transaction(folder: Path) -> None:
    """Complete a `Transaction` that a kill cut off after its journal was written.

    Parameters
    ----------
    folder
        The folder that the transaction was opened on.

    Raises
    ------
    ZirconError
        Where the journal is not one that a transaction wrote; no file is touched then.
    """
    journal = folder / _JOURNAL
    if not journal.exists():
        return
    try:
        renames = _renames_in(journal)
    except (ValueError, TypeError, AttributeError) as error:
        raise ZirconError(f"{journal} is broken or of another program; remove it.") from error
    for temporary, target in renames.items():
        # Where the file is gone, it is in its place already.
        with suppress(FileNotFoundError):
            temporary.replace(target)
    journal.unlink(missing_ok=True)


def await_transaction(folder: Path) -> None:
    """Wait until another process has put a `Transaction` in place that it is about to.

    Parameters
    ----------
    folder
        The folder that the transaction was opened on.

    Raises
    ------
    ZirconError
        Where it was cut off, so that waiting would not end.
    """
    journal = folder / _JOURNAL
    limit = time.monotonic() + _SECONDS_OF_A_COMMIT
    while journal.exists():
        if time.monotonic() > limit:
            raise ZirconError(f"{folder} was left in the middle of a save; open it in napari once.")
        time.sleep(0.01)


def _renames_in(journal: Path) -> dict[Path, Path]:
    """Return the renames that a journal names; a folder from elsewhere must not move any other file."""
    folder = journal.parent
    renames = {}
    for temporary, target in json.loads(journal.read_text(encoding="utf-8")).items():
        paths = folder / temporary, folder / target
        inside = all(path.resolve().is_relative_to(folder.resolve()) for path in paths)
        if not inside or not paths[0].name.startswith(UNFINISHED):
            raise ValueError(journal)
        renames[paths[0]] = paths[1]
    return renames


def clear_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed writers left in a folder.

    Parameters
    ----------
    folder
        The folder to clear, with those below it. A pending journal must have been finished
        before. Files younger than a day are left, since another process may be writing them.
    """
    for leftover in folder.rglob(f"{UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > _SECONDS_OF_A_DAY:
                leftover.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder with all above it, or say in a sentence why not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZirconError(
            f"The folder {folder} cannot be made ({error.strerror}); choose a place that you may write to."
        ) from error


def check_can_write(path: Path) -> None:
    """Raise a `ZirconError` where `path` cannot be written, so that no long work is done in vain.

    Parameters
    ----------
    path
        The file. Missing folders above it are made.
    """
    _temporary_for(path).unlink()


def sha256_of(path: Path, progress: Progress = silent) -> str:
    """Return the SHA-256 of a file's bytes as a hexadecimal text; `progress` may raise `Cancelled`."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        n_bytes = os.fstat(stream.fileno()).st_size
        while block := stream.read(_HASHED_BYTES):
            digest.update(block)
            progress(min(stream.tell() / max(n_bytes, 1), 1.0), f"hashed {stream.tell() / 2**20:.0f} MiB")
    return digest.hexdigest()


def _temporary_for(path: Path) -> Path:
    make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=UNFINISHED, suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise ZirconError(
            f"The folder {path.parent} cannot be written to ({error.strerror}); "
            "choose another place or ask for the right to write there."
        ) from error
    os.close(handle)
    # mkstemp makes files private; what we write is meant to be shared like any other file.
    umask = os.umask(0)
    os.umask(umask)
    # mkstemp gives an absolute path even for a relative folder.
    temporary = path.parent / Path(name).name
    temporary.chmod(0o666 & ~umask)
    return temporary


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
