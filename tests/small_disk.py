"""A small file system of its own that a test can fill."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_KIB = 8192
_BLOCK = 4096


class SmallDisk:
    """A mounted file system.

    Parameters
    ----------
    folder
        Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names = (folder / f"ballast {n}" for n in itertools.count())

    def fill(self, but_kib: int = 0) -> None:
        """Leave room for so many more KiB only, by default for no new block."""
        with next(self._names).open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(_BLOCK))
            except OSError:
                ballast.truncate(ballast.tell() - 1024 * but_kib)

    def make_room(self) -> None:
        """Take away what fills it."""
        for ballast in self.folder.glob("ballast *"):
            ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a small file system on a new folder; the test is skipped where that may not be done."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no command that mounts a small file system to be filled")
    if done.returncode != 0:
        pytest.skip(f"a small file system to be filled cannot be mounted here ({done.stderr.strip()})")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily, since a window that has not closed yet may hold a lock there.
        subprocess.run(["umount", "--lazy", folder], check=True)


def names_in(folder: Path) -> set[str]:
    """Return the files under a folder, without what fills the disk."""
    return {
        os.path.relpath(path, folder)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("ballast")
    }
