import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import Transaction, atomic_path, clear_unfinished, finish_transaction


def test_file_is_replaced_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "grüße.txt"
    with atomic_path(target) as path:
        path.write_text("first")
        assert not target.exists()
    assert target.read_text() == "first"

    with pytest.raises(RuntimeError), atomic_path(target) as path:
        path.write_text("half")
        raise RuntimeError
    assert target.read_text() == "first"
    assert list(target.parent.iterdir()) == [target]


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with atomic_path(tmp_path / "ours") as path:
        path.write_text("")

    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_transaction_replaces_all_or_nothing(tmp_path: Path) -> None:
    with Transaction(tmp_path) as files:
        files.path_for(tmp_path / "a.txt").write_text("a1")
        files.path_for(tmp_path / "below" / "b.txt").write_text("b1")
    with pytest.raises(RuntimeError), Transaction(tmp_path) as files:
        files.path_for(tmp_path / "a.txt").write_text("a2")
        files.path_for(tmp_path / "below" / "new" / "newer" / "c.txt").write_text("c2")
        raise RuntimeError

    assert (tmp_path / "a.txt").read_text() == "a1"
    assert (tmp_path / "below" / "b.txt").read_text() == "b1"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "b.txt", "below"]


def test_folder_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Transaction(Path("project")) as files:
        files.path_for(Path("project") / "below" / "a.txt").write_text("a1")

    assert (tmp_path / "project" / "below" / "a.txt").read_text() == "a1"


def test_transaction_cut_off_after_its_journal_is_completed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a1")
    (tmp_path / ".unfinished-1.txt").write_text("a2")
    (tmp_path / ".zircon-commit.json").write_text(
        '{".unfinished-1.txt": "a.txt", ".unfinished-2.txt": "b.txt"}'
    )
    (tmp_path / "b.txt").write_text("b2")  # its rename was done before the kill

    finish_transaction(tmp_path)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "a2", "b.txt": "b2"}


@pytest.mark.parametrize(
    "journal",
    [
        '{"letter.txt": "a.txt"}',
        '{".unfinished-1.txt": "../outside.txt"}',
        '{".unfinished-1.txt": "below/../../outside.txt"}',
        '{"../.unfinished-1.txt": "a.txt"}',
        '{".unfinished-1.txt": 3}',
        '["letter.txt"]',
        "no json",
    ],
)
def test_journal_that_no_transaction_wrote_moves_nothing(tmp_path: Path, journal: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (tmp_path / "outside.txt", tmp_path / ".unfinished-1.txt", folder / "letter.txt"):
        path.write_text(path.name)
    (folder / "a.txt").write_text("a1")
    (folder / ".unfinished-1.txt").write_text("half")
    (folder / ".zircon-commit.json").write_text(journal)
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}

    with pytest.raises(ZirconError, match=r"zircon-commit\.json is broken or of another program; remove it"):
        finish_transaction(folder)

    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_leftovers_of_a_killed_writer_are_cleared_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / ".unfinished-old.tif", tmp_path / ".unfinished-young.tif"
    for path in (old, young):
        path.write_text("half")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(old, (two_days_ago, two_days_ago))

    clear_unfinished(tmp_path)

    assert list(tmp_path.iterdir()) == [young]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_kill_at_any_moment_leaves_a_whole_pair(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from napari_zircon_cnn.files import Transaction\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for n in range(10**6):\n"
        "    with Transaction(folder) as files:\n"
        "        files.path_for(folder / 'a').write_text(str(n) * 5000)\n"
        "        files.path_for(folder / 'b').write_text(str(n) * 5000)\n"
        "    print(n, flush=True)\n"
    )
    for delay in (0.0, 0.003, 0.007, 0.011, 0.02):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        finish_transaction(tmp_path)
        first, second = (tmp_path / "a").read_text(), (tmp_path / "b").read_text()
        assert first == second
        assert len(first) % 5000 == 0


def test_unwritable_place_is_answered_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ZirconError, match="cannot be made"), atomic_path(tmp_path / "file" / "below" / "x"):
        pass
