"""From classes to verdicts and files, by the buttons of the workbench and in the real worker process."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from district import CLASSES, SAMPLES, District
from gui import LIMIT_MS, button_of, finish, press, press_and_choose, say_what_the_samples_are, train
from napari_zircon_cnn.actions import Merge, Reject
from napari_zircon_cnn.export import export_csv, export_geojson, export_labels
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.networks.card import read_card
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.widgets.workbench import Workbench

Bench = tuple[Any, Workbench]


@pytest.fixture
def bench(make_napari_viewer_proxy: Callable[..., Any], district: District, qtbot: Any) -> Any:
    """Return a viewer with the workbench, the district's project and its first two samples."""
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = workbench.session
    session.open_project(district.project)
    finish(qtbot, session)
    for sample in SAMPLES[:2]:
        session.open_sample(sample)
        finish(qtbot, session)
    workbench.show_panel(workbench.train)
    yield viewer, workbench
    session.close()


def test_training_shows_its_curves_and_its_model_classifies(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    session, models = workbench.session, workbench.session.modelling
    train(workbench, qtbot)
    assert models.model_path is not None
    assert models.card == read_card(models.model_path)
    assert models.card.classes == CLASSES
    assert len(models.card.history) == 5
    assert "ROC-AUC" in workbench.train.state.text()

    workbench.show_panel(workbench.classify)
    press(qtbot, workbench.classify.classify_button)
    finish(qtbot, session)
    assert session.active is not None
    table = session.active.table
    assert table["probability"].iloc[usable(table)].notna().all()
    pd.testing.assert_frame_equal(viewer.layers["BAT-2 grains"].features, table, check_names=False)
    # All of it is seen in a window of 800 px, which leaves a panel some 640.
    content = workbench.classify.scroll_area.widget()
    qtbot.waitUntil(workbench.classify.hint_label.isHidden)
    assert max(content.minimumSizeHint().height(), content.heightForWidth(workbench.minimumWidth())) <= 640
    # All that is classified lies in the project too, that of samples which are not open as well.
    assert session.autosave is not None
    session.autosave.do(lambda: None).result()
    project = Project.read(session.autosave.project.folder)
    assert project.record.model is not None
    for sample in SAMPLES:
        on_disk = project.table(sample)
        assert on_disk["probability"].iloc[usable(on_disk)].notna().all()
    verdicts = project.verdicts()
    assert verdicts is not None
    assert list(verdicts["sample"]) == list(SAMPLES)
    # The window's process has loaded none of what would crash it.
    assert not {"tensorflow", "keras", "umap"} & set(sys.modules)


def test_model_and_verdicts_come_back_with_the_project(
    bench: Bench, district: District, tmp_path: Path, qtbot: Any
) -> None:
    _, workbench = bench
    session, models = workbench.session, workbench.session.modelling
    train(workbench, qtbot, epochs=1)
    card = models.card
    press(qtbot, workbench.classify.classify_button)
    finish(qtbot, session)
    assert session.autosave is not None
    session.autosave.do(lambda: None).result(timeout=1)
    # What a kill would leave at this moment, in another place.
    at_the_kill = Path(shutil.copytree(district.project, tmp_path / "at the kill"))
    shutil.rmtree(at_the_kill / "models")
    session.open_project(tmp_path / "new")
    finish(qtbot, session)
    assert models.card == card, "a new project goes on with the model in use"

    session.open_project(at_the_kill)
    finish(qtbot, session)
    assert models.classes == {sample: CLASSES[sample.startswith("POR")] for sample in SAMPLES}
    assert models.model_path == district.project.resolve() / "models" / "lenet5-1.keras"
    assert models.card == card
    qtbot.waitUntil(lambda: workbench.classify.histogram.isVisibleTo(workbench.classify))
    assert models.answered_by == card

    models.model_path.unlink()
    for folder in (tmp_path / "new", at_the_kill):
        session.open_project(folder)
        finish(qtbot, session)
        assert models.card is None
        assert "The model in use is no longer at" in workbench.status.message.text()
    assert "No model is in use" in workbench.classify.model.text()
    # The answer that stands in the tables can be read without it.
    qtbot.waitUntil(lambda: workbench.classify.histogram.isVisibleTo(workbench.classify))


def test_grain_that_changed_while_it_was_classified_has_no_probability(bench: Bench, qtbot: Any) -> None:
    _, workbench = bench
    session = workbench.session
    train(workbench, qtbot, epochs=1)
    assert session.active is not None
    one, other, third = (int(label) for label in usable(session.active.table)[:3])
    session.modelling.classify()
    session.perform(Merge(labels=(one, other)))
    session.perform(Reject(labels=(third,), reason="fragment"))
    finish(qtbot, session)

    table = session.active.table
    assert np.isnan(table["probability"].to_numpy()[one])
    others = np.setdiff1d(usable(table), [one])
    assert table["probability"].iloc[others].notna().all()
    session.undo()
    session.undo()
    assert list(existing(session.active.table))[:2] == [one, other]
    session.save()
    finish(qtbot, session)
    assert session.project is not None
    reloaded = Project.read(session.project.folder).load(session.active.name)
    pd.testing.assert_frame_equal(reloaded.table, session.active.table, rtol=1e-12)


def test_stopped_training_keeps_the_best_weights(bench: Bench, qtbot: Any) -> None:
    _, workbench = bench
    say_what_the_samples_are(workbench)
    workbench.train.epochs.setValue(100_000)
    press(qtbot, workbench.train.train_button)
    qtbot.waitUntil(lambda: workbench.train.state.text().startswith("Epoch"), timeout=LIMIT_MS)
    press(qtbot, workbench.train.stop_button)
    finish(qtbot, workbench.session)
    card = workbench.session.modelling.card
    assert card is not None
    assert 1 <= len(card.history) < 100_000
    assert workbench.train.train_button.isEnabled()


def test_killed_worker_is_told_and_the_next_training_works(bench: Bench, qtbot: Any) -> None:
    _, workbench = bench
    session = workbench.session
    say_what_the_samples_are(workbench)
    workbench.train.epochs.setValue(100_000)
    press(qtbot, workbench.train.train_button)
    qtbot.waitUntil(lambda: workbench.train.state.text().startswith("Epoch"), timeout=LIMIT_MS)
    number = session.modelling.worker.process_id
    assert number is not None
    os.kill(number, signal.SIGKILL)
    finish(qtbot, session)
    assert "has stopped" in workbench.status.message.text()
    assert session.modelling.card is None

    train(workbench, qtbot, epochs=1)
    assert session.modelling.card is not None


def test_missing_classes_are_answered_in_the_panel(bench: Bench, qtbot: Any) -> None:
    _, workbench = bench
    press(qtbot, workbench.train.train_button)
    finish(qtbot, workbench.session)
    assert "a network needs two or more to tell apart" in workbench.status.message.text()
    workbench.classify.classify()
    assert "find grains, then train or load one" in workbench.status.message.text()


def test_file_that_is_no_model_is_answered_in_the_panel(bench: Bench, tmp_path: Path) -> None:
    _, workbench = bench
    (tmp_path / "other.keras").write_bytes(b"something else")
    assert not workbench.session.modelling.load_model(tmp_path / "other.keras")
    assert "other.keras" in workbench.status.message.text()


def test_what_is_exported_is_what_is_shown(bench: Bench, tmp_path: Path, qtbot: Any) -> None:
    _, workbench = bench
    session = workbench.session
    assert session.active is not None
    first = int(usable(session.active.table)[0])
    session.perform(Reject(labels=(first,), reason="fragment"))
    for write, name in (
        (export_csv, "grains.csv"),
        (export_geojson, "grains.geojson"),
        (export_labels, "labels.tif"),
    ):
        workbench.classify.export_to(write, tmp_path / name)
        finish(qtbot, session)

    rows = pd.read_csv(tmp_path / "grains.csv").set_index("label")
    assert rows.loc[first, "reason"] == "fragment"
    assert list(rows.index) == list(existing(session.active.table))
    features = json.loads((tmp_path / "grains.geojson").read_text(encoding="utf-8"))["features"]
    assert {feature["properties"]["label"] for feature in features} == set(rows.index)
    assert (tmp_path / "labels.tif").stat().st_size


def test_report_is_written_by_the_worker(bench: Bench, tmp_path: Path, qtbot: Any) -> None:
    _, workbench = bench
    (tmp_path / "report").mkdir()
    press_and_choose(qtbot, button_of(workbench.classify, "HTML …"), tmp_path / "report")
    finish(qtbot, workbench.session)
    assert list((tmp_path / "report").glob("*.html"))


def test_model_is_saved_as_a_copy_that_can_be_loaded(bench: Bench, tmp_path: Path, qtbot: Any) -> None:
    _, workbench = bench
    models = workbench.session.modelling
    assert not models.save_model(tmp_path / "copy.keras")
    assert "There is no model to save" in workbench.status.message.text()
    train(workbench, qtbot, epochs=1)
    card = models.card
    press_and_choose(qtbot, workbench.classify.save_button, tmp_path / "copy.keras")
    assert "copy.keras is written" in workbench.status.message.text()
    press_and_choose(qtbot, workbench.classify.load_button, tmp_path / "copy.keras")
    assert models.model_path == tmp_path / "copy.keras"
    assert models.card == card


def test_devices_are_shown_while_the_user_looks_at_grains(bench: Bench, qtbot: Any) -> None:
    _, workbench = bench
    qtbot.waitUntil(lambda: "Found" in workbench.train.devices.text(), timeout=LIMIT_MS)
    assert "cpu:0" in workbench.train.devices.text()
