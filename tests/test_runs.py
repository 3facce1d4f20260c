import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_zircon_cnn.runs import box_of, runs_of, write_runs

images = arrays.arrays(np.int32, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 3))


def test_run_tells_row_columns_and_label() -> None:
    pixels = np.array([[0, 2, 2, 3], [0, 0, 0, 3]], np.int32)
    runs = runs_of(pixels, pixels != 0, (slice(10, 12), slice(20, 24)))
    assert runs == ((10, 21, 23, 2), (10, 23, 24, 3), (11, 23, 24, 3))
    assert box_of(runs) == (slice(10, 12), slice(21, 24))


@given(images, st.integers(0, 5), st.integers(0, 5))
def test_written_runs_are_the_pixels_that_they_were_taken_from(
    pixels: np.ndarray, top: int, left: int
) -> None:
    box = (slice(top, top + pixels.shape[0]), slice(left, left + pixels.shape[1]))
    written = np.zeros_like(pixels)
    write_runs(runs_of(pixels, pixels != 0, box), written, box)
    np.testing.assert_array_equal(written, pixels)
