import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from district import Recorder
from napari_zircon_cnn import scratch
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.progress import Cancelled

TILED: dict[str, Any] = {"tile": (32, 48), "compression": "zlib"}


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every mosaic as one too large for memory."""
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)


def ramp(dtype: str, highest: float = 255) -> NDArray[Any]:
    """Return 150 x 211 grey values from 0 to `highest`."""
    return np.linspace(0, highest, 150 * 211).reshape(150, 211).astype(dtype)


def rgb(grey: NDArray[Any]) -> NDArray[Any]:
    return np.repeat(grey[..., None], 3, axis=2)


def read_as_large(path: Path, monkeypatch: pytest.MonkeyPatch) -> Mount:
    with monkeypatch.context() as patch:
        patch.setattr(scratch, "LARGE_BYTES", 0)
        return read_mount(path)


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (ramp("uint8"), TILED),
        (ramp("uint8"), {"rowsperstrip": 7, "compression": "lzw"}),
        (ramp("uint8"), {"rowsperstrip": 7}),
        (ramp("uint8"), {}),
        (ramp("uint16", 4000), {"byteorder": ">"}),
        (ramp("uint16", 4000), {**TILED, "byteorder": ">", "bigtiff": True, "predictor": True}),
        (ramp("uint16", 65000), {**TILED, "photometric": "miniswhite"}),
        (ramp("uint16") * np.uint16(257), TILED),
        (rgb(ramp("uint16") * np.uint16(257)), TILED),
        (
            np.moveaxis(rgb(ramp("uint16", 60000)), 2, 0),
            {**TILED, "planarconfig": "separate", "photometric": "rgb"},
        ),
        (rgb(ramp("uint8")), {**TILED, "compression": "jpeg", "photometric": "rgb", "tile": (64, 64)}),
        (np.concatenate([rgb(ramp("uint8"))] * 2, axis=2)[..., :4], {**TILED, "photometric": "rgb"}),
        (np.moveaxis(rgb(ramp("uint8")), 2, 0), {"ome": True, "metadata": {"axes": "CYX"}}),
        (ramp("uint8") > 100, {"rowsperstrip": 16}),
        (ramp("float64", 0.75), TILED),
        (ramp("float32", 70000.0), {"rowsperstrip": 16}),
        (ramp("int32", 1e6), TILED),
    ],
)
def test_large_mosaic_is_read_as_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels: NDArray[Any], options: dict[str, Any]
) -> None:
    path = tmp_path / "m.ome.tif" if options.get("ome") else tmp_path / "m.tif"
    tifffile.imwrite(path, pixels, **options)
    small = read_mount(path)

    large = read_as_large(path, monkeypatch)

    assert large.image.dtype == small.image.dtype
    assert np.array_equal(large.image, small.image)
    assert (large.white, large.pixel_size_um, large.sample) == (small.white, small.pixel_size_um, "m")


def test_tiles_that_were_left_out_are_black(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles: list[Any] = [np.full((64, 64), 9, np.uint8), None, None, np.full((64, 64), 8, np.uint8)]
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, iter(tiles), shape=(100, 128), dtype="uint8", tile=(64, 64), compression="zlib")

    image = read_as_large(path, monkeypatch).image

    assert np.array_equal(image, read_mount(path).image)
    assert (image[0, 0], image[0, 127], image[99, 127]) == (9, 0, 8)


@pytest.mark.usefixtures("all_are_large")
def test_large_mosaic_can_be_worked_on_like_any_other(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", ramp("uint8"), **TILED)

    image = read_mount(tmp_path / "m.tif").image

    scratch.release(image)
    assert isinstance(image, np.ndarray)
    assert np.array_equal(image, ramp("uint8"))
    assert [path.name for path in tmp_path.iterdir()] == ["m.tif"]


@pytest.mark.usefixtures("all_are_large")
def test_progress_rises_and_cancelling_stops_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, ramp("uint8"), tile=(16, 16), compression="zlib")
    recorder = Recorder()
    read_mount(path, progress=recorder)
    recorder.assert_complete()
    assert len(recorder.fractions) > 10

    stopped = Recorder(Cancelled, 0.5)
    with pytest.raises(Cancelled):
        read_mount(path, progress=stopped)
    assert 0.5 <= stopped.fractions[-1] < 0.6


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize("options", [TILED, {"rowsperstrip": 7}, {}, {"compression": "zlib"}])
def test_cut_off_file_is_answered_with_a_sentence(tmp_path: Path, options: dict[str, Any]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (150, 211)).astype(np.uint8)
    whole, cut = tmp_path / "whole.tif", tmp_path / "cut.tif"
    tifffile.imwrite(whole, noise, **options)
    for size in (5000, whole.stat().st_size - 20):
        cut.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ZirconError, match=r"cut\.tif is broken or cut short .*; export it again"):
            read_mount(cut)


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.parametrize(
    ("pixels", "answer"),
    [
        (np.where(ramp("float32") > 250, np.nan, ramp("float32")), "holds NaN or infinite values"),
        (ramp("int16") - np.int16(1), "holds negative grey values"),
        (ramp("complex64"), "holds complex64 values"),
        (rgb(ramp("uint8")) * np.array([1, 0, 1], np.uint8), "is a colour picture"),
    ],
)
def test_what_is_no_grey_mosaic_is_answered_with_a_sentence(
    tmp_path: Path, pixels: NDArray[Any], answer: str
) -> None:
    tifffile.imwrite(tmp_path / "m.tif", pixels, **TILED)

    with pytest.raises(ZirconError, match=re.escape(answer)):
        read_mount(tmp_path / "m.tif")
