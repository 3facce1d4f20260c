import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from curating import assert_same, do, state_of, steps
from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.actions import (
    Accept,
    Action,
    Delete,
    Merge,
    Redraw,
    Reject,
    RejectFlagged,
    SetClass,
    Split,
)
from napari_zircon_cnn.columns import MEASURED
from napari_zircon_cnn.curation import Curation, Entry, read_ledger
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount, existing, flagged, measure, usable, with_probabilities

ACROSS_THE_DISK = ((120.0, 40.0), (120.0, 200.0))


def test_rejected_grain_stays_in_the_image_but_does_not_count() -> None:
    curation = Curation(drawn_mount())
    curation.perform(Reject(labels=(DISK,), reason="fragment"))

    table = curation.segmented.table
    assert (curation.segmented.labels == DISK).any()
    assert (table.at[DISK, "status"], table.at[DISK, "reason"]) == ("rejected", "fragment")
    assert list(usable(table)) == [UPRIGHT_BOX, TILTED_BOX]

    curation.perform(Accept(labels=(DISK,)))
    assert (table := curation.segmented.table).at[DISK, "status"] == "accepted"
    assert table.at[DISK, "reason"] == ""


def test_merged_grains_are_measured_as_one() -> None:
    curation = Curation(drawn_mount())
    curation.perform(Merge(labels=(UPRIGHT_BOX, DISK)))

    labels, table = curation.segmented.labels, curation.segmented.table
    assert list(existing(table)) == [DISK, TILTED_BOX]
    assert table.at[DISK, "area_um2"] == 4 * (labels == DISK).sum()
    assert table.at[DISK, "bbox_x_max_um"] == 319
    assert table.iloc[UPRIGHT_BOX].isna().sum() == table.iloc[0].isna().sum()


def test_split_gives_the_new_piece_a_new_label() -> None:
    curation = Curation(drawn_mount())
    before = curation.segmented.table["area_um2"].to_numpy()[DISK]
    curation.perform(SetClass.model_validate({"labels": (DISK,), "class": "porphyry"}))
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))

    table = curation.segmented.table
    assert list(existing(table)) == [DISK, UPRIGHT_BOX, TILTED_BOX, 4]
    areas, centres = table["area_um2"].to_numpy(), table["centroid_x_um"].to_numpy()
    assert areas[DISK] + areas[4] == before
    assert areas[DISK] == pytest.approx(before / 2, rel=0.05)
    assert table.at[4, "class"] == "porphyry"
    assert centres[4] != centres[DISK]


def test_deleted_label_is_not_given_again() -> None:
    curation = Curation(drawn_mount())
    curation.perform(Delete(labels=(TILTED_BOX,), reason="dust"))
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))

    assert list(existing(curation.segmented.table)) == [DISK, UPRIGHT_BOX, 4]
    assert not (curation.segmented.labels == TILTED_BOX).any()


def test_grain_that_lost_its_neighbour_touches_none() -> None:
    curation = Curation(drawn_mount())
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))
    assert list(flagged(curation.segmented.table, "touching")) == [DISK, 4]

    curation.perform(Delete(labels=(4,), reason="dust"))
    assert list(flagged(curation.segmented.table, "touching")) == []

    curation.undo()
    assert list(flagged(curation.segmented.table, "touching")) == [DISK, 4]
    curation.perform(Merge(labels=(DISK, 4)))
    assert list(flagged(curation.segmented.table, "touching")) == []


def test_flagged_grains_are_rejected_where_nobody_has_accepted_them() -> None:
    curation = Curation(drawn_mount())
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))
    curation.perform(Split(label=UPRIGHT_BOX, line_um=((200.0, 140.0), (400.0, 140.0))))
    curation.perform(Accept(labels=(DISK,)))
    curation.perform(RejectFlagged(flag="touching"))

    assert list(usable(curation.segmented.table)) == [DISK, TILTED_BOX]
    assert curation.segmented.table.at[4, "reason"] == "touching"
    curation.perform(RejectFlagged(flag="touches_border", reason="off the mosaic"))
    assert list(usable(curation.segmented.table)) == [DISK, TILTED_BOX]


