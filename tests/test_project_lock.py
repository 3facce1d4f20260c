"""One writer at a time: two windows, a window and a command, and what a kill leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drawn import drawn_project
from napari_zircon_cnn.curation import Entry
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.curate import curate_sample
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_lock import ProjectLock, is_being_written

HOLD = """
import sys, time
from pathlib import Path
from napari_zircon_cnn.project_lock import ProjectLock
lock = ProjectLock(Path(sys.argv[1]), "window")
print("held", flush=True)
time.sleep(60)
"""


def test_second_window_reads_who_has_the_project(tmp_path: Path) -> None:
    with ProjectLock(tmp_path, "window"), pytest.raises(ZirconError) as raised:
        ProjectLock(tmp_path, "window")
    assert str(raised.value) == (
        f"{tmp_path} is open in another napari window (process {os.getpid()}); close it there first."
    )
    assert not is_being_written(tmp_path)
    ProjectLock(tmp_path, "window").release()


def test_command_waits_for_no_window_and_readers_need_not_ask(tmp_path: Path) -> None:
    folder = drawn_project(tmp_path).folder
    line = Entry.from_line('{"time": "", "action": "reject", "labels": [1], "reason": "fragment"}')
    with ProjectLock(folder, "window"):
        with pytest.raises(ZirconError, match="is open in another napari window"):
            curate_sample(folder, "drawn", [line])
        assert Project.read(folder).load("drawn").table.at[1, "status"] != "rejected"
    assert curate_sample(folder, "drawn", [line])["rejected"] == 1
    with ProjectLock(folder, "command"), pytest.raises(ZirconError, match="written to by a command"):
        ProjectLock(folder, "window")


def test_kill_gives_the_project_free(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        assert is_being_written(tmp_path)
        with pytest.raises(ZirconError, match=rf"process {holder.pid}\)"):
            ProjectLock(tmp_path, "window")
    finally:
        holder.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        holder.wait()
        holder.stdout.close()
    assert not is_being_written(tmp_path)
    ProjectLock(tmp_path, "window").release()


def test_job_on_a_folder_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match="is no project folder"):
        curate_sample(tmp_path / "nowhere", "drawn", [])
    assert not (tmp_path / "nowhere").exists()
