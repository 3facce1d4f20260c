"""Projects in the window: recovered after a kill, locked, copied, found again, and left in order."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QMenu, QMessageBox

from curating import assert_same, state_of
from drawn import drawn_project
from gui import button_of, finish, press, press_and_choose
from napari_zircon_cnn.actions import Merge, Reject
from napari_zircon_cnn.class_file import read_classes, write_classes
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_lock import is_being_written
from napari_zircon_cnn.recovery import OpenProject, left_work
from napari_zircon_cnn.widgets.left_work_offer import LeftWorkOffer
from napari_zircon_cnn.widgets.preferences import Preferences, preferences
from napari_zircon_cnn.widgets.session import Session, session_of
from napari_zircon_cnn.widgets.workbench import Workbench

PLUGIN = "napari-zircon-cnn"
FRAGMENT = Reject(labels=(3,), reason="fragment")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a project of one drawn mount."""
    return drawn_project(tmp_path).folder


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Any]) -> Any:
    return make_napari_viewer_proxy()


def workbench_of(viewer: Any) -> Workbench:
    _, workbench = viewer.window.add_plugin_dock_widget(PLUGIN, "Zircon CNN")
    assert isinstance(workbench, Workbench)
    return workbench


def open_drawn(session: Session, project: Path, qtbot: Any) -> None:
    session.open_project(project)
    finish(qtbot, session)
    session.open_sample("drawn")
    finish(qtbot, session)


def leave_as_a_kill_does(project: Path) -> None:
    """Leave steps in the ledger, and the note of a window whose lock the system has released."""
    opened = OpenProject(project)
    opened.note(["drawn"])
    curation = Project.open(project)
    curation.curate(curation.load("drawn")).perform(FRAGMENT)
    (note,) = left_notes()
    content = note.read_bytes()
    opened.close()
    note.write_bytes(content)


def left_notes() -> list[Path]:
    import platformdirs

    return list((Path(platformdirs.user_state_path(PLUGIN)) / "open").glob("*.json"))


def entries_of(button: Any) -> list[str]:
    menu: QMenu = button.menu()
    menu.aboutToShow.emit()
    return [action.text() for action in menu.actions() if action.text()]


def test_work_of_a_killed_window_is_offered_and_restored(viewer: Any, project: Path, qtbot: Any) -> None:
    leave_as_a_kill_does(project)
    workbench = workbench_of(viewer)
    offer = workbench.findChild(LeftWorkOffer)
    assert not offer.isHidden()
    assert offer.sentence.text().startswith("Unsaved work of project from ")

    offer.restore.click()
    finish(qtbot, workbench.session)
    finish(qtbot, workbench.session)
    qtbot.waitUntil(lambda: workbench.session.active is not None)
    assert workbench.session.active is not None
    assert workbench.session.active.table.at[3, "status"] == "rejected"
    assert offer.isHidden()
    assert left_work() == []


