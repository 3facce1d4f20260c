import signal
import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pytest

from district import SAMPLES, District, Recorder, contents_of
from drawn import drawn_mount
from napari_zircon_cnn.actions import Reject
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project


def test_mosaics_become_samples(district: District, tmp_path: Path) -> None:
    recorder = Recorder()
    counts = segment_mosaics(
        tmp_path / "project", district.mosaics[:2], parameters={"edge_um": "10"}, progress=recorder
    )

    project = Project.open(tmp_path / "project")
    assert list(counts) == project.samples == ["BAT-1", "BAT-2"]
    for segmented in project.load_each(project.samples):
        labels = np.unique(segmented.labels)[1:]
        assert list(existing(segmented.table)) == list(labels)
        assert len(labels) == counts[segmented.mount.sample] > 0
    record = project.record.samples["BAT-1"]
    assert (record.method, record.parameters["edge_um"]) == ("adaptive", 10)
    assert record.parameters["contrast"] == 15
    recorder.assert_complete()


def test_more_mosaics_join_the_project(district: District) -> None:
    for sample, pixel_size_um in (("A", 0.5), ("B", 2.0)):
        segment_mosaics(
            district.project,
            district.mosaics[:1],
            method="nathwani2023",
            samples=[sample],
            pixel_size_um=pixel_size_um,
        )
    project = Project.open(district.project)
    assert project.samples == ["A", "B", *SAMPLES]
    assert project.record.samples["A"].pixel_size_um == 0.5
    areas = [project.table(sample)["area_um2"].sum() for sample in ("A", "B")]
    assert areas[0] == pytest.approx(areas[1] / 16)


def test_two_mosaics_of_one_sample_are_refused(district: District, tmp_path: Path) -> None:
    other = tmp_path / "BAT-1.png"
    other.write_bytes(district.mosaics[1].read_bytes())
    before = district.contents()
    with pytest.raises(ZirconError, match=r"would both be the sample BAT-1; give each mosaic a sample name"):
        segment_mosaics(district.project, [district.mosaics[0], other])
    with pytest.raises(ZirconError, match="There are 1 mosaics and 2 sample names; give one name a mosaic"):
        segment_mosaics(district.project, [other], samples=["A", "B"])
    with pytest.raises(ZirconError, match=r"already holds a sample BAT-1, from .*--overwrite"):
        segment_mosaics(district.project, [other])
    assert district.contents() == before


def test_curated_sample_is_known_before_any_mosaic_is_segmented(district: District) -> None:
    project = Project.open(district.project)
    project.curate(project.load("POR-2")).perform(Reject(labels=(1,), reason="crack"))
    before = district.contents()
    with pytest.raises(ZirconError, match="POR-2 has been curated"):
        segment_mosaics(district.project, district.mosaics, parameters={"edge_um": 6})
    assert district.contents() == before
    segment_mosaics(district.project, district.mosaics, overwrite=True)
    assert Project.open(district.project).ledger("POR-2") == []
    assert (district.project / "samples" / "POR-2" / "curation-1.jsonl").exists()


def test_mosaic_without_grains_is_answered_with_what_to_try(district: District, tmp_path: Path) -> None:
    black = tmp_path / "black.png"
    black.write_bytes(imagecodecs.png_encode(np.zeros((200, 200), np.uint8)))
    before = contents_of(district.project)
    with pytest.raises(
        ZirconError,
        match=r"No grain was found in black with adaptive \(contrast=.*_um=25\); look whether",
    ):
        segment_mosaics(district.project, [black])
    assert contents_of(district.project) == before


@pytest.mark.parametrize("after", [0.0, 0.3, 0.6])
def test_cancelling_leaves_whole_samples(district: District, after: float) -> None:
    before = district.contents()
    drawn = district.folder / "drawn.png"
    drawn.write_bytes(imagecodecs.png_encode(drawn_mount().mount.image))
    mosaics = [drawn, district.mosaics[0]]
    with pytest.raises(Cancelled):
        segment_mosaics(
            district.project,
            mosaics,
            parameters={"edge_um": 6},
            progress=Recorder(Cancelled, after),
        )
    drawn.unlink()
    project = Project.open(district.project)
    assert ("drawn" in project.samples) == (after > 0.5)
    if after < 0.5:
        assert district.contents() == before
    assert project.record.samples["BAT-1"].parameters["edge_um"] == 8


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_kill_at_any_moment_leaves_a_whole_sample(district: District) -> None:
    code = (
        "import sys\n"
        "from napari_zircon_cnn.cli import main\n"
        "for n in range(10**6):\n"
        "    try: main([*sys.argv[1:], '--set', f'edge_um={7 + n % 2}'])\n"
        "    except SystemExit: pass\n"
    )
    mosaic = district.mosaics[0]
    whole = {}
    for edge_um in (7, 8):
        counts = segment_mosaics(district.project, [mosaic], parameters={"edge_um": edge_um})
        labels = Project.open(district.project).load("BAT-1").labels
        whole[edge_um] = counts["BAT-1"], labels.tobytes()
    words: list[Path | str] = ["segment", mosaic, "-o", district.project]
    for delay in (0.0, 0.007, 0.023, 0.041):
        with subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        project = Project.open(district.project)
        loaded = project.load("BAT-1")
        edge_um = project.record.samples["BAT-1"].parameters["edge_um"]
        assert (len(usable(loaded.table)), loaded.labels.tobytes()) == whole[edge_um]
        assert project.samples == list(SAMPLES)


def test_moved_mosaic_is_found_again_with_its_curation(district: District) -> None:
    project = Project.open(district.project)
    curation = project.curate(project.load("BAT-1"))
    curation.perform(Reject(labels=(1,), reason="fragment"))
    project.save(curation.segmented)
    before = project.table("BAT-1")
    elsewhere = district.folder / "another place"
    elsewhere.mkdir()
    moved = district.mosaics[0].rename(elsewhere / district.mosaics[0].name)
    with pytest.raises(ZirconError, match="is no longer at"):
        project.load("BAT-1")

    counts = segment_mosaics(district.project, [moved], samples=["BAT-1"])

    found = Project.open(district.project).load("BAT-1")
    assert counts == {"BAT-1": len(usable(before))}
    assert found.mount.source == moved.resolve()
    pd.testing.assert_frame_equal(found.table, before)


def test_other_mosaic_does_not_take_a_missing_ones_place(district: District) -> None:
    district.mosaics[0].unlink()

    with pytest.raises(ZirconError, match="already holds a sample BAT-1"):
        segment_mosaics(district.project, [district.mosaics[1]], samples=["BAT-1"])


def test_project_may_be_moved_with_its_mosaics(district: District, tmp_path: Path) -> None:
    moved = district.folder.rename(tmp_path / "moved")

    project = Project.open(moved / district.project.name)

    assert [part.mount.sample for part in project.load_each(project.samples)] == project.samples
