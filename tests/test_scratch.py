import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from napari_zircon_cnn import scratch
from napari_zircon_cnn.errors import ZirconError


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep every array in a temporary file, and return the folder of these."""
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def test_small_array_is_in_memory() -> None:
    array = scratch.zeros((3, 4), np.int32)

    assert array.base is None
    assert np.array_equal(array, np.zeros((3, 4), np.int32))


def test_large_array_is_in_a_file_without_a_name(all_are_large: Path) -> None:
    array = scratch.zeros((300, 400), np.int32)

    assert isinstance(array.base, mmap.mmap)
    assert array.shape == (300, 400)
    assert not array.any()
    assert list(all_are_large.iterdir()) == []


@settings(max_examples=30, deadline=None)
@given(values=stn.arrays(np.int32, st.tuples(st.integers(1, 70), st.integers(1, 90))))
def test_what_is_let_go_of_comes_back(values: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "LARGE_BYTES", 0)
        array = scratch.zeros(values.shape, values.dtype)
        array[...] = values
        scratch.release(array[1:, ::2])
        copied = scratch.copy_of(array)

    assert np.array_equal(array, values)
    assert np.array_equal(copied, values)
    assert not np.shares_memory(copied, array)


def test_what_is_not_ours_is_kept(tmp_path: Path) -> None:
    (tmp_path / "pixels").write_bytes(bytes(mmap.PAGESIZE))
    changed_in_memory = np.memmap(tmp_path / "pixels", np.uint8, mode="c")
    changed_in_memory[:] = 7

    scratch.release(changed_in_memory)
    scratch.release(np.ones(3))

    assert (changed_in_memory == 7).all()


def test_full_disk_is_answered_with_a_sentence(all_are_large: Path) -> None:
    with pytest.raises(ZirconError, match=r"There is no room for .* GiB of temporary data in .*TMPDIR"):
        scratch.zeros((2**26, 2**26), np.uint8)
    assert list(all_are_large.iterdir()) == []


def test_missing_folder_is_answered_with_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path / "gone"))

    with pytest.raises(ZirconError, match="no room"):
        scratch.zeros((3, 4), np.uint8)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 10**6))
def test_row_blocks_cover_each_row_once(n_rows: int, n_columns: int, n_pixels: int) -> None:
    blocks = scratch.row_blocks((n_rows, n_columns), n_pixels)

    assert [row for rows in blocks for row in range(rows.start, rows.stop)] == list(range(n_rows))
    assert all((rows.stop - rows.start) * n_columns <= max(n_pixels, n_columns) for rows in blocks)
