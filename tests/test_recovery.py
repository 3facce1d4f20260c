"""Notes of open projects: kept over a kill, gone after a clean close."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drawn import drawn_project
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.recovery import OpenProject, left_work

KILLED = """
import os, signal, sys
from pathlib import Path
import platformdirs
platformdirs.user_state_path = lambda name: Path(sys.argv[2]) / name
from napari_zircon_cnn.recovery import OpenProject
opened = OpenProject(Path(sys.argv[1]))
opened.note(["drawn"])
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_state_path", lambda name: tmp_path / "state" / name)
    return tmp_path / "state"


def kill_a_window_on(folder: Path, state: Path) -> None:
    """Let a process open a project and be killed, its notes in the same place as ours."""
    subprocess.run([sys.executable, "-c", KILLED, str(folder), str(state)], check=False)


def test_project_of_a_killed_window_is_offered_with_what_was_on_the_screen(
    tmp_path: Path, state_folder: Path
) -> None:
    folder = drawn_project(tmp_path).folder
    assert left_work() == []
    kill_a_window_on(folder, state_folder)
    (left,) = left_work()
    assert (left.folder, left.samples) == (folder.resolve(), ("drawn",))
    assert left.time.timestamp() == pytest.approx((folder / "project.json").stat().st_mtime, abs=1)

    # Who opens it, by whichever way, has taken the work up; a clean close leaves nothing to offer.
    opened = OpenProject(folder)
    assert left_work() == []
    opened.close()
    assert left_work() == []


def test_open_projects_are_not_offered_and_belong_to_one_window(tmp_path: Path) -> None:
    folder = drawn_project(tmp_path).folder
    opened = OpenProject(folder)
    assert left_work() == []
    with pytest.raises(ZirconError, match="open in another napari window"):
        OpenProject(folder)
    opened.close()


def test_project_that_is_gone_or_a_broken_note_is_passed_over(tmp_path: Path, state_folder: Path) -> None:
    folder = drawn_project(tmp_path).folder
    kill_a_window_on(folder, state_folder)
    (note,) = (state_folder / "napari-zircon-cnn" / "open").iterdir()
    note.with_name("broken.json").write_text("{")
    shutil.move(folder, tmp_path / "away")
    assert left_work() == []
    shutil.move(tmp_path / "away", folder)
    assert [left.folder for left in left_work()] == [folder.resolve()]
