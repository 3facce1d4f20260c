import re
from pathlib import Path

import pytest

from district import SAMPLES, District, Recorder, train_on
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.classify import classify_project
from napari_zircon_cnn.jobs.report import report_project
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_record import ProjectRecord


def test_page_names_all_samples_and_their_verdicts(trained: District) -> None:
    verdicts = classify_project(trained.project, trained.model)
    recorder = Recorder()
    page = report_project(trained.project, trained.folder / "the report", recorder)

    assert page == trained.folder / "the report" / "index.html"
    text = re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8"))
    assert "the project" in text
    for sample in SAMPLES:
        assert sample in text
    for name in set(verdicts["verdict"]):
        assert name in text
    recorder.assert_complete()


def test_project_without_a_network_is_reported_too(district: District) -> None:
    page = report_project(district.project, district.folder / "report")
    assert all(sample in page.read_text(encoding="utf-8") for sample in SAMPLES)


def test_cancelled_report_leaves_the_old_page(district: District) -> None:
    page = district.folder / "report" / "index.html"
    page.parent.mkdir()
    page.write_text("the old page")
    before = district.contents()
    for after in (0.0, 0.5):
        with pytest.raises(Cancelled):
            report_project(district.project, page.parent, Recorder(Cancelled, after))
    assert district.contents() == before


def test_what_cannot_be_reported_is_answered_with_a_sentence(district: District, tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match="is no project folder"):
        report_project(tmp_path / "nowhere", tmp_path / "report")
    (tmp_path / "project.json").write_text(ProjectRecord().model_dump_json())
    with pytest.raises(ZirconError, match="holds no sample yet; add some with `zircon-cnn segment`"):
        report_project(tmp_path, tmp_path / "report")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ZirconError, match="cannot be made"):
        report_project(district.project, tmp_path / "file")
    assert Project.open(district.project).samples == list(SAMPLES)


def test_networks_trained_for_the_folds_are_scored_in_the_report(district: District) -> None:
    train_on(district, validation="leave-one-sample-out")
    classify_project(district.project, district.model)
    page = report_project(district.project, district.folder / "report").read_text(encoding="utf-8")
    assert all(f"validated on {sample}" in page for sample in SAMPLES)
