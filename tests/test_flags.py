import numpy as np
import pytest

from drawn_mosaic import GRAIN, RESIN, Mosaic
from napari_zircon_cnn.columns import FLAGS
from napari_zircon_cnn.grains import flagged, measure


def flags_in(mosaic: Mosaic, white: float = 255.0, pixel_size_um: float = 2.0) -> dict[str, list[int]]:
    """Return which grains have each flag."""
    table = measure(mosaic.labels, mosaic.mount(white, pixel_size_um))
    return {flag: flagged(table, flag).tolist() for flag in FLAGS}


def test_plain_grain_has_no_flag() -> None:
    mosaic = Mosaic()
    mosaic.add_grain(slice(100, 130), slice(200, 260))
    assert flags_in(mosaic) == {flag: [] for flag in FLAGS}


@pytest.mark.parametrize(
    ("gap_px", "pixel_size_um", "touching"),
    [(0, 2.0, True), (2, 2.0, True), (3, 2.0, False), (5, 1.0, True), (6, 1.0, False), (0, 8.0, True)],
)
def test_touching_is_told_by_the_distance_in_um(gap_px: int, pixel_size_um: float, touching: bool) -> None:
    mosaic = Mosaic((120, 400))
    grains = [
        mosaic.add_grain(slice(40, 80), slice(100, 150)),
        mosaic.add_grain(slice(60, 80), slice(150 + gap_px, 200)),
    ]
    mosaic.add_grain(slice(40, 80), slice(300, 340))
    assert flags_in(mosaic, pixel_size_um=pixel_size_um)["touching"] == (grains if touching else [])


def test_boxes_that_overlap_do_not_make_grains_touch() -> None:
    mosaic = Mosaic((200, 200))
    rows, columns = np.indices((200, 200))
    for label, inside in enumerate((rows + columns < 150, rows + columns > 160), start=1):
        part = inside & (rows > 20) & (rows < 100) & (columns > 20) & (columns < 100)
        mosaic.labels[part], mosaic.grey[part] = label, GRAIN
    assert flags_in(mosaic)["touching"] == []


def mosaic_with_a_seam(*, turned: bool) -> Mosaic:
    """Return grains that end at a seam, cross it straight, cross it displaced, and stay away from it."""
    mosaic = Mosaic()
    mosaic.add_grain(slice(301, 330), slice(100, 140))
    mosaic.add_grain(slice(280, 320), slice(200, 230))
    displaced = mosaic.add_grain(slice(280, 301), slice(300, 330))
    mosaic.grey[301:320, 308:338], mosaic.labels[301:320, 308:338] = GRAIN, displaced
    mosaic.add_grain(slice(310, 330), slice(400, 440))
    rows, columns = np.indices(mosaic.labels.shape)
    disk = np.hypot(rows - 322, columns - 550) < 20
    mosaic.grey[disk], mosaic.labels[disk] = GRAIN, 5
    mosaic.add_line(np.s_[300:301, :], 3.0)
    if turned:
        mosaic.grey, mosaic.labels = np.rot90(mosaic.grey).copy(), np.rot90(mosaic.labels).copy()
    return mosaic


@pytest.mark.parametrize("turned", [False, True])
def test_grain_is_cut_where_its_outline_follows_a_seam(turned: bool) -> None:
    flags = flags_in(mosaic_with_a_seam(turned=turned))
    assert flags["cut_by_seam"] == [1, 3]
    # The seam's own line is no charging streak.
    assert flags["streaked"] == []


@pytest.mark.parametrize("white", [255.0, 65535.0])
def test_dim_and_saturated_grains_are_told_from_usual_ones(white: float) -> None:
    mosaic = Mosaic()
    for left in range(50, 450, 100):
        mosaic.add_grain(slice(50, 80), slice(left, left + 50))
    threshold = RESIN + (GRAIN - RESIN) / 3
    dim = mosaic.add_grain(slice(200, 230), slice(50, 100), threshold - 4)
    mosaic.add_grain(slice(200, 230), slice(250, 300), threshold + 4)
    saturated = mosaic.add_grain(slice(300, 340), slice(50, 100))
    mosaic.grey[300:303, 50:100] = 255
    mosaic.add_grain(slice(300, 340), slice(250, 300))
    mosaic.grey[300:301, 250:300] = 255

    flags = flags_in(mosaic, white)

    assert flags["dim"] == [dim]
    assert flags["saturated"] == [saturated]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("contrast", [-4.0, 4.0])
@pytest.mark.parametrize(
    ("streak", "streaked"),
    [
        (np.s_[113:117, 50:230], True),
        (np.s_[113:117, 230:400], True),
        (np.s_[113:114, 50:230], True),
        (np.s_[90:94, 50:400], False),
        (np.s_[113:117, 50:170], False),
        (np.s_[90:140, 50:200], False),
    ],
    ids=["left", "right", "thin", "above", "ends before", "broad"],
)
def test_streak_is_seen_in_the_resin_beside_the_grain(
    streak: tuple[slice, slice], streaked: bool, contrast: float, turned: bool
) -> None:
    mosaic = Mosaic((250, 450))
    grain = mosaic.add_grain(slice(100, 130), slice(200, 260))
    mosaic.add_line(streak, contrast)
    if turned:
        mosaic.grey, mosaic.labels = np.rot90(mosaic.grey).copy(), np.rot90(mosaic.labels).copy()
    assert flags_in(mosaic)["streaked"] == ([grain] if streaked else [])


def test_neighbours_beside_a_grain_are_no_streak() -> None:
    mosaic = Mosaic((250, 450))
    mosaic.add_grain(slice(100, 130), slice(200, 260))
    mosaic.add_grain(slice(108, 114), slice(120, 190), 60)
    mosaic.add_grain(slice(100, 110), slice(280, 330))
    assert flags_in(mosaic)["streaked"] == []
