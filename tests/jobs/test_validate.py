from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from district import District, Recorder, contents_of, write_classes
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.validate import Validated, validate_project
from napari_zircon_cnn.progress import Cancelled

QUICK: dict[str, Any] = {"repeats": 2, "n_folds": 2, "training": {"epochs": 1}}


def validated(district: District, **options: Any) -> Validated:
    return validate_project(district.project, district.classes, district.folder / "out", **QUICK | options)


def test_figures_over_grains_stand_beside_those_over_samples(district: District) -> None:
    recorder, before = Recorder(), contents_of(district.project)
    found = validated(district, progress=recorder)

    table = found.table.set_index(["by", "over"])
    assert list(table.index) == [
        (by, over) for by in ("majority class", "shapes alone", "lenet5") for over in ("grains", "samples")
    ]
    assert (table["n_grains"] == table["n_grains"].iloc[0]).all()
    assert table["folds"].tolist() == [2, 4] * 3
    assert (table["repeats"] == 2).all()
    assert table.loc[("majority class", "samples"), "roc_auc"] == 0.5
    # A network that has learnt nothing in its one epoch is not lent the class of what was held out.
    assert 0.1 < table["roc_auc"]["lenet5", "samples"] < 0.9
    assert table["roc_auc_between_seeds"].notna().all()
    low, high = (table[f"roc_auc_{end}"] for end in ("low", "high"))
    assert ((low <= high) & (high <= 1)).all()
    assert found.note == ""
    folds = pd.read_csv(district.folder / "out" / "folds.csv")
    assert len(folds) == 3 * 2 * (2 + 4)
    assert set(folds.loc[folds["over"] == "samples", "held_out"]) == {"BAT-1", "BAT-2", "POR-1", "POR-2"}
    pd.testing.assert_frame_equal(pd.read_csv(district.folder / "out" / "validation.csv"), found.table)
    points = pd.read_csv(district.folder / "out" / "reliability.csv")
    assert set(points["by"]) == {"lenet5"}
    n_of = points.groupby(["over", "scaled"])["n"].sum()
    assert (n_of == table["n_grains"].iloc[0]).all()
    assert len(n_of) == 4
    for name in ("validation", "reliability"):
        assert {path.suffix for path in (district.folder / "out").glob(f"{name}.*")} == {
            ".csv",
            ".png",
            ".svg",
        }
    assert contents_of(district.project) == before
    recorder.assert_complete()


def test_cancelled_run_goes_on_to_the_same_numbers(district: District, tmp_path: Path) -> None:
    whole = validated(district, repeats=1)
    again = District(district.copy_to(tmp_path / "again").folder)
    for path in (again.folder / "out" / "answers").iterdir():
        path.unlink()
    stopped = Recorder(Cancelled, 0.5)
    with pytest.raises(Cancelled):
        validated(again, repeats=1, progress=stopped)
    n_kept = len(list((again.folder / "out" / "answers").iterdir()))
    assert 0 < n_kept < 2 + 4
    messages = Recorder()
    pd.testing.assert_frame_equal(validated(again, repeats=1, progress=messages).table, whole.table)
    # What is kept is not trained again.
    assert sum("epoch 1 of 1" in message for message in messages.messages) == 2 + 4 - n_kept


def test_a_class_s_only_sample_is_named(district: District) -> None:
    write_classes(district.classes, {"BAT-1": "bat", "BAT-2": "", "POR-1": "por", "POR-2": "por"})
    found = validated(district, repeats=1)
    assert found.note.startswith("BAT-1 cannot be held out, since the class has no other sample")
    assert found.table["roc_auc_between_seeds"].isna().all()


def test_where_no_sample_can_be_held_out_the_figures_over_grains_are_told_alone(district: District) -> None:
    write_classes(district.classes, {"BAT-1": "bat", "BAT-2": "", "POR-1": "por", "POR-2": ""})
    found = validated(district, repeats=1)
    assert set(found.table["over"]) == {"grains"}
    assert "each is the only one of its class" in found.note


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"repeats": 0}, "repeats and of folds must be 1 or more"),
        ({"n_folds": 10_000}, "too few for 10000 folds; ask for"),
        ({"networks": ["alexander"]}, "There is no network named 'alexander'"),
        ({"crop": {"box": 3}}, "There is no setting 'box'"),
    ],
)
def test_impossible_validation_is_answered(district: District, options: dict[str, Any], answer: str) -> None:
    before = district.contents()
    with pytest.raises(ZirconError, match=answer):
        validated(district, **options)
    assert district.contents() == before
