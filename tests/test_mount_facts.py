from pathlib import Path

import numpy as np
import pytest

from drawn_mosaic import GRAIN, NOISE, RESIN, Mosaic
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.mount_facts import MountFacts, facts_of
from napari_zircon_cnn.samples.synthetic import synthetic_mount


def mosaic_with_seams() -> Mosaic:
    mosaic = Mosaic()
    for top in range(40, 600, 150):
        mosaic.add_grain(slice(top, top + 30), slice(100, 160))
    mosaic.add_line(np.s_[300:301, :], 2.0)
    mosaic.add_line(np.s_[:300, 500:501], 2.0)
    mosaic.add_line(np.s_[300:, 501:502], 2.0)
    return mosaic


@pytest.mark.parametrize("white", [255.0, 65535.0])
def test_brightness_and_noise_are_told_in_grey_values_of_8_bit(white: float) -> None:
    facts = facts_of(mosaic_with_seams().mount(white))

    assert facts.background == pytest.approx(RESIN, abs=1)
    assert facts.grain_level == pytest.approx(GRAIN, abs=1)
    assert facts.noise == pytest.approx(NOISE, rel=0.2)
    assert facts.background < facts.background_limit < 30


@pytest.mark.parametrize("white", [255.0, 65535.0])
def test_seams_are_found_where_they_lie_even_if_tiles_meet_unevenly(white: float) -> None:
    facts = facts_of(mosaic_with_seams().mount(white))

    assert set(facts.row_seams[:, 0]) == {300}
    assert facts.column_seams[:, 0].tolist() == [500, 501, 501]
    assert facts.column_seams[:, 1:].tolist() == [[0, 256], [256, 512], [512, 600]]


def test_streaks_and_edges_of_the_scan_are_no_seams() -> None:
    mosaic = Mosaic()
    mosaic.add_line(np.s_[100:104, 50:350], -4.0)
    mosaic.add_line(np.s_[300:303, 50:250], 4.0)
    mosaic.grey[400:, :300] = 0

    facts = facts_of(mosaic.mount())

    assert len(facts.row_seams) == len(facts.column_seams) == 0


@pytest.mark.parametrize("grey", [0, 9, 255])
@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (300, 300)])
def test_flat_mosaic_has_neither_grains_nor_seams(grey: int, shape: tuple[int, int]) -> None:
    facts = facts_of(Mount(np.full(shape, grey, np.uint8), 2.0, "flat"))

    assert (facts.background, facts.grain_level) == (grey, grey)
    assert len(facts.row_seams) == len(facts.column_seams) == 0


def lines(facts: MountFacts) -> tuple[set[int], set[int]]:
    return set(facts.row_seams[:, 0].tolist()), set(facts.column_seams[:, 0].tolist())


def test_turned_mosaic_has_its_seams_turned() -> None:
    mount = mosaic_with_seams().mount()
    turned = facts_of(Mount(np.rot90(mount.image).copy(), 2.0, "turned"))
    assert lines(turned) == ({800 - 1 - 500, 800 - 1 - 501}, {300})


def test_tiles_of_a_synthetic_mount_are_found() -> None:
    rows, columns = lines(facts_of(synthetic_mount(seed=0, shape=(900, 1300)).mount))
    assert np.diff(sorted(rows)).tolist() == [400] * (len(rows) - 1)
    assert np.diff(sorted(columns)).tolist() == [400] * (len(columns) - 1)
    assert (len(rows), len(columns)) == (2, 3)


@pytest.mark.quellaveco
def test_tiles_of_a_real_mosaic_are_found(quellaveco_data: Path) -> None:
    facts = facts_of(read_mount(quellaveco_data / "quellaveco" / "QVC061.png"))
    rows, columns = lines(facts)
    assert {min(abs(row - line) for row in (11, 511, 1011)) for line in rows} <= {0, 1}
    assert {min(abs(column - line) for column in (343, 843)) for line in columns} <= {0, 1}
    assert (len(rows), len(columns)) >= (3, 2)