def test_classes_are_on_disk_at_once_and_restored_after_a_kill(
    make_napari_viewer_proxy: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> None:
    folder = drawn_project(tmp_path, "one", "two").folder
    session = workbench_of(make_napari_viewer_proxy()).session
    session.open_project(folder)
    finish(qtbot, session)
    workbench = workbench_of(session.viewer)
    panel = workbench.train
    workbench.show_panel(panel)
    classes = {"one": "skarn", "two": "barren"}
    for row, name in enumerate(classes.values()):
        panel.table.cellWidget(row, 2).setCurrentText(name)
    panel.target.setCurrentText("barren")
    panel.target.textActivated.emit("barren")
    hold_out = panel.table.cellWidget(1, 3)
    assert isinstance(hold_out, QCheckBox)
    # The box itself, at the left of its cell.
    qtbot.mouseClick(hold_out, Qt.MouseButton.LeftButton, pos=QPoint(8, hold_out.height() // 2))
    assert session.modelling.held_out == ("two",)
    assert session.autosave is not None
    session.autosave.do(lambda: None).result(timeout=1)
    (note,) = left_notes()
    content, at_the_kill = note.read_bytes(), shutil.copytree(folder, tmp_path / "at the kill")
    session.close()
    shutil.rmtree(folder)
    shutil.move(at_the_kill, folder)
    note.write_bytes(content)

    workbench = workbench_of(make_napari_viewer_proxy())
    workbench.findChild(LeftWorkOffer).restore.click()
    finish(qtbot, workbench.session)
    assert workbench.train.table.classes == classes
    assert workbench.train.table.held_out == ["two"]
    # The class whose probability is shown is named last, as the command line would read it.
    assert workbench.train.target.currentText() == "barren"
    assert read_classes(folder / "classes.csv") == classes
    workbench.session.close()


def test_classes_come_from_a_file_and_the_project_goes_to_a_folder_by_dialogs(
    viewer: Any, project: Path, qtbot: Any, tmp_path: Path
) -> None:
    workbench = workbench_of(viewer)
    open_drawn(workbench.session, project, qtbot)
    write_classes({"drawn": "skarn"}, tmp_path / "one class.csv")
    from_file = button_of(workbench.train, "Classes from a file …")
    press_and_choose(qtbot, from_file, tmp_path / "one class.csv")
    assert "names 1 class; a network needs two or more" in workbench.status.message.text()
    press_and_choose(qtbot, button_of(workbench.mount, "Save as …"), tmp_path / "copy")
    finish(qtbot, workbench.session)
    assert workbench.mount.where.text() == str(tmp_path / "copy")


def test_class_chosen_in_one_panel_is_shown_in_the_other(viewer: Any, project: Path, qtbot: Any) -> None:
    workbench = workbench_of(viewer)
    _, other = viewer.window.add_plugin_dock_widget(PLUGIN, "Train")
    open_drawn(workbench.session, project, qtbot)
    workbench.train.table.cellWidget(0, 2).setCurrentText("skarn")
    assert other.table.classes == {"drawn": "skarn"}
    other.table.cellWidget(0, 2).setCurrentText("")
    assert workbench.train.table.classes == {"drawn": ""}


def test_classes_that_cannot_be_read_are_told_and_the_project_opens(
    viewer: Any, project: Path, qtbot: Any
) -> None:
    (project / "classes.csv").write_bytes(b"sample;class\n")
    workbench = workbench_of(viewer)
    workbench.session.open_project(project)
    finish(qtbot, workbench.session)
    assert workbench.session.project is not None
    assert "its header must be: sample,class" in workbench.status.message.text()


def test_not_now_offers_again_at_the_next_start(viewer: Any, project: Path) -> None:
    leave_as_a_kill_does(project)
    workbench = workbench_of(viewer)
    offer = workbench.findChild(LeftWorkOffer)
    offer.not_now.click()
    assert offer.isHidden()
    assert [left.folder for left in left_work()] == [project.resolve()]


def test_project_open_elsewhere_is_refused_with_a_sentence(viewer: Any, project: Path, qtbot: Any) -> None:
    workbench = workbench_of(viewer)
    other = OpenProject(project)
    workbench.session.open_project(project)
    finish(qtbot, workbench.session)
    assert "is open in another napari window (process" in workbench.status.message.text()
    assert workbench.session.project is None
    other.close()
    workbench.session.open_project(project)
    finish(qtbot, workbench.session)
    assert workbench.session.project is not None
    workbench.session.open_project(project)
    finish(qtbot, workbench.session)
    assert "is open here already" in workbench.status.message.text()


def test_save_as_goes_on_in_the_copy_and_both_are_recent(
    viewer: Any, project: Path, qtbot: Any, tmp_path: Path
) -> None:
    workbench = workbench_of(viewer)
    session = workbench.session
    open_drawn(session, project, qtbot)
    session.perform(Merge(labels=(1, 2)))
    session.save_as(tmp_path / "copy")
    finish(qtbot, session)
    assert workbench.mount.where.text() == str(tmp_path / "copy")
    assert not is_being_written(project)
    session.undo()
    session.perform(FRAGMENT)
    session.save()
    finish(qtbot, session)
    assert session.active is not None
    assert_same(state_of(Project.read(tmp_path / "copy").load("drawn")), state_of(session.active.segmented))
    assert len(Project.read(project).ledger("drawn")) == 1
    assert entries_of(workbench.mount.recent_button) == ["copy", "project"]

    session.save_as(tmp_path)
    finish(qtbot, session)
    assert "holds something already" in workbench.status.message.text()


def test_session_outlives_its_panels_and_ends_with_the_window(viewer: Any, project: Path, qtbot: Any) -> None:
    workbench = workbench_of(viewer)
    session = workbench.session
    open_drawn(session, project, qtbot)
    viewer.window.remove_dock_widget(workbench)
    assert session_of(viewer) is session
    assert workbench_of(viewer).session is session
    session.perform(FRAGMENT)
    viewer.close()
    assert not is_being_written(project)
    assert left_work() == []
    saved = Project.read(project)
    assert saved.record.samples["drawn"].n_curated == 1
    assert saved.table("drawn").at[3, "status"] == "rejected"


def test_closing_in_the_middle_of_work_asks_first(
    make_napari_viewer_proxy: Callable[..., Any], project: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    session = workbench_of(viewer).session
    open_drawn(session, project, qtbot)
    window = viewer.window.main_menu.window()
    asked: list[str] = []

    def answer(parent: Any, title: str, text: str, *choices: Any) -> Any:
        asked.append(text)
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", answer)
    session.open_sample("drawn")
    window.close()
    assert "still opening the sample" in asked[0]
    assert window.isVisible()
    finish(qtbot, session)
    assert is_being_written(project)
    viewer.close()
    assert not is_being_written(project)


def test_preferences_are_read_and_take_effect(viewer: Any, project: Path, qtbot: Any) -> None:
    from napari.settings import get_plugin_settings

    workbench = workbench_of(viewer)
    session = workbench.session
    assert preferences() == Preferences()
    settings = get_plugin_settings(PLUGIN)
    settings.files.cache_folder = "/some/where"
    settings.computing.device = "GPU 1"
    assert preferences().cache_folder == Path("/some/where")
    assert preferences().environment == {"CUDA_VISIBLE_DEVICES": "1"}

    open_drawn(session, project, qtbot)
    session.perform(FRAGMENT)
    assert session._save_soon.remainingTime() > 4 * 60_000
    settings.files.autosave_minutes = 0
    assert not session._save_soon.isActive()
    settings.files.autosave_minutes = 1
    assert 0 < session._save_soon.remainingTime() < 2 * 60_000
    session._save_soon.timeout.emit()
    qtbot.waitUntil(lambda: Project.read(project).record.samples["drawn"].n_curated == 1)


def test_save_button_saves(viewer: Any, project: Path, qtbot: Any) -> None:
    workbench = workbench_of(viewer)
    open_drawn(workbench.session, project, qtbot)
    workbench.session.perform(FRAGMENT)
    press(qtbot, workbench.mount.save_button)
    finish(qtbot, workbench.session)
    assert Project.read(project).record.samples["drawn"].n_curated == 1
