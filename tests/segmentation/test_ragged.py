import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_zircon_cnn.segmentation.ragged import Rows, upper_medians

ROWS = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5)


@given(ROWS, st.data())
def test_rows_answer_as_lists_would(rows: list[list[int]], data: st.DataObject) -> None:
    layout, values = Rows.of(rows), np.concatenate(rows)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=4))
    limit = data.draw(st.integers(0, 9))

    taken, index = layout.taken(np.array(chosen))
    assert [part.tolist() for part in np.split(values[index], taken.starts[1:])] == [rows[n] for n in chosen]
    assert layout.numbers.tolist() == [n for n, row in enumerate(rows) for _ in row]
    assert layout.count_in(values > limit).tolist() == [sum(v > limit for v in row) for row in rows]


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=6), min_size=1, max_size=5))
def test_upper_medians_are_those_of_each_group(groups: list[list[int]]) -> None:
    of = np.array([n for n, group in enumerate(groups) for _ in group], np.int32)
    values = np.array([value for group in groups for value in group], np.int64)

    medians = upper_medians(values, of, len(groups))
    assert medians.tolist() == [sorted(group)[len(group) // 2] if group else 0 for group in groups]
