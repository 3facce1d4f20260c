import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_zircon_cnn.segmentation.ragged import Rows

ROWS = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5)


@given(ROWS, st.data())
def test_rows_answer_as_lists_would(rows: list[list[int]], data: st.DataObject) -> None:
    layout, values = Rows.of(rows), np.concatenate(rows)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=4))
    limit = data.draw(st.integers(0, 9))

    taken, index = layout.taken(np.array(chosen))
    assert [part.tolist() for part in np.split(values[index], taken.starts[1:])] == [rows[n] for n in chosen]
    assert layout.numbers.tolist() == [n for n, row in enumerate(rows) for _ in row]
    assert layout.any_in(values > limit).tolist() == [max(row) > limit for row in rows]
    assert layout.least_in(values.astype(float)).tolist() == [min(row) for row in rows]
    first = layout.first_in(values == np.array([max(row) for row in rows])[layout.numbers])
    assert (first - layout.starts).tolist() == [row.index(max(row)) for row in rows]


@given(ROWS, st.integers(-7, 7))
def test_rows_run_in_a_circle(rows: list[list[int]], by: int) -> None:
    layout, values = Rows.of(rows), np.concatenate(rows)

    before, behind = layout.around()
    assert values[before].tolist() == [value for row in rows for value in row[-1:] + row[:-1]]
    assert values[behind].tolist() == [value for row in rows for value in row[1:] + row[:1]]
    on = layout.shifted(np.arange(len(values)), layout.numbers, by)
    assert values[on].tolist() == [row[(n + by) % len(row)] for row in rows for n in range(len(row))]
