from pathlib import Path

import pytest

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_project
from napari_zircon_cnn.actions import Action, Delete, Reject
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.jobs.loading import load, load_each
from napari_zircon_cnn.progress import silent
from napari_zircon_cnn.project import Project

DELETE_DISK, REJECT_BOX = Delete(labels=(DISK,), reason="dust"), Reject(labels=(UPRIGHT_BOX,), reason="crack")


class Window:
    """Does steps and saves them while the sample is read: one step at the start of each reading."""

    def __init__(self, folder: Path, *steps: Action) -> None:
        self._steps = list(steps)
        self.project = Project.open(folder)

    def __call__(self, fraction: float, message: str) -> None:  # noqa: ARG002 - told of all
        """Take the next step."""
        if fraction == 0 and self._steps:
            curation = self.project.curate(self.project.load("drawn"))
            curation.perform(self._steps.pop(0))
            self.project.save(curation.segmented)


def test_samples_come_one_after_the_other(tmp_path: Path) -> None:
    project = drawn_project(tmp_path, "A", "B")
    told: list[float] = []
    found = load_each(project, ["B", "A"], lambda fraction, _: told.append(fraction))
    assert [segmented.mount.sample for segmented in found] == ["B", "A"]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)


def test_sample_that_is_saved_while_it_is_read_agrees_with_itself(tmp_path: Path) -> None:
    folder = drawn_project(tmp_path).folder
    window = Window(folder, DELETE_DISK, REJECT_BOX)

    found = load(Project.read(folder), "drawn", window)

    assert existing(found.table).tolist() == [UPRIGHT_BOX, TILTED_BOX]
    assert usable(found.table).tolist() == [TILTED_BOX]
    assert DISK not in found.labels


def test_sample_that_is_never_at_rest_is_answered_with_a_sentence(tmp_path: Path) -> None:
    folder = drawn_project(tmp_path).folder
    restless = Window(folder, *[REJECT_BOX] * 10)
    with pytest.raises(ZirconError, match="drawn is saved again and again while it is read; let it rest"):
        load(Project.read(folder), "drawn", restless)


def test_sample_that_cannot_be_read_is_answered_with_a_sentence(tmp_path: Path) -> None:
    folder = drawn_project(tmp_path).folder
    (tmp_path / "drawn.png").unlink()
    for project in (Project.read(folder), Project.open(folder)):
        with pytest.raises(ZirconError, match="The mosaic of drawn is no longer at"):
            load(project, "drawn", silent)
