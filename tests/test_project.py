import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from curating import assert_same, do, state_of, steps
from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount, drawn_project
from napari_zircon_cnn.actions import Accept, Delete, Merge, Redraw, Reject, Split
from napari_zircon_cnn.curation import Curation
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import sha256_of
from napari_zircon_cnn.grains import SegmentedMount, existing, with_probabilities
from napari_zircon_cnn.mount import read_mount
from napari_zircon_cnn.project import Project

ACROSS_THE_DISK = ((120.0, 40.0), (120.0, 200.0))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def verdicts_for(*samples: str) -> pd.DataFrame:
    columns = ["sample", "n_grains", "target_class", "mean_probability", "low", "high", "share_above_half"]
    rows = [[sample, 3, "NA", 0.1 + 0.2, np.nan, np.nan, 1 / 3] for sample in samples]
    return pd.DataFrame(rows, columns=columns).assign(verdict="None")


def reopened(project: Project) -> Project:
    return Project.open(project.folder)


def test_project_folder_is_laid_out_as_promised(tmp_path: Path) -> None:
    project = drawn_project(tmp_path, "QVC 028", "Größe")

    assert sorted(bytes_of(project.folder)) == [
        "project.json",
        *(f"samples/{name}/{file}" for name in ("Größe", "QVC 028") for file in SAMPLE_FILES),
    ]
    content = json.loads((project.folder / "project.json").read_text(encoding="utf-8"))
    assert content["format_version"] == 1
    assert content["samples"]["QVC 028"]["pixel_size_um"] == 2.0
    assert content["samples"]["QVC 028"]["sha256"] == sha256_of(tmp_path / "QVC 028.png")
    assert reopened(project).samples == ["Größe", "QVC 028"]
    assert reopened(project).chosen() == ["Größe", "QVC 028"]
    assert reopened(project).chosen(["QVC 028", "QVC 028"]) == ["QVC 028"]


SAMPLE_FILES = ("curation.jsonl", "grains.csv", "labels.tif")


def test_fresh_sample_comes_back(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    loaded = reopened(project).load("drawn")
    assert_same(state_of(loaded), state_of(drawn_mount()))
    np.testing.assert_array_equal(loaded.mount.image, drawn_mount().mount.image)
    assert loaded.mount.pixel_size_um == 2.0


@settings(max_examples=20, deadline=None)
@given(steps)
def test_saved_curation_comes_back_and_its_ledger_leads_there(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[Any]
) -> None:
    project = drawn_project(tmp_path_factory.mktemp("any steps"))
    curation = project.curate(project.load("drawn"))
    for step in chosen:
        do(curation, step)
    project.save(curation.segmented)

    loaded = reopened(project).load("drawn")
    assert_same(state_of(loaded), state_of(curation.segmented))
    replayed = Curation(drawn_mount())
    replayed.replay(project.ledger("drawn"))
    assert_same(state_of(replayed.segmented), state_of(loaded))


@settings(max_examples=20, deadline=None)
@given(steps, steps)
def test_curation_killed_before_it_was_saved_comes_back_complete(
    tmp_path_factory: pytest.TempPathFactory, saved: list[Any], unsaved: list[Any]
) -> None:
    project = drawn_project(tmp_path_factory.mktemp("killed"))
    curation = project.curate(project.load("drawn"))
    for step in saved:
        do(curation, step)
    project.save(curation.segmented)
    curation = project.curate(reopened(project).load("drawn"))
    for step in unsaved:
        do(curation, step)

    for _ in range(2):
        assert_same(state_of(reopened(project).load("drawn")), state_of(curation.segmented))


def test_classification_after_a_kill_keeps_the_recovered_curation(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    curation = project.curate(project.load("drawn"))
    curation.perform(Merge(labels=(DISK, UPRIGHT_BOX)))
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))

    project = reopened(project)
    loaded = project.load("drawn")
    labels = existing(loaded.table)
    probabilities = np.full((len(labels), 2), 0.5, np.float32)
    classified = with_probabilities(loaded.table, labels, probabilities, ("a", "b"), "b")
    project.save_classification({"drawn": classified}, verdicts_for("drawn"), {"any": "card"})

    again = reopened(project).load("drawn")
    assert_same(state_of(again), (loaded.labels.tobytes(), classified))


