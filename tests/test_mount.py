import re
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount, read_mount, sample_name


def ramp(dtype: str, highest: float) -> NDArray[Any]:
    """Return 60 x 80 grey values from 0 to `highest`."""
    return np.linspace(0, highest, 4800).reshape(60, 80).astype(dtype)


def test_paper_png_comes_out_as_its_eight_bit_values(tmp_path: Path) -> None:
    grey = ramp("uint8", 255)
    rgb = np.repeat(grey[..., None].astype(np.uint16) * 257, 3, axis=2)
    (tmp_path / "QVC001.png").write_bytes(imagecodecs.png_encode(rgb))

    mount = read_mount(tmp_path / "QVC001.png")

    assert mount.image.dtype == np.uint8
    assert np.array_equal(mount.image, grey)
    assert (mount.sample, mount.white, mount.pixel_size_um) == ("QVC001", 255, 2.0)


@pytest.mark.quellaveco
def test_real_mosaic_comes_out_as_its_eight_bit_values(quellaveco_data: Path) -> None:
    path = quellaveco_data / "quellaveco" / "QVC082.png"
    raw = imagecodecs.png_decode(path.read_bytes())

    assert np.array_equal(read_mount(path).image, raw[..., 0] >> 8)


@pytest.mark.parametrize(
    ("dtype", "highest", "white"),
    [
        ("uint8", 200, 255),
        ("uint16", 4000, 4095),
        ("uint16", 60000, 65535),
        ("uint32", 3e9, 4294967295),
        ("float32", 0.9, 1),
        ("float32", 180.5, 255),
        ("int16", 30000, 65535),
        ("float64", 70000.0, 4294967295),
    ],
)
def test_tiff_keeps_its_depth(tmp_path: Path, dtype: str, highest: float, white: float) -> None:
    image = ramp(dtype, highest)
    tifffile.imwrite(tmp_path / "m.tif", image)

    mount = read_mount(tmp_path / "m.tif")

    assert np.array_equal(mount.image, image.astype(mount.image.dtype))
    assert mount.image.dtype in {np.dtype(t) for t in ("uint8", "uint16", "uint32", "float32")}
    assert mount.white == white