def test_changed_outline_takes_the_probability_away() -> None:
    drawn = drawn_mount()
    probabilities = np.array([[0.1, 0.9], [0.2, 0.8]], np.float32)
    drawn.table = with_probabilities(drawn.table, np.array([1, 2]), probabilities, ("a", "b"), "b")
    curation = Curation(drawn)
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))

    assert drawn.table["probability"].isna().tolist() == [True, True, False, True, True]
    assert drawn.table["probability_b"].isna().tolist() == [True, True, False, True, True]
    curation.undo()
    assert drawn.table.at[DISK, "probability"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (lambda: Reject(labels=(9,), reason="x"), "drawn has no grain 9; it may have been deleted or merged"),
        (lambda: Delete(labels=(1, 9), reason="x"), "drawn has no grain 9"),
        (lambda: Merge(labels=(2, 2)), "Merging needs two grains or more; 2 is named alone"),
        (
            lambda: Split(label=1, line_um=((0.0, 0.0), (10.0, 10.0))),
            "The line does not cut grain 1 of drawn in two",
        ),
        (lambda: Redraw(runs_px=((10, 0, 5, 7),)), "A new grain of drawn gets the next free label, 4"),
        (lambda: Redraw(runs_px=((10, 290, 305, 1),)), "The drawing reaches beyond the mosaic of drawn"),
        (
            lambda: Split(label=1, line_um=((120.0, 40.0), (120.0, 120.0))),
            "draw it from outside the grain, right through, to outside",
        ),
    ],
)
def test_action_that_does_not_fit_changes_nothing(action: Callable[[], Action], answer: str) -> None:
    curation = Curation(drawn_mount())
    before = state_of(curation.segmented)

    with pytest.raises(ZirconError, match=answer):
        curation.perform(action())

    assert_same(before, state_of(curation.segmented))
    assert not curation.can_undo


def test_nothing_to_undo_is_answered_with_a_sentence() -> None:
    curation = Curation(drawn_mount())
    with pytest.raises(ZirconError, match="There is nothing to undo"):
        curation.undo()
    with pytest.raises(ZirconError, match="There is nothing to redo"):
        curation.redo()


def test_ledger_line_is_readable_json() -> None:
    lines: list[str] = []
    curation = Curation(drawn_mount(), lambda entry: lines.append(entry.to_line()))
    curation.perform(SetClass.model_validate({"labels": (2,), "class": "porphyry"}))
    curation.undo()

    first, second = (json.loads(line) for line in lines)
    assert first | {"time": ""} == {"time": "", "action": "set_class", "labels": [2], "class": "porphyry"}
    assert second | {"time": ""} == {"time": "", "action": "undo"}
    assert Entry.from_line(lines[0]).to_line() == lines[0]


@pytest.mark.parametrize(
    "line",
    [
        "",
        '{"action": "reject_flagged", "flag": "ugly"}',
        "no json",
        '{"action": "explode"}',
        '{"action": ["undo"]}',
        '{"action": "reject", "labels": [1]}',
    ],
)
def test_broken_ledger_line_is_answered_with_a_sentence(line: str) -> None:
    with pytest.raises(ZirconError, match=r"The ledger's line .* cannot be read"):
        Entry.from_line(line)


def test_last_line_of_a_ledger_may_lack_its_end_but_not_its_sense(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text('{"action": "undo"}\r\n\n{"action": "redo"}', encoding="utf-8-sig")
    assert [entry.step for entry in read_ledger(ledger)] == ["undo", "redo"]

    ledger.write_text('{"action": "undo"}\n{"action": "rejct"}')
    assert [entry.step for entry in read_ledger(ledger, may_be_cut_off=True)] == ["undo"]
    with pytest.raises(ZirconError, match=r"The ledger's line .*rejct"):
        read_ledger(ledger)


def test_ledger_that_cannot_be_read_is_answered_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match=r"none\.jsonl cannot be read \(No such file"):
        read_ledger(tmp_path / "none.jsonl")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    with pytest.raises(ZirconError, match=r"picture\.png is no text in UTF-8"):
        read_ledger(tmp_path / "picture.png")


@settings(max_examples=60, deadline=None)
@given(steps)
def test_label_image_and_table_agree_after_any_steps(chosen: list[Any]) -> None:
    curation = Curation(drawn_mount())
    for step in chosen:
        do(curation, step)
        segmented = curation.segmented
        present = np.unique(segmented.labels)
        assert list(existing(segmented.table)) == list(present[present > 0])
        fresh = measure(segmented.labels, segmented.mount)
        names = [column.name for column in MEASURED]
        pd.testing.assert_frame_equal(fresh[names], segmented.table[names].iloc[: len(fresh)])
        assert segmented.table.iloc[len(fresh) :]["area_um2"].isna().all()


