import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from district import SAMPLES, District, Recorder, contents_of
from drawn import DISK, drawn_project
from napari_zircon_cnn.actions import Reject
from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing
from napari_zircon_cnn.jobs.export import export_project
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.sample_files import read_labels, read_table

ENDINGS = ("_grains.csv", "_grains.geojson", "_labels.tif")


def test_each_sample_s_grains_are_written_three_ways(district: District) -> None:
    folder, recorder = district.folder / "for é GIS", Recorder()
    before = contents_of(district.project)

    counts = export_project(district.project, folder, progress=recorder)

    assert contents_of(district.project) == before
    recorder.assert_complete()
    assert {path.name for path in folder.iterdir()} == {f"{name}{end}" for name in SAMPLES for end in ENDINGS}
    project = Project.read(district.project)
    for name in SAMPLES:
        segmented = project.load(name)
        np.testing.assert_array_equal(read_labels(folder / f"{name}_labels.tif"), segmented.labels)
        table = read_table(folder / f"{name}_grains.csv", len(segmented.table) - 1)
        np.testing.assert_array_equal(table["area_um2"], segmented.table["area_um2"])
        outlines = json.loads((folder / f"{name}_grains.geojson").read_bytes())
        labels = existing(segmented.table).tolist()
        assert [feature["id"] for feature in outlines["features"]] == labels
        rejected = int((segmented.table["status"] == REJECTED).sum())
        assert counts[name] == {"grains": len(labels), "rejected": rejected}


def test_rejected_grains_and_unsaved_steps_are_in_the_files(tmp_path: Path) -> None:
    project = drawn_project(tmp_path, "A", "B")
    project.curate(project.load("A")).perform(Reject(labels=(DISK,), reason="crack"))

    counts = export_project(project.folder, tmp_path / "out", ["A"])

    assert counts == {"A": {"grains": 3, "rejected": 1}}
    assert sorted(contents_of(tmp_path / "out")) == [f"A{end}" for end in ENDINGS]
    assert "rejected,crack" in (tmp_path / "out" / "A_grains.csv").read_text()


@pytest.mark.parametrize("after", [0.0, 0.6, 1.0])
def test_a_cancelled_export_leaves_everything_as_it_was(tmp_path: Path, after: float) -> None:
    project, out = drawn_project(tmp_path, "A", "B"), tmp_path / "out"
    export_project(project.folder, out, ["A"])
    project.curate(project.load("A")).perform(Reject(labels=(DISK,), reason="crack"))
    before = contents_of(tmp_path)
    with pytest.raises(Cancelled):
        export_project(project.folder, out, progress=Recorder(Cancelled, after))
    assert contents_of(tmp_path) == before


def test_what_cannot_be_exported_is_answered_with_a_sentence(tmp_path: Path) -> None:
    project = drawn_project(tmp_path, "A")
    before = contents_of(tmp_path)
    with pytest.raises(ZirconError, match="has no sample B; it has A"):
        export_project(project.folder, tmp_path / "out", ["B"])
    with pytest.raises(ZirconError, match="cannot be made"):
        export_project(project.folder, tmp_path / "A.png" / "out")
    assert contents_of(tmp_path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("delay", [0.0, 0.002, 0.02])
def test_after_a_kill_the_next_export_is_whole(tmp_path: Path, delay: float) -> None:
    project, out = drawn_project(tmp_path, "A", "B"), tmp_path / "out"
    code = (
        "import sys; from napari_zircon_cnn.jobs.export import export_project\n"
        "while True: export_project(sys.argv[1], sys.argv[2])"
    )
    with subprocess.Popen([sys.executable, "-c", code, project.folder, out]) as process:
        while process.poll() is None and not any(out.glob("B*")):
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
    assert process.returncode == -signal.SIGKILL

    with suppress(FileNotFoundError):
        assert json.loads((out / "A_grains.geojson").read_bytes())["sample"] == "A"
    export_project(project.folder, out)
    files = {name for name in contents_of(out) if not name.startswith(".unfinished-")}
    assert files == {f"{name}{end}" for name in "AB" for end in ENDINGS}
