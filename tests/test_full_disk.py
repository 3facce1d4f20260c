"""A full disk: each command says so in a sentence, and what was there is as it was."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from district import CLASSES, District, contents_of
from napari_zircon_cnn.cli import main
from napari_zircon_cnn.networks.card import read_card
from napari_zircon_cnn.project import Project
from small_disk import SmallDisk, names_in, small_disk

NO_SPACE = "No space left on device"

Command = Callable[..., str]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Return a small disk."""
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command and returns what it says where it fails."""

    def run(*words: object) -> str:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr().err
        assert (ended.value.code or 0) == (2 if "Error: " in said else 0)
        assert "Traceback" not in said
        return said

    return run


@pytest.mark.parametrize("room_kib", [0, 8, 24])
def test_segment(district: District, disk: SmallDisk, command: Command, room_kib: int) -> None:
    project = disk.folder / "project"
    first, second = district.mosaics[:2]
    assert not command("segment", first, "-o", project, "--pixel-size", "2")
    before = contents_of(project)
    disk.fill(but_kib=room_kib)
    assert NO_SPACE in command("segment", second, "-o", project, "--pixel-size", "2")
    assert contents_of(project) == before
    disk.make_room()
    assert not command("segment", second, "-o", project, "--pixel-size", "2")
    assert len(Project.read(project).samples) == 2


@pytest.mark.parametrize("name", ["export", "report"])
def test_what_is_taken_away(trained: District, disk: SmallDisk, command: Command, name: str) -> None:
    disk.fill(but_kib=16)
    words = (name, trained.project, "-o", disk.folder / "taken away")
    assert NO_SPACE in command(*words)
    assert not names_in(disk.folder)
    disk.make_room()
    assert not command(*words)


def test_trained_model(district: District, disk: SmallDisk, command: Command) -> None:
    model = disk.folder / "trained.keras"
    words = ("train", district.project, "--classes", district.classes, "--epochs", "1", "-o", model)
    disk.fill(but_kib=32)
    said = command(*words)
    assert NO_SPACE in said
    assert "ake room or choose another place" in said
    assert not names_in(disk.folder)
    disk.make_room()
    assert "Error" not in command(*words)
    assert read_card(model).classes == CLASSES
