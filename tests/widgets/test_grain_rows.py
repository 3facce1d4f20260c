"""Which rows of a grain table are shown, in which order, and as which texts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_table import made_table
from napari_zircon_cnn.columns import COLUMNS, FLAGS, REJECTED
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.widgets.grain_rows import (
    ANY_FLAG,
    FIRST_FIELDS,
    FLAG_WORDS,
    FLAGS_FIELD,
    LABEL,
    NO_FLAG,
    USABLE,
    Field,
    Filter,
    decimals_of,
    exact_text_of,
    fields_of,
    in_order,
    matching,
    text_of,
    values_of,
)


def field_of(table: pd.DataFrame, name: str) -> Field:
    return next(field for field in fields_of(table) if field.name == name)


def sort(table: pd.DataFrame, name: str, *, descending: bool) -> list[int]:
    values = {name: values_of(table, name)}
    return list(in_order(existing(table), values, field_of(table, name), descending=descending))


def shown(table: pd.DataFrame, label: int, name: str) -> str:
    field, values = field_of(table, name), values_of(table, name)
    return text_of(field, values[label], decimals_of(field, values))


def test_every_column_can_be_shown_and_the_usual_ones_come_first() -> None:
    table = made_table(3).assign(probability_porphyry=0.5)
    names = [field.name for field in fields_of(table)]
    assert tuple(names[: len(FIRST_FIELDS)]) == FIRST_FIELDS
    plain = {column.name for column in COLUMNS} - set(FLAGS)
    assert set(names) == plain | {LABEL, FLAGS_FIELD, "probability_porphyry"}
    assert len(names) == len(set(names))
    assert set(FLAG_WORDS) == set(FLAGS)


def test_titles_and_explanations_name_unit_and_meaning() -> None:
    table = made_table(3).assign(**{"probability_<i>": 0.5})
    assert field_of(table, "box_length_um").title == "box length\nµm"
    assert field_of(table, "predicted_class").title == "predicted\nclass"
    assert "µm²" in field_of(table, "area_um2").explanation
    assert "pixel size" in field_of(table, "area_um2").explanation
    # A class may be called anything; a tool tip must not take it for markup.
    assert "<i>" not in field_of(table, "probability_<i>").explanation


def test_filters_let_the_right_grains_through() -> None:
    table = made_table(60, missing=(4, 9))
    assert matching(table, Filter()).tolist() == existing(table).tolist()
    assert matching(table, Filter(status=USABLE)).tolist() == usable(table).tolist()
    assert set(table.loc[matching(table, Filter(status=REJECTED)), "status"]) == {REJECTED}
    assert table.loc[matching(table, Filter(flag="dim")), "dim"].all()
    flagged, plain = (set(matching(table, Filter(flag=flag))) for flag in (ANY_FLAG, NO_FLAG))
    assert flagged
    assert plain
    assert flagged | plain == set(existing(table))
    assert not flagged & plain


def test_text_finds_reason_class_and_labels() -> None:
    table = made_table(30)
    table.loc[7, "reason"] = "two grains as one (?"
    table.loc[8, "class"] = "Porphyry"
    assert matching(table, Filter(text="one (?")).tolist() == [7]
    assert matching(table, Filter(text=" PORPH ")).tolist() == sorted({8, *range(1, 31, 2)})
    assert matching(table, Filter(text="12")).tolist() == [12]
    assert matching(table, Filter(text="3, 12; 5 999999999999999999999")).tolist() == [3, 5, 12]
    assert matching(table, Filter(text="3", status=USABLE)).tolist() == []


def test_what_has_no_value_comes_last_in_both_directions() -> None:
    table = made_table(4)
    table["probability"] = [np.nan, 0.3, np.nan, 0.9, 0.3]
    assert sort(table, "probability", descending=False) == [1, 4, 3, 2]
    assert sort(table, "probability", descending=True) == [3, 1, 4, 2]
    table["reason"] = ["", "b", "", "a", "b"]
    assert sort(table, "reason", descending=False) == [3, 1, 4, 2]
    assert sort(table, "reason", descending=True) == [1, 4, 3, 2]


def test_flags_sort_by_their_number() -> None:
    table = made_table(3)
    table[list(FLAGS)] = False
    table.loc[2, ["touching", "dim"]] = True
    table.loc[3, "streaked"] = True
    assert sort(table, FLAGS_FIELD, descending=True) == [2, 3, 1]
    assert shown(table, 2, FLAGS_FIELD) == "touching, dim"


@given(
    values=st.lists(st.floats(allow_nan=True) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=30),
    descending=st.booleans(),
)
def test_sorting_keeps_every_grain(values: Sequence[float], descending: bool) -> None:
    table = made_table(len(values))
    table.loc[1:, "probability"] = values
    order = sort(table, "probability", descending=descending)
    assert sorted(order) == list(range(1, len(values) + 1))
    ordered = table["probability"].to_numpy()[order]
    known = ordered[~np.isnan(ordered)]
    assert np.isnan(ordered[len(known) :]).all()
    steps = known[1:] >= known[:-1] if not descending else known[1:] <= known[:-1]
    assert steps.all()
    ties = known[1:] == known[:-1]
    assert (np.diff(order[: len(known)])[ties] > 0).all()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("box_length_um", 119.4467, "119.4"),
        ("area_um2", 7088.0, "7,088"),
        ("aspect_ratio", 1.5315, "1.53"),
        ("probability", 0.9049, "0.90"),
        ("probability", np.nan, ""),
        ("reason", "fragment", "fragment"),
    ],
)
def test_texts_have_sensible_digits(name: str, value: float | str, text: str) -> None:
    table = made_table(1)
    table.loc[1, name] = value
    assert shown(table, 1, name) == text


@pytest.mark.parametrize(("brightest", "text"), [(0.51234, "0.512"), (116.23, "116.2"), (33123.4, "33,123")])
def test_grey_values_have_the_digits_of_their_depth(brightest: float, text: str) -> None:
    table = made_table(1)
    table.loc[1, "intensity_mean"] = brightest
    assert shown(table, 1, "intensity_mean") == text


def test_copied_texts_are_exact_and_stay_in_their_cell() -> None:
    table = made_table(1)
    assert exact_text_of(field_of(table, "area_um2"), 13060.123456) == "13060.12346"
    assert exact_text_of(field_of(table, "area_um2"), np.nan) == ""
    assert exact_text_of(field_of(table, "reason"), "one\ttwo\nthree") == "one two three"
