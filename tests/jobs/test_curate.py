import json

import pandas as pd
import pytest

from district import District, Recorder
from napari_zircon_cnn.curation import Entry
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.classify import classify_project
from napari_zircon_cnn.jobs.curate import curate_sample
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project


def entries(*steps: dict[str, object]) -> list[Entry]:
    return [Entry.from_line(json.dumps(step)) for step in steps]


def test_actions_are_done_and_written_to_the_ledger(district: District) -> None:
    recorder = Recorder()
    n_grains = Project.open(district.project).table("BAT-1")["area_um2"].notna().sum()
    steps = entries(
        {"action": "reject", "labels": [1, 2], "reason": 'broken, "cut"\n'},
        {"action": "delete", "labels": [3], "reason": "dust"},
        {"action": "undo"},
        {"action": "set_class", "labels": [4], "class": "porphyry"},
    )

    found = curate_sample(district.project, "BAT-1", steps, recorder)

    assert found == {"grains": n_grains, "rejected": 2}
    project = Project.open(district.project)
    table = project.load("BAT-1").table
    assert table["reason"].tolist()[1:3] == ['broken, "cut"\n'] * 2
    assert table.at[4, "class"] == "porphyry"
    assert [entry.step for entry in project.ledger("BAT-1")] == [entry.step for entry in steps]
    recorder.assert_complete()


def test_one_action_that_does_not_fit_leaves_all_undone(district: District) -> None:
    before = district.contents()
    steps = entries(
        {"action": "reject", "labels": [1], "reason": "crack"}, {"action": "accept", "labels": [999]}
    )
    with pytest.raises(ZirconError, match="BAT-1 has no grain 999"):
        curate_sample(district.project, "BAT-1", steps)
    with pytest.raises(ZirconError, match="There is nothing to undo"):
        curate_sample(district.project, "BAT-1", entries({"action": "undo"}))
    with pytest.raises(ZirconError, match="has no sample QVC028"):
        curate_sample(district.project, "QVC028", steps[:1])
    with pytest.raises(Cancelled):
        curate_sample(district.project, "BAT-1", steps[:1], Recorder(Cancelled, 0.5))
    assert district.contents() == before


def test_verdict_follows_the_curation(trained: District) -> None:
    former = classify_project(trained.project, trained.model).set_index("sample")
    curate_sample(
        trained.project, "BAT-1", entries({"action": "reject", "labels": [1, 2], "reason": "crack"})
    )

    project = Project.open(trained.project)
    verdicts = project.verdicts()
    assert verdicts is not None
    verdicts = verdicts.set_index("sample")
    assert (former["n_grains"] - verdicts["n_grains"]).tolist() == [2, 0, 0, 0]
    mean = project.table("BAT-1")["probability_porphyry"].iloc[3:].mean()
    assert verdicts.at["BAT-1", "mean_probability"] == pytest.approx(mean)
    pd.testing.assert_frame_equal(verdicts.iloc[1:], former.iloc[1:], check_dtype=False)