@settings(max_examples=60, deadline=None)
@given(steps)
def test_undo_restores_the_bytes_and_redo_brings_them_back(chosen: list[Any]) -> None:
    curation = Curation(drawn_mount())
    states = [state_of(curation.segmented)]
    actions_alone = (step for step in chosen if step not in {"undo", "redo", "save"})
    states.extend(state_of(curation.segmented) for step in actions_alone if do(curation, step))
    for state in states[-2::-1]:
        curation.undo()
        assert_same(state, state_of(curation.segmented))
    assert not curation.can_undo
    for state in states[1:]:
        curation.redo()
        assert_same(state, state_of(curation.segmented))


@settings(max_examples=60, deadline=None)
@given(steps)
def test_replaying_the_ledger_on_what_was_saved_gives_the_same_labels_and_table(chosen: list[Any]) -> None:
    ledger: list[str] = []
    curation = Curation(drawn_mount(), lambda entry: ledger.append(entry.to_line()))
    saved = drawn_mount()
    for step in chosen:
        do(curation, step)
        if step == "save":
            live = curation.segmented
            saved = SegmentedMount(live.mount, live.labels.copy(), live.table.copy())
            ledger.clear()

    replayed = Curation(saved)
    replayed.replay(Entry.from_line(line) for line in ledger)

    assert_same(state_of(curation.segmented), state_of(replayed.segmented))


def test_undo_of_what_was_saved_before_is_in_the_ledger_with_what_it_put_in_place() -> None:
    lines: list[str] = []
    curation = Curation(drawn_mount(), lambda entry: lines.append(entry.to_line()))
    curation.perform(Reject(labels=(DISK,), reason="fragment"))
    curation.checkpoint()
    curation.undo()

    assert json.loads(lines[-1]) | {"time": ""} == {
        "time": "",
        "action": "restore",
        "of": "undo",
        "state": {
            "n_rows": 4,
            "labels": [DISK],
            "columns": ["status", "reason"],
            "cells": [["unreviewed", ""]],
            "box_px": None,
            "runs_px": [],
        },
    }


def test_painting_and_erasing_change_the_grains_that_they_meet() -> None:
    curation = Curation(drawn_mount())
    curation.perform(Accept(labels=(UPRIGHT_BOX,)))
    column_of_the_box = tuple((row, 140, 150, 0) for row in range(40, 100))
    touched = curation.perform(Redraw(runs_px=(*column_of_the_box, (150, 20, 40, 4), (151, 20, 40, 4))))

    table = curation.segmented.table
    assert list(touched.labels) == [UPRIGHT_BOX, 4]
    assert table.at[UPRIGHT_BOX, "area_um2"] == 10 * 60 * 4
    assert (table.at[UPRIGHT_BOX, "status"], table.at[4, "status"]) == ("accepted", "unreviewed")
    assert table.at[4, "area_um2"] == 40 * 4

    curation.perform(Redraw(runs_px=((150, 20, 40, 0), (151, 20, 40, 0))))
    assert list(existing(curation.segmented.table)) == [DISK, UPRIGHT_BOX, TILTED_BOX]


def test_grain_drawn_beside_another_makes_both_touch() -> None:
    curation = Curation(drawn_mount())
    curation.perform(Redraw(runs_px=tuple((row, 160, 170, 4) for row in range(50, 60))))
    assert list(flagged(curation.segmented.table, "touching")) == [UPRIGHT_BOX, 4]
    curation.undo()
    assert list(flagged(curation.segmented.table, "touching")) == []


def test_undo_brings_no_answer_of_an_earlier_model_back() -> None:
    drawn = drawn_mount()
    every = np.array([1, 2, 3])

    def answer(probability: float) -> pd.DataFrame:
        values = np.tile(np.array([1 - probability, probability], np.float32), (3, 1))
        return with_probabilities(drawn.table, every, values, ("a", "b"), "b")

    drawn.table = answer(0.9)
    curation = Curation(drawn)
    curation.perform(Reject(labels=(TILTED_BOX,), reason="fragment"))
    curation.perform(Split(label=DISK, line_um=ACROSS_THE_DISK))
    curation.classified(answer(0.2), ("a", "b"))
    curation.undo()
    curation.undo()

    assert drawn.table["status"].tolist()[1:] == ["unreviewed"] * 3
    # The disk as a whole has never been shown to the second model.
    np.testing.assert_allclose(drawn.table["probability"], [np.nan, np.nan, 0.2, 0.2], rtol=1e-6)
