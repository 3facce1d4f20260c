"""From a mosaic to its grains, the same whether the mosaic is in memory or too large for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from district import Recorder, contents_of
from napari_zircon_cnn import grains, scratch
from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.find_grains import find_grains
from napari_zircon_cnn.grains import SegmentedMount, usable
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.mount import read_mount
from napari_zircon_cnn.overview import draw_overview
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.segmentation import adaptive


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiled mosaic with grains."""
    path = tmp_path_factory.mktemp("mosaics") / "A.tif"
    image = synthetic_mount(seed=4, shape=(700, 900)).mount.image
    tifffile.imwrite(path, image, tile=(128, 128), compression="zlib")
    return path


@pytest.fixture(scope="module")
def as_small(mosaic: Path) -> SegmentedMount:
    """Return the mosaic's grains, found in memory."""
    return find_grains(read_mount(mosaic))


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every mosaic and label image as too large for memory, and work in narrow bands."""
    monkeypatch.setattr(scratch, "LARGE_BYTES", 0)
    monkeypatch.setattr(grains, "_PIXELS_OF_A_BAND", 900 * 7)
    monkeypatch.setattr(adaptive, "_PAINTED_PX", 900 * 11)


def assert_same(one: SegmentedMount, other: SegmentedMount) -> None:
    assert np.array_equal(one.mount.image, other.mount.image)
    assert np.array_equal(one.labels, other.labels)
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)


@pytest.mark.usefixtures("all_are_large")
def test_large_mosaic_has_the_same_grains_as_a_small_one(mosaic: Path, as_small: SegmentedMount) -> None:
    recorder = Recorder()

    found = find_grains(read_mount(mosaic), progress=recorder)

    assert len(usable(found.table)) > 10
    assert_same(found, as_small)
    recorder.assert_complete()


@pytest.mark.usefixtures("all_are_large")
def test_large_mosaic_comes_back_from_its_project(
    mosaic: Path, as_small: SegmentedMount, tmp_path: Path
) -> None:
    segment_mosaics(tmp_path / "project", [mosaic])
    recorder = Recorder()

    loaded = Project.open(tmp_path / "project").load("A", recorder)

    assert_same(loaded, as_small)
    recorder.assert_complete()
    which = usable(loaded.table)
    assert np.array_equal(cut_crops(loaded, which), cut_crops(as_small, which))
    assert np.array_equal(draw_overview(loaded).picture, draw_overview(as_small).picture)


@pytest.mark.usefixtures("all_are_large")
def test_cancelling_at_any_step_leaves_nothing_behind(mosaic: Path, tmp_path: Path) -> None:
    whole = Recorder()
    segment_mosaics(tmp_path / "whole", [mosaic], progress=whole)
    steps = sorted(set(whole.fractions))
    before = contents_of(mosaic.parent)

    for after in steps[:: max(len(steps) // 25, 1)]:
        stopped = Recorder(Cancelled, after)
        with pytest.raises(Cancelled):
            segment_mosaics(tmp_path / "project", [mosaic], progress=stopped)
        assert stopped.fractions[-1] <= steps[min(steps.index(after) + 1, len(steps) - 1)]
        assert after == 1.0 or contents_of(tmp_path / "project") == {}
    assert contents_of(mosaic.parent) == before


@pytest.mark.usefixtures("all_are_large")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it needs to see which files are open")
def test_temporary_files_go_with_the_arrays(mosaic: Path) -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("(deleted)")

    before, n_open = mapped(), len(list(Path("/proc/self/fd").iterdir()))
    found = find_grains(read_mount(mosaic))
    assert mapped() > before

    del found
    assert mapped() == before
    assert len(list(Path("/proc/self/fd").iterdir())) == n_open
