"""A project that goes on in another folder."""

import shutil
from pathlib import Path

import pytest

from curating import assert_same, state_of
from drawn import drawn_mount, drawn_project
from napari_zircon_cnn.actions import Merge, Reject
from napari_zircon_cnn.autosave import Autosave
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.find_grains import find_grains
from napari_zircon_cnn.mosaic_files import write_mosaic
from napari_zircon_cnn.progress import Cancelled, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_copy import copy_project


def test_copy_needs_nothing_of_the_old_folder_and_finds_mosaics_beside_it(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    inside = write_mosaic(drawn_mount().mount, project.mosaic_folder)
    segmented = find_grains(inside, "nathwani2023", {})
    project.add(
        segmented.__class__(inside, segmented.labels, segmented.table), "nathwani2023", {}, overwrite=True
    )
    before = project.load("drawn")
    new = tmp_path / "far" / "away" / "project"
    copy_project(project, new)
    shutil.rmtree(project.folder)
    assert_same(state_of(Project.open(new).load("drawn")), state_of(before))
    assert Project.open(new).mosaic_path("drawn").is_relative_to(new)


def test_work_goes_on_in_the_copy_with_its_history(tmp_path: Path) -> None:
    drawn_project(tmp_path)
    autosave = Autosave(Project.open(tmp_path / "project"), pytest.fail)
    curation = autosave.curate(autosave.project.load("drawn"))
    curation.perform(Merge(labels=(1, 2)))
    autosave.copy_to(tmp_path / "copy", silent)
    curation.perform(Reject(labels=(3,), reason="fragment"))
    curation.undo()
    curation.undo()
    curation.redo()
    autosave.save(curation)
    autosave.close()

    assert len(Project.open(tmp_path / "project").ledger("drawn")) == 1
    assert len(Project.open(tmp_path / "copy").ledger("drawn")) == 5
    assert_same(state_of(Project.open(tmp_path / "copy").load("drawn")), state_of(curation.segmented))


def test_full_folder_and_the_project_itself_are_refused(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    with pytest.raises(ZirconError, match="holds something already"):
        copy_project(project, tmp_path)
    with pytest.raises(ZirconError, match="lies in the project itself"):
        copy_project(project, project.folder / "copy")


def test_cancelled_copy_leaves_nothing(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)

    def stop(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        copy_project(project, tmp_path / "copy", stop)
    assert list((tmp_path / "copy").iterdir()) == []
