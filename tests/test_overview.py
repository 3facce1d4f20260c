"""The picture of a mosaic with its outlines."""

import numpy as np
import pytest

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.figures import viridis
from napari_zircon_cnn.grains import SegmentedMount, measure
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.overview import UNCLASSIFIED_COLOUR, draw_overview, scale_bar

SCALE = 4.0
LEFT_EDGE_OF_BOX = (70, 140)
"""A pixel in the middle of the upright box's left side, as row and column."""


def colour_at(segmented: SegmentedMount, row: int, column: int) -> list[int]:
    """Return the picture's colour at the centre of a pixel of the mosaic."""
    overview = draw_overview(segmented, long_side_px=1200)
    assert overview.scale == SCALE
    centre = [round((place + 0.5) * SCALE - 0.5) for place in (row, column)]
    colour: list[int] = overview.picture[centre[0], centre[1]].tolist()
    return colour


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_outline_has_the_colour_of_its_probability(probability: float) -> None:
    segmented = drawn_mount()
    segmented.table.loc[UPRIGHT_BOX, "probability"] = probability
    assert colour_at(segmented, *LEFT_EDGE_OF_BOX) == viridis([probability])[0].tolist()


def test_outline_is_white_where_nothing_was_classified() -> None:
    assert colour_at(drawn_mount(), *LEFT_EDGE_OF_BOX) == list(UNCLASSIFIED_COLOUR)


def test_rejected_grain_keeps_its_probability_to_itself() -> None:
    segmented = drawn_mount()
    segmented.table.loc[UPRIGHT_BOX, "status"] = "rejected"
    segmented.table.loc[UPRIGHT_BOX, "probability"] = 1.0
    side = draw_overview(segmented).picture[4 * 45 : 4 * 95, 4 * 140 : 4 * 141].astype(int)
    assert np.ptp(side, axis=2).max() == 0  # grey
    assert side.min() < 160 <= side.max()  # with gaps


def test_inside_and_background_stay_grey() -> None:
    overview = draw_overview(drawn_mount())
    for row, column in ((60, 60), (10, 280)):
        red, green, blue = overview.picture[int(row * SCALE), int(column * SCALE)].tolist()
        assert red == green == blue


def test_large_mosaic_is_made_small_and_keeps_its_places() -> None:
    labels = np.zeros((600, 4000), np.int32)
    labels[200:400, 2000:2400] = 1
    mount = Mount(np.where(labels, 40000, 2000).astype(np.uint16), 0.5, "wide", white=65535.0)
    overview = draw_overview(SegmentedMount(mount, labels, measure(labels, mount)), long_side_px=1000)
    assert overview.picture.shape == (150, 1000, 3)
    assert overview.picture[75, 500].tolist() == list(UNCLASSIFIED_COLOUR)
    assert overview.picture[75, 550].min() > 200
    assert overview.picture[75, 300].max() < 60


def test_strips_join_without_a_seam() -> None:
    ramp = np.linspace(0, 255, 3000).astype(np.uint8)
    mount = Mount(np.repeat(ramp[:, None], 500, axis=1), 2.0, "ramp")
    labels = np.zeros(mount.image.shape, np.int32)
    column = draw_overview(SegmentedMount(mount, labels, measure(labels, mount)), 1000).picture[:, 10, 0]
    assert (np.diff(column[100:].astype(int)) >= 0).all()
    assert np.diff(column[100:].astype(int)).max() <= 2


def test_black_mosaic_stays_black() -> None:
    mount = Mount(np.zeros((50, 60), np.uint8), 2.0, "black")
    labels = np.zeros((50, 60), np.int32)
    assert not draw_overview(SegmentedMount(mount, labels, measure(labels, mount))).picture.any()


@pytest.mark.parametrize(
    ("columns", "pixel_size_um", "length_um", "text"),
    [
        (2801, 2.0, 1000, "1 mm"),
        (1000, 2.0, 200, "200 µm"),
        (300, 0.1, 5, "5 µm"),
        (20000, 2.0, 5000, "5 mm"),
    ],
)
def test_scale_bar_is_round_and_true(columns: int, pixel_size_um: float, length_um: float, text: str) -> None:
    bar = scale_bar(Mount(np.zeros((2, columns), np.uint8), pixel_size_um, "x"))
    assert bar.length_um == pytest.approx(length_um)
    assert bar.text == text
    assert bar.share * columns * pixel_size_um == pytest.approx(length_um)


def test_every_grain_is_outlined() -> None:
    segmented = drawn_mount()
    bare = draw_overview(SegmentedMount(segmented.mount, segmented.labels, segmented.table.iloc[:1])).picture
    changed = (draw_overview(segmented).picture != bare).any(axis=2)
    for label in (DISK, UPRIGHT_BOX, TILTED_BOX):
        inside = np.kron(segmented.labels == label, np.ones((4, 4), bool))
        assert changed[inside].any()