def test_line_that_a_kill_cut_off_is_not_glued_to_the_next(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    ledger = project.folder / "samples" / "drawn" / "curation.jsonl"
    project.curate(project.load("drawn")).perform(Reject(labels=(DISK,), reason="crack"))
    with ledger.open("a") as stream:
        stream.write('{"time": "2026-')

    project = reopened(project)
    curation = project.curate(project.load("drawn"))
    curation.perform(Accept(labels=(TILTED_BOX,)))
    with ledger.open("a") as stream:
        stream.write('{"time": "2026-')
    curation = project.curate(curation.segmented)
    curation.perform(Accept(labels=(UPRIGHT_BOX,)))

    table = reopened(project).load("drawn").table
    assert table["status"].tolist() == ["", "rejected", "accepted", "accepted"]
    assert len(project.ledger("drawn")) == 3


def test_label_of_a_deleted_grain_is_not_given_again_after_loading(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    curation = project.curate(project.load("drawn"))
    curation.perform(Delete(labels=(TILTED_BOX,), reason="dust"))
    project.save(curation.segmented)

    curation = project.curate(reopened(project).load("drawn"))
    assert len(curation.segmented.table) == 4
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))
    assert list(existing(curation.segmented.table)) == [DISK, UPRIGHT_BOX, 4]


def test_curated_sample_is_segmented_anew_only_on_demand(tmp_path: Path) -> None:
    project = drawn_project(tmp_path, "drawn", "NA")
    curation = project.curate(project.load("drawn"))
    curation.perform(Reject(labels=(DISK,), reason="crack"))
    project.save(curation.segmented)
    project.save_classification({}, verdicts_for("NA", "drawn"), {})
    ledger = (project.folder / "samples" / "drawn" / "curation.jsonl").read_text()
    before = bytes_of(project.folder)
    fresh = SegmentedMount(project.load("drawn").mount, drawn_mount().labels, drawn_mount().table)

    with pytest.raises(ZirconError, match=r"drawn has been curated \(1 actions\); give --overwrite"):
        project.add(fresh, "drawn", {})
    assert bytes_of(project.folder) == before

    project.add(fresh, "drawn", {}, overwrite=True)
    project = reopened(project)
    aside = project.folder / "samples" / "drawn" / "curation-1.jsonl"
    assert aside.read_text() == ledger
    assert project.ledger("drawn") == []
    assert_same(state_of(project.load("drawn")), state_of(drawn_mount()))
    verdicts = project.verdicts()
    assert verdicts is not None
    pd.testing.assert_frame_equal(verdicts, verdicts_for("NA"))

    curation = project.curate(project.load("drawn"))
    curation.perform(Accept(labels=(DISK,)))
    project.add(fresh, "drawn", {}, overwrite=True)
    assert aside.read_text() == ledger
    assert "accept" in aside.with_name("curation-2.jsonl").read_text()


def test_another_mosaic_of_the_same_sample_is_refused(tmp_path: Path) -> None:
    project = drawn_project(tmp_path / "one")
    other = drawn_project(tmp_path / "other").load("drawn")
    with pytest.raises(ZirconError, match=r"already holds a sample drawn, from .*one"):
        project.add(other, "drawn", {})
    project.add(other, "drawn", {}, overwrite=True)
    assert project.mosaic_path("drawn") == tmp_path / "other" / "drawn.png"
    with pytest.raises(ZirconError, match="was not read from a file; save its mosaic first"):
        project.add(SegmentedMount(drawn_mount().mount, other.labels, other.table), "drawn", {})


