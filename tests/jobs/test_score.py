from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from district import Recorder
from drawn import DISK, SHAPE, drawn_mount, drawn_project
from napari_zircon_cnn.curation import Entry
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.curate import curate_sample
from napari_zircon_cnn.jobs.score import read_label_image, score_segmentation


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Return the drawn grains as a PNG."""
    path = tmp_path / "truth ä.png"
    path.write_bytes(imagecodecs.png_encode(drawn_mount().labels.astype(np.uint16)))
    return path


def test_rejected_grains_were_not_found(tmp_path: Path, truth: Path) -> None:
    project = drawn_project(tmp_path)
    entry = Entry.from_line('{"action": "reject", "labels": [1], "reason": "crack"}')
    curate_sample(project.folder, "drawn", [entry])
    sample, recorder = project.folder / "samples" / "drawn", Recorder()

    everything = score_segmentation(sample / "labels.tif", truth)
    kept = score_segmentation(
        sample / "labels.tif", truth, table_file=sample / "grains.csv", progress=recorder
    )

    assert everything.n_found == 3
    assert everything.f1() == 1
    assert kept.n_found == 2
    assert kept.at_iou[0].recall == pytest.approx(2 / 3)
    recorder.assert_complete()


def test_mask_and_uncertain_grains_count_neither_way(tmp_path: Path, truth: Path) -> None:
    ignore = tmp_path / "ignore.png"
    ignore.write_bytes(imagecodecs.png_encode(np.full(SHAPE, 255, np.uint8)))
    assert score_segmentation(truth, truth, ignore_file=ignore).n_found == 0
    assert score_segmentation(truth, truth, uncertain=[DISK]).n_truth == 2


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i2", "i4", "i8"])
def test_labels_of_any_depth_are_read(tmp_path: Path, truth: Path, dtype: str) -> None:
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, drawn_mount().labels.astype(dtype), compression="zlib")
    assert read_label_image(path).dtype == dtype
    assert score_segmentation(path, truth).f1(0.9) == 1


def test_large_labels_of_a_png_are_not_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "labels.png"
    path.write_bytes(imagecodecs.png_encode(np.full(SHAPE, 60_000, np.uint16)))
    assert read_label_image(path).max() == 60_000


def write_text(path: Path) -> None:
    path.write_text("no image")


def write_cut_off(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(drawn_mount().labels.astype(np.uint16))[:-60])


def write_colours(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((*SHAPE, 3), np.uint8), photometric="rgb")


def write_floats(path: Path) -> None:
    tifffile.imwrite(path, np.zeros(SHAPE, np.float32))


def write_smaller(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((10, 10), np.uint16))


@pytest.mark.parametrize(
    ("write", "answer"),
    [
        (write_text, "is neither a TIFF nor a PNG file"),
        (write_cut_off, "is broken"),
        (write_colours, r"has the shape \(200, 300, 3\); a label image is one plane"),
        (write_floats, "holds float32 values; a label image holds whole numbers"),
        (write_smaller, r"has the shape \(10, 10\), the truth \(200, 300\)"),
        (Path.mkdir, r"cannot be read .*; check its name"),
    ],
)
def test_what_is_no_label_image_is_answered_with_a_sentence(
    tmp_path: Path, truth: Path, write: Callable[[Path], None], answer: str
) -> None:
    path = tmp_path / "labels"
    write(path)
    with pytest.raises(ZirconError, match=answer):
        score_segmentation(path, truth)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (None, "cannot be read"),
        ("", "cannot be read"),
        ("label,area\n1,2\n", "has no column 'status'; give the grains.csv of a project"),
        ("label,status\none,rejected\n", "cannot be read"),
    ],
)
def test_what_is_no_grain_table_is_answered_with_a_sentence(
    tmp_path: Path, truth: Path, content: str | None, answer: str
) -> None:
    table = tmp_path / "grains.csv"
    if content is not None:
        table.write_text(content)
    with pytest.raises(ZirconError, match=answer):
        score_segmentation(truth, truth, table_file=table)


def test_table_of_another_program_may_have_any_columns(tmp_path: Path, truth: Path) -> None:
    table = tmp_path / "grains.csv"
    table.write_text("remark,label,status\n,1.0,rejected\ngood,2.0,\n")
    assert score_segmentation(truth, truth, table_file=table).n_found == 2
