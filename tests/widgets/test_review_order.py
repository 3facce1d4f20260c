"""The order in which grains are looked at."""

import numpy as np
import pytest

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.columns import FLAGS
from napari_zircon_cnn.widgets.review_order import (
    BY_DOUBT,
    BY_FLAG,
    BY_PLACE,
    BY_SIZE,
    BY_UNLIKENESS,
    BY_WAVERING,
    step_from,
    unreviewed,
)


def test_most_suspicious_grains_come_first_and_others_from_top_to_bottom() -> None:
    table = drawn_mount().table
    table[list(FLAGS)] = False
    table.loc[TILTED_BOX, ["dim", "touching"]] = True
    table.loc[UPRIGHT_BOX, "streaked"] = True
    table.loc[[DISK, UPRIGHT_BOX, TILTED_BOX], "probability"] = [0.1, 0.45, np.nan]
    table.loc[[DISK, UPRIGHT_BOX, TILTED_BOX], "uncertainty"] = [np.nan, 0.1, 0.2]
    table.loc[[DISK, UPRIGHT_BOX, TILTED_BOX], "unlike_training"] = [0.0, np.nan, 1.2]

    def order(name: str) -> list[int]:
        return [int(label) for label in unreviewed(table, name)]

    assert order(BY_PLACE) == [DISK, UPRIGHT_BOX, TILTED_BOX]
    assert order(BY_FLAG) == [TILTED_BOX, UPRIGHT_BOX, DISK]
    assert order("streaked") == [UPRIGHT_BOX, DISK, TILTED_BOX]
    assert order(BY_DOUBT) == [UPRIGHT_BOX, DISK, TILTED_BOX]
    assert order(BY_WAVERING) == [TILTED_BOX, UPRIGHT_BOX, DISK]
    assert order(BY_UNLIKENESS) == [TILTED_BOX, DISK, UPRIGHT_BOX]
    assert order(BY_SIZE) == table["area_um2"].dropna().sort_values().index.tolist()


def test_only_grains_that_nobody_has_looked_at_come() -> None:
    table = drawn_mount().table
    table.loc[UPRIGHT_BOX, "status"] = "accepted"
    assert unreviewed(table, BY_PLACE).tolist() == [DISK, TILTED_BOX]
    assert unreviewed(table, BY_PLACE, also=[UPRIGHT_BOX]).tolist() == [DISK, UPRIGHT_BOX, TILTED_BOX]


@pytest.mark.parametrize(
    ("current", "step", "expected"), [(3, 1, 8), (8, 1, 3), (3, -1, 8), (None, 1, 3), (None, -1, 8)]
)
def test_steps_go_round_the_end(current: int | None, step: int, expected: int) -> None:
    assert step_from(np.array([3, 8]), current, step) == expected


def test_there_is_no_step_where_nothing_is_left() -> None:
    assert step_from(np.empty(0, np.int64), 3, 1) is None