@pytest.mark.parametrize("n_channels", [2, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_in_colour_channels_becomes_grey(tmp_path: Path, n_channels: int, suffix: str) -> None:
    image = ramp("uint16", 60000)
    channels = np.repeat(image[..., None], n_channels, axis=2)
    if n_channels in {2, 4}:
        channels[..., -1] = 65535
    path = tmp_path / f"m{suffix}"
    if suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(channels))
    else:
        tifffile.imwrite(
            path, channels, photometric="rgb" if n_channels > 2 else "minisblack", planarconfig="contig"
        )
    if n_channels == 2 and suffix == ".tif":
        pytest.skip("a TIFF of grey with alpha has no axes of its own in tifffile")

    assert np.array_equal(read_mount(path).image, image)


def test_jpeg_of_a_grey_picture_is_read(tmp_path: Path) -> None:
    image = ramp("uint8", 255)
    (tmp_path / "m.jpg").write_bytes(
        imagecodecs.jpeg_encode(np.repeat(image[..., None], 3, axis=2), level=95)
    )

    difference = read_mount(tmp_path / "m.jpg").image.astype(int) - image

    assert np.abs(difference).max() <= 6


@pytest.mark.parametrize(
    ("options", "pixel_size_um"),
    [
        ({"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}}, 0.5),
        (
            {
                "ome": True,
                "metadata": {
                    "axes": "YX",
                    "PhysicalSizeX": 700,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": 700,
                    "PhysicalSizeYUnit": "nm",
                },
            },
            0.7,
        ),
        ({"resolution": (1e4 / 1.5, 1e4 / 1.5), "resolutionunit": "CENTIMETER"}, 1.5),
        ({"resolution": (25400 / 3, 25400 / 3), "resolutionunit": "INCH"}, 3.0),
        ({"imagej": True, "resolution": (1 / 1.25, 1 / 1.25), "metadata": {"unit": "um"}}, 1.25),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, 2.0),
        ({"bigtiff": True}, 2.0),
    ],
    ids=["ome", "ome in nm", "cm tags", "inch tags", "imagej", "screen resolution", "nothing said"],
)
def test_pixel_size_comes_from_the_file(
    tmp_path: Path, options: dict[str, Any], pixel_size_um: float
) -> None:
    tifffile.imwrite(tmp_path / "m.tif", ramp("uint8", 255), **options)

    assert read_mount(tmp_path / "m.tif").pixel_size_um == pytest.approx(pixel_size_um, rel=1e-4)
    assert read_mount(tmp_path / "m.tif", pixel_size_um=4).pixel_size_um == 4


def test_min_is_white_is_turned(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", ramp("uint8", 255), photometric="miniswhite")

    assert read_mount(tmp_path / "m.tif").image[0, 0] == 255


@pytest.mark.parametrize(
    ("name", "sample"), [("QVC028.png", "QVC028"), ("QVC 28.b.ome.tif", "QVC 28.b"), ("Grüße.TIFF", "Grüße")]
)
def test_sample_is_named_after_the_file(tmp_path: Path, name: str, sample: str) -> None:
    assert sample_name(tmp_path / name) == sample


def test_sixteen_bit_values_are_scaled_for_edges() -> None:
    mount = Mount(ramp("uint16", 65535), 2.0, "m", white=65535)

    assert np.array_equal(mount.as_uint8(), np.rint(mount.image / 65535 * 255).astype(np.uint8))


def colour_photograph() -> bytes:
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[..., 0] = ramp("uint8", 255)
    rgb[..., 2] = 255 - rgb[..., 0]
    return bytes(imagecodecs.png_encode(rgb))


def write_tiff(path: Path, image: NDArray[Any], **options: Any) -> None:
    tifffile.imwrite(path, image, **options)


def test_bad_files_are_answered_with_a_sentence(tmp_path: Path) -> None:
    whole = imagecodecs.png_encode(ramp("uint8", 255))
    jpeg = imagecodecs.jpeg_encode(ramp("uint8", 255))
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (tmp_path / "colour.png").write_bytes(colour_photograph())
    write_tiff(tmp_path / "whole.tif", ramp("uint8", 255))
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:2000])
    holed = ramp("float32", 1)
    holed[3, 4] = np.nan
    write_tiff(tmp_path / "nan.tif", holed)
    write_tiff(tmp_path / "stack.tif", np.zeros((5, 60, 80), np.uint8), photometric="minisblack")
    write_tiff(tmp_path / "negative.tif", ramp("int16", 100) - np.int16(50))
    write_tiff(tmp_path / "complex.tif", ramp("complex64", 1))
    write_tiff(
        tmp_path / "oblong.tif", ramp("uint8", 255), resolution=(5000, 10000), resolutionunit="CENTIMETER"
    )
    answers = {
        "missing.png": "cannot be read (No such file",
        "text.png": "is not an image that can be read; give a PNG, TIFF or JPEG file.",
        "empty.tif": "is not an image that can be read",
        "cut.png": "is broken or cut short",
        "cut.jpg": "is broken or cut short",
        "cut.tif": "is broken or cut short",
        "colour.png": "is a colour picture; a CL mosaic is grey",
        "nan.tif": "holds NaN or infinite values",
        "stack.tif": "is a stack of the shape (5, 60, 80)",
        "negative.tif": "holds negative grey values",
        "complex.tif": "holds complex64 values; export it as 8, 16 or 32-bit grey",
        "oblong.tif": "has pixels of 2 x 1 µm; resample it to square pixels",
    }
    for name, answer in answers.items():
        with pytest.raises(ZirconError, match=re.escape(answer)):
            read_mount(tmp_path / name)


@pytest.mark.parametrize("pixel_size_um", [0, -2, float("nan"), float("inf"), 1e6])
def test_impossible_pixel_size_is_refused(pixel_size_um: float) -> None:
    with pytest.raises(ZirconError, match="is impossible; give the edge of a pixel in µm"):
        Mount(ramp("uint8", 255), pixel_size_um, "m")


@pytest.mark.parametrize("sample", ["", " ", "..", "a/b", "a\\b", "a:b"])
def test_sample_name_must_name_a_folder(sample: str) -> None:
    with pytest.raises(ZirconError, match="cannot name a folder"):
        Mount(ramp("uint8", 255), 2.0, sample)
