import errno
import shutil
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pandas as pd
import pytest

from curating import assert_same, state_of
from drawn import drawn_project
from napari_zircon_cnn import project
from napari_zircon_cnn.actions import Merge, Reject
from napari_zircon_cnn.autosave import Autosave
from napari_zircon_cnn.class_file import read_classes
from napari_zircon_cnn.curation import Curation
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_choices import save_classes


def test_steps_before_and_after_a_save_are_on_disk(tmp_path: Path) -> None:
    drawn_project(tmp_path)
    project = Project.open(tmp_path / "project")
    autosave = Autosave(project, pytest.fail)
    curation = autosave.curate(project.load("drawn"))
    curation.perform(Merge(labels=(1, 2)))
    saved = autosave.save(curation)
    curation.undo()
    curation.perform(Reject(labels=(3,), reason="fragment"))
    saved.result()
    autosave.close()

    assert len(project.ledger("drawn")) == 3
    assert project.record.samples["drawn"].n_curated == 1
    reloaded = Project.open(tmp_path / "project").load("drawn")
    assert_same(state_of(curation.segmented), state_of(reloaded))


def test_first_step_waits_for_no_library(tmp_path: Path) -> None:
    drawn_project(tmp_path)
    code = """
import sys
from napari_zircon_cnn.autosave import Autosave
from napari_zircon_cnn.project import Project

project = Project.open(sys.argv[1])
segmented = project.load("drawn")
slow = {"scipy.ndimage", "skimage.measure._regionprops_utils"}
assert not slow & set(sys.modules)
autosave = Autosave(project, print)
autosave.curate(segmented)
autosave.close()
assert slow <= set(sys.modules)
assert "facts" in vars(segmented)
"""
    subprocess.run([sys.executable, "-c", code, tmp_path / "project"], check=True)


def test_step_that_found_no_place_is_said_and_written_with_the_next(tmp_path: Path) -> None:
    drawn_project(tmp_path)
    project = Project.open(tmp_path / "project")
    said: list[str] = []
    autosave = Autosave(project, said.append)
    curation = autosave.curate(project.load("drawn"))
    folder = project.folder / "samples" / "drawn"
    folder.rename(tmp_path / "away")
    curation.perform(Merge(labels=(1, 2)))
    autosave.do(shutil.move, tmp_path / "away", folder).result()
    curation.perform(Reject(labels=(3,), reason="fragment"))
    autosave.close()

    assert said == [
        f"1 steps on drawn could not be written to {project.folder} (No such file or directory); "
        "make room there, the next step takes them along."
    ]
    assert len(project.ledger("drawn")) == 2


def test_what_nobody_waits_for_is_told_where_it_finds_no_place(tmp_path: Path) -> None:
    said: list[str] = []
    folder = drawn_project(tmp_path).folder
    autosave = Autosave(Project.open(folder), said.append)
    folder.rename(tmp_path / "away")
    # A file in the way stands for a place that nothing can be written to.
    folder.write_text("in the way", encoding="utf-8")
    autosave.keep("The classes", save_classes, {"drawn": "skarn"}).result()
    (sentence,) = said
    assert str(folder) in sentence
    folder.unlink()
    (tmp_path / "away").rename(folder)
    autosave.keep("The classes", save_classes, {"drawn": "skarn"}).result()
    autosave.close()
    assert said == [sentence]
    assert read_classes(folder / "classes.csv") == {"drawn": "skarn"}


def classify(autosave: Autosave, curation: Curation, probability: float) -> "Future[None]":
    """Give each grain a probability and begin to write the table alone."""
    table = curation.segmented.table.copy()
    table.loc[usable(table), "probability"] = probability
    curation.classified(table, ())
    tables = {"drawn": curation.segmented.table}
    return autosave.keep_tables("The answer", Project.save_classification, tables, pd.DataFrame(), {})


def test_tables_written_by_themselves_are_saved_unless_they_find_no_place(tmp_path: Path) -> None:
    said: list[str] = []
    folder = drawn_project(tmp_path).folder
    autosave = Autosave(Project.open(folder), said.append)
    curation = autosave.curate(autosave.project.load("drawn"))
    labels = (folder / "samples" / "drawn" / "labels.tif").stat().st_mtime_ns
    classify(autosave, curation, 0.25).result()
    assert autosave.is_saved(curation)
    assert Project.read(folder).table("drawn")["probability"].dropna().unique().tolist() == [0.25]
    assert (folder / "samples" / "drawn" / "labels.tif").stat().st_mtime_ns == labels

    folder.rename(tmp_path / "away")
    folder.write_text("in the way", encoding="utf-8")
    classify(autosave, curation, 0.75).result()
    assert len(said) == 1
    assert not autosave.is_saved(curation)
    autosave.close()


def test_steps_around_tables_written_by_themselves_outlast_a_kill(tmp_path: Path) -> None:
    folder = drawn_project(tmp_path).folder
    autosave = Autosave(Project.open(folder), pytest.fail)
    curation = autosave.curate(autosave.project.load("drawn"))
    curation.perform(Merge(labels=(1, 2)))
    autosave.save(curation)
    classify(autosave, curation, 0.25)
    curation.perform(Reject(labels=(3,), reason="fragment"))
    for step in (curation.undo, curation.undo, curation.redo):
        step()
        autosave.do(lambda: None).result()
        assert_same(state_of(curation.segmented), state_of(Project.read(folder).load("drawn")))
    autosave.close()


def test_tables_do_not_overtake_a_label_image_that_found_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    folder = drawn_project(tmp_path).folder
    autosave = Autosave(Project.open(folder), said.append)
    curation = autosave.curate(autosave.project.load("drawn"))
    curation.perform(Merge(labels=(1, 2)))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(project, "write_labels", refuse)
        with pytest.raises(ZirconError, match="make room"):
            autosave.save(curation).result()
        classify(autosave, curation, 0.25).result()
    # A kill would now leave a ledger whose step still fits.
    on_disk = Project.read(folder).load("drawn")
    assert state_of(on_disk)[0] == state_of(curation.segmented)[0]
    assert "The answer" in said[-1]
    assert not autosave.is_saved(curation)

    autosave.save(curation).result()
    classify(autosave, curation, 0.75).result()
    assert autosave.is_saved(curation)
    assert_same(state_of(curation.segmented), state_of(Project.read(folder).load("drawn")))
    assert len(said) == 2
    autosave.close()
