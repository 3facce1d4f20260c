"""A full disk: a sentence in the panel that says what to do, and nothing lost."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curating import assert_same, state_of
from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount, drawn_project
from gui import finish
from napari_zircon_cnn.actions import Accept, Merge, Reject
from napari_zircon_cnn.export import export_csv, export_geojson, export_labels
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.workbench import Workbench
from small_disk import SmallDisk, names_in, small_disk

NO_SPACE = "No space left on device"
LIMIT_MS = 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Return a small disk with a project on it."""
    with small_disk(tmp_path / "disk") as disk:
        drawn_project(disk.folder)
        yield disk


@pytest.fixture
def bench(disk: SmallDisk, make_napari_viewer_proxy: Callable[..., Any], qtbot: Any) -> Iterator[Workbench]:
    """Return a workbench with the drawn sample, whose project lies on the small disk."""
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = workbench.session
    session.open_project(disk.folder / "project")
    finish(qtbot, session)
    session.open_sample("drawn")
    finish(qtbot, session)
    yield workbench
    disk.make_room()
    session.close()


def sample_of(workbench: Workbench) -> OpenSample:
    assert workbench.session.active is not None
    return workbench.session.active


def message(workbench: Workbench) -> str:
    return str(workbench.status.message.text())


def written(workbench: Workbench) -> None:
    """Wait until all that was asked for has reached the disk, or has failed to."""
    assert workbench.session.autosave is not None
    workbench.session.autosave.do(lambda: None).result()


def assert_all_is_on_disk(workbench: Workbench, disk: SmallDisk) -> None:
    written(workbench)
    on_disk = Project.read(disk.folder / "project").load("drawn")
    assert_same(state_of(sample_of(workbench).segmented), state_of(on_disk))


def test_steps_wait_for_room(bench: Workbench, disk: SmallDisk, qtbot: Any) -> None:
    session = bench.session
    session.perform(Reject(labels=(DISK,), reason="fragment"))
    written(bench)
    disk.fill()
    # What is left of the ledger's last block takes some more lines, and the last of them in part.
    for _ in range(100):
        assert session.perform(Accept(labels=(UPRIGHT_BOX,), reason="looked at by eye"))
        written(bench)
        qtbot.wait(1)
        if "could not be written" in message(bench):
            break
    assert message(bench) == (
        f"⚠ 1 steps on drawn could not be written to {disk.folder / 'project'} ({NO_SPACE}); "
        "make room there, the next step takes them along."
    )
    session.perform(Merge(labels=(UPRIGHT_BOX, TILTED_BOX)))
    written(bench)
    disk.make_room()
    session.undo()
    assert_all_is_on_disk(bench, disk)


def test_save_says_that_there_is_no_room_and_works_once_there_is(
    bench: Workbench, disk: SmallDisk, qtbot: Any
) -> None:
    session = bench.session
    session.perform(Merge(labels=(DISK, UPRIGHT_BOX)))
    written(bench)
    disk.fill()
    session.save()
    finish(qtbot, session)
    assert message(bench) == (
        f"⚠ drawn could not be written to {disk.folder / 'project'} ({NO_SPACE}); "
        "make room there and save again, its steps are kept meanwhile."
    )
    # The project is what it was, with the step in its ledger.
    assert_all_is_on_disk(bench, disk)

    session.perform(Reject(labels=(TILTED_BOX,), reason="fragment"))
    disk.make_room()
    session.save()
    finish(qtbot, session)
    project = Project.read(disk.folder / "project")
    assert project.record.samples["drawn"].n_curated == len(project.ledger("drawn")) == 2
    assert_all_is_on_disk(bench, disk)


def test_save_by_itself_tells_of_a_full_disk(bench: Workbench, disk: SmallDisk, qtbot: Any) -> None:
    bench.session.perform(Merge(labels=(DISK, UPRIGHT_BOX)))
    written(bench)
    disk.fill()
    bench.session.save_changed()
    qtbot.waitUntil(lambda: "make room there and save again" in message(bench), timeout=LIMIT_MS)
    disk.make_room()
    assert len(bench.session.save_changed()) == 1


@pytest.mark.parametrize("write", [export_csv, export_geojson, export_labels])
def test_export_says_that_there_is_no_room_and_leaves_nothing_half_written(
    bench: Workbench, disk: SmallDisk, qtbot: Any, write: Any
) -> None:
    before = names_in(disk.folder)
    disk.fill()
    bench.classify.export_to(write, disk.folder / "exported")
    finish(qtbot, bench.session)
    assert message(bench).startswith(f"⚠ {NO_SPACE}")
    assert message(bench).endswith("Make room or choose another place, and start it again.")
    assert names_in(disk.folder) == before
    disk.make_room()
    bench.classify.export_to(write, disk.folder / "exported")
    finish(qtbot, bench.session)
    assert message(bench) == f"{disk.folder / 'exported'} is written."


def test_model_that_finds_no_room_keeps_the_old_file(
    bench: Workbench, disk: SmallDisk, tmp_path: Path
) -> None:
    models = bench.session.modelling
    models.model_path = tmp_path / "trained.keras"
    models.model_path.write_bytes(bytes(100_000))
    copy = disk.folder / "copy.keras"
    copy.write_bytes(b"an older model")
    disk.fill()
    assert not models.save_model(copy)
    assert message(bench).startswith(f"⚠ {copy} cannot be written (")
    assert NO_SPACE in message(bench)
    assert message(bench).endswith("; choose another place.")
    assert copy.read_bytes() == b"an older model"
    disk.make_room()
    assert models.save_model(copy)
    assert copy.read_bytes() == bytes(100_000)


def test_grains_that_find_no_room_leave_the_project_as_it_was(
    bench: Workbench, disk: SmallDisk, qtbot: Any
) -> None:
    session = bench.session
    before = names_in(disk.folder)
    image = drawn_mount().mount.image
    session.viewer.add_image(image, name="another", scale=(2, 2), units=("um", "um"))
    disk.fill()
    bench.segment.run()
    finish(qtbot, session)
    assert message(bench).startswith(f"⚠ {NO_SPACE}")
    assert message(bench).endswith("Make room or choose another place, and start it again.")
    assert names_in(disk.folder) == before
    assert Project.read(disk.folder / "project").samples == ["drawn"]
    disk.make_room()
    bench.segment.run()
    finish(qtbot, session)
    assert sample_of(bench).name == "another"
    assert_same(
        state_of(sample_of(bench).segmented),
        state_of(Project.read(disk.folder / "project").load("another")),
    )


def test_project_that_cannot_be_made_is_refused(bench: Workbench, disk: SmallDisk, qtbot: Any) -> None:
    disk.fill()
    bench.session.open_project(disk.folder / "new")
    finish(qtbot, bench.session)
    assert NO_SPACE in message(bench)
    assert bench.session.project is not None
    assert bench.session.project.folder == disk.folder / "project"