def test_project_moves_with_the_mosaics_inside_it(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    inside = project.folder / "mosaics" / "drawn.png"
    inside.parent.mkdir()
    (tmp_path / "drawn.png").rename(inside)
    moved = drawn_mount()
    project.add(SegmentedMount(read_mount(inside), moved.labels, moved.table), "d", {}, overwrite=True)
    project.folder.rename(tmp_path / "elsewhere")

    assert_same(state_of(Project.open(tmp_path / "elsewhere").load("drawn")), state_of(drawn_mount()))


def test_verdicts_come_back(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    assert project.verdicts() is None
    wanted = verdicts_for("drawn", "NA", "007", 'with "quotes", comma')
    project.save(project.load("drawn"), verdicts=wanted)
    verdicts = reopened(project).verdicts()
    assert verdicts is not None
    pd.testing.assert_frame_equal(verdicts, wanted, check_exact=True)


def test_evaluation_comes_back_as_plain_json(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    project.save_evaluation({"overall": {"accuracy": 0.9, "roc_auc": float("nan")}})

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((project.folder / "project.json").read_text(), parse_constant=refuse)
    assert reopened(project).record.evaluation == {"overall": {"accuracy": 0.9, "roc_auc": None}}


SAMPLE_ABOVE = (
    '{"format_version": 1, "samples": {"../../up": {"mosaic": "a.png", "sha256": "", "pixel_size_um": 2, '
    '"method": "m", "parameters": {}, "n_labels": 0}}}'
)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (None, "is no project folder .*make one with `zircon-cnn segment`"),
        ("", "is broken"),
        ("[]", "is broken"),
        ('{"name": "of another program"}', "is broken"),
        ('{"format_version": 1, "samples": {"a": {"mosaic": 3}}}', "is broken"),
        (SAMPLE_ABOVE, r"sample name '\.\./\.\./up' cannot name a folder"),
        ('{"format_version": 2}', r"newer version \(format 2, this one reads up to 1\); update"),
        ('{"format_version": 9, "samples": ["laid out otherwise"]}', r"newer version \(format 9"),
    ],
)
def test_what_is_no_project_is_answered_with_a_sentence_and_left_alone(
    tmp_path: Path, content: str | None, answer: str
) -> None:
    if content is not None:
        (tmp_path / "project.json").write_text(content)
    (tmp_path / "letter.txt").write_text("dear")
    before = bytes_of(tmp_path)
    with pytest.raises(ZirconError, match=answer):
        Project.open(tmp_path)
    if content is not None:
        with pytest.raises(ZirconError, match=answer):
            Project.create(tmp_path)
    assert bytes_of(tmp_path) == before


def test_mosaic_that_is_gone_or_changed_is_answered_with_a_sentence(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    mosaic = tmp_path / "drawn.png"
    whole = mosaic.read_bytes()

    mosaic.write_bytes(whole + b"x")
    with pytest.raises(ZirconError, match=r"The mosaic of drawn .*drawn\.png\) has changed since"):
        project.load("drawn")
    mosaic.unlink()
    with pytest.raises(ZirconError, match=r"The mosaic of drawn is no longer at .*drawn\.png; put it back"):
        project.load("drawn")
    mosaic.mkdir()
    with pytest.raises(ZirconError, match="is no longer at"):
        project.load("drawn")
    mosaic.rmdir()
    mosaic.write_bytes(whole)
    assert_same(state_of(project.load("drawn")), state_of(drawn_mount()))


def test_broken_files_of_a_sample_are_answered_with_a_sentence(tmp_path: Path) -> None:
    project = drawn_project(tmp_path, "a", "b")
    folder = project.folder / "samples"
    (folder / "a" / "labels.tif").write_bytes(b"")
    with pytest.raises(ZirconError, match=r"label image .*labels\.tif cannot be read"):
        project.load("a")
    (folder / "b" / "grains.csv").unlink()
    with pytest.raises(ZirconError, match=r"grain table .*grains\.csv cannot be read"):
        project.load("b")
    with pytest.raises(ZirconError, match=r"has no sample c; it has a, b"):
        project.load("c")


def test_folder_that_cannot_be_made_is_answered_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ZirconError, match="cannot be made"):
        Project.create(tmp_path / "file")
    with pytest.raises(ZirconError, match="cannot be made"):
        Project.create(tmp_path / "file" / "project")


def test_undo_after_a_save_outlasts_a_kill(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    segmented = project.load("drawn")
    curation = project.curate(segmented)
    curation.perform(Merge(labels=(1, 2)))
    curation.perform(Reject(labels=(3,), reason="fragment"))
    project.save(segmented)
    curation.checkpoint()
    curation.undo()
    curation.undo()
    curation.redo()

    # A kill here: nothing was saved since.
    reloaded = Project.open(tmp_path / "project").load("drawn")
    assert_same(state_of(segmented), state_of(reloaded))


def test_project_that_is_only_read_is_left_as_it_is(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    segmented = project.load("drawn")
    project.curate(segmented).perform(Merge(labels=(1, 2)))
    before = {path: path.read_bytes() for path in (tmp_path / "project").rglob("*") if path.is_file()}

    read = Project.read(tmp_path / "project").load("drawn")

    assert_same(state_of(segmented), state_of(read))
    assert before == {path: path.read_bytes() for path in (tmp_path / "project").rglob("*") if path.is_file()}


def test_label_that_an_undo_took_back_is_given_again_also_after_a_kill(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    segmented = project.load("drawn")
    curation = project.curate(segmented)
    curation.perform(Split(label=1, line_um=ACROSS_THE_DISK))
    project.save(segmented)
    curation.checkpoint()
    curation.undo()
    project.save(segmented)
    curation.checkpoint()
    curation.perform(Redraw(runs_px=((150, 20, 60, 4),)))

    # A kill here: nothing was saved since.
    reloaded = Project.open(tmp_path / "project").load("drawn")
    assert_same(state_of(segmented), state_of(reloaded))
