from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.typing import NDArray

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn import scratch
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import empty_rows, with_probabilities
from napari_zircon_cnn.sample_files import read_labels, read_table, write_labels, write_table

ODD_TEXTS = [
    "two\nlines",
    "an old\rMac",
    "a\r\nPC",
    'says "no"',
    "a,b;c\td",
    "NA",
    "nan",
    "True",
    "1.50",
    " spaced ",
    "'",
    '"',
    "zirkon größer als 100 µm",
    "锆石\u2028\x00",
]


def assert_comes_back(table: pd.DataFrame, folder: Path) -> None:
    write_table(table, folder / "grains.csv")
    read = read_table(folder / "grains.csv", len(table) - 1)
    pd.testing.assert_frame_equal(read, table, check_exact=True)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_come_back(tmp_path: Path, text: str) -> None:
    table = drawn_mount().table
    table.at[DISK, "reason"] = text
    table.at[TILTED_BOX, "class"] = text
    assert_comes_back(table, tmp_path)


def test_odd_class_names_come_back(tmp_path: Path) -> None:
    classes = ("NA", 'a "b", c', "é\nè")
    probabilities = np.full((2, 3), 1 / 3, np.float32)
    labels = np.array([DISK, UPRIGHT_BOX])
    table = with_probabilities(drawn_mount().table, labels, probabilities, classes, "NA")
    assert_comes_back(table, tmp_path)


def test_deleted_grains_leave_empty_rows(tmp_path: Path) -> None:
    table = drawn_mount().table
    table.loc[[DISK, TILTED_BOX]] = empty_rows(pd.Index([DISK, TILTED_BOX]), table.columns)
    assert_comes_back(table, tmp_path)
    assert_comes_back(empty_rows(table.index, table.columns), tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), st.text())
def test_numbers_and_texts_come_back_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float], text: str
) -> None:
    table = drawn_mount().table
    table.loc[[DISK, UPRIGHT_BOX, TILTED_BOX], "centroid_x_um"] = numbers
    table.at[DISK, "reason"] = text
    assert_comes_back(table, tmp_path_factory.mktemp("table"))


@pytest.mark.parametrize(
    ("broken", "answer"),
    [
        ("", "cannot be read"),
        ("label;area_um2\n1;2\n", "cannot be read .*label"),
        ("label,area_um2\n1,2\n", "its column centroid_x_um is missing"),
        ("label,area_um2\n\x00", "cannot be read"),
    ],
)
def test_what_is_no_grain_table_is_answered_with_a_sentence(tmp_path: Path, broken: str, answer: str) -> None:
    (tmp_path / "grains.csv").write_text(broken)
    with pytest.raises(ZirconError, match=answer):
        read_table(tmp_path / "grains.csv", 3)


def test_edited_grain_table_is_answered_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "grains.csv"
    write_table(drawn_mount().table, path)
    lines = path.read_text().splitlines()

    def answer_to(edited: list[str]) -> str:
        path.write_text("\n".join(edited) + "\n")
        with pytest.raises(ZirconError) as caught:
            read_table(path, 3)
        return str(caught.value)

    assert "restore it from a copy" in answer_to([lines[0], lines[1].replace("1,", "17,", 1)])
    assert "restore it from a copy" in answer_to([lines[0], "1,ten" + lines[1][1:]])
    assert "restore it from a copy" in answer_to([lines[0] + ",comment", lines[1] + ",nice"])
    with pytest.raises(ZirconError, match="cannot be read"):
        read_table(tmp_path / "none.csv", 3)


@pytest.mark.parametrize("highest", [3, 70_000])
def test_label_image_comes_back(tmp_path: Path, highest: int) -> None:
    labels = drawn_mount().labels
    labels[labels == TILTED_BOX] = highest
    write_labels(labels, tmp_path / "labels.tif")
    read = read_labels(tmp_path / "labels.tif")
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels)
    assert (tmp_path / "labels.tif").stat().st_size < labels.size / 10


def test_cut_off_label_image_is_answered_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    write_labels(drawn_mount().labels, path)
    whole = path.read_bytes()
    for size in [0, 5, 150, *range(200, len(whole), 40)]:
        path.write_bytes(whole[:size])
        with pytest.raises(ZirconError, match=r"labels\.tif cannot be read .*; restore it from a copy"):
            read_labels(path)
    with pytest.raises(ZirconError, match="cannot be read"):
        read_labels(tmp_path / "none.tif")


@settings(max_examples=30, deadline=None)
@given(
    stn.arrays(
        np.int32,
        st.tuples(st.integers(1, 1100), st.integers(1, 1100)),
        elements=st.sampled_from([1, 7, 65_535, 70_000, 2**31 - 1]),
        fill=st.just(np.int32(0)),
    ),
    st.booleans(),
)
def test_large_label_image_comes_back_and_others_can_read_it(
    tmp_path_factory: pytest.TempPathFactory, labels: NDArray[np.int32], is_large: bool
) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.tif"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "LARGE_BYTES", 0 if is_large else 2**30)
        write_labels(labels, path)
        read = read_labels(path)
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels)
    np.testing.assert_array_equal(tifffile.imread(path), labels)


def test_label_image_in_strips_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = drawn_mount().labels
    tifffile.imwrite(tmp_path / "labels.tif", labels.astype(np.uint16), compression="zlib", rowsperstrip=16)
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.tif"), labels)


def test_cut_off_large_label_image_is_answered_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "labels.tif"
    write_labels(drawn_mount().labels, path)
    path.write_bytes(path.read_bytes()[:-20])
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)
    with pytest.raises(ZirconError, match=r"labels\.tif cannot be read .*; restore it from a copy"):
        read_labels(path)
