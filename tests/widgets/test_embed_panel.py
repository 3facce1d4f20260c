"""Grains laid out by what a network sees in them, by mouse and buttons, in the real worker process."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip

from district import SAMPLES, District
from gui import drag_on, finish, press, press_key, train
from looked_into import write_blind_network
from napari_zircon_cnn.actions import Accept, Reject
from napari_zircon_cnn.columns import ACCEPTED, REJECTED
from napari_zircon_cnn.embedding_file import Embedding, EmbeddingSettings
from napari_zircon_cnn.grains import existing, usable, with_coordinates
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets import embedding
from napari_zircon_cnn.widgets.workbench import Workbench

Bench = tuple[Any, Workbench]

UMAP = ["umap_1", "umap_2", "umap_3"]


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of two samples whose grains lie as on their mounts, one mount beside the other."""
    folder = tmp_path_factory.mktemp("laid out")
    paths = [folder / "ONE.png", folder / "TWO.png"]
    for seed, path in enumerate(paths):
        drawn = synthetic_mount(seed, (1000, 1000), n_grains=60, pixel_size_um=4.0, sample=path.stem)
        path.write_bytes(imagecodecs.png_encode(drawn.mount.image))
    segment_mosaics(folder / "project", paths, pixel_size_um=4.0)
    project = Project.open(folder / "project")
    tables = {}
    for n, name in enumerate(project.samples):
        table = project.table(name)
        labels = usable(table)
        places = table.loc[labels, ["centroid_x_um", "centroid_y_um", "area_um2"]].to_numpy(float)
        tables[name] = with_coordinates(table, labels, places + np.array([5000.0 * n, 0, 0]), "umap")
    nothing = np.empty((0, 3))
    project.save_embedding(
        tables,
        Embedding(
            EmbeddingSettings(), "", np.empty(0, "U1"), nothing.astype(np.float32), nothing, np.empty(0, bool)
        ),
    )
    return folder


@pytest.fixture
def plot(make_napari_viewer_proxy: Callable[..., Any], laid_out: Path, tmp_path: Path, qtbot: Any) -> Any:
    """Return a window with the workbench turned to the plot of both samples; ONE is shown."""

    project = Path(shutil.copytree(laid_out, tmp_path / "copy")) / "project"
    viewer = make_napari_viewer_proxy(show=True)
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = workbench.session
    session.open_project(project)
    finish(qtbot, session)
    for name in ("TWO", "ONE"):
        session.open_sample(name)
        finish(qtbot, session)
    workbench.curate.goes_on.setChecked(False)
    workbench.show_panel(workbench.embed)
    qtbot.waitUntil(lambda: len(workbench.embed.points) > 0 and workbench.embed.scatter.isVisible())
    # The column has its final heights.
    qtbot.wait(50)
    yield viewer, workbench
    session.close()


def places_in(workbench: Workbench, sample: str) -> tuple[list[int], np.ndarray]:
    """Return the labels of a sample's points and where they are drawn."""
    points = workbench.embed.points
    here = (points["sample"] == sample).to_numpy()
    return points.loc[here, "label"].tolist(), workbench.embed.scatter.places()[here]


def around(low: np.ndarray, high: np.ndarray) -> list[QPoint]:
    """Return a line around a box of the scatter, drawn by hand in small steps."""
    (left, top), (right, bottom) = low, high
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 2)])
    steps = np.linspace(corners[:-1], corners[1:], 8, axis=1).reshape(-1, 2)
    return [QPoint(round(x), round(y)) for x, y in steps]


def around_thirty(labels: list[int], places: np.ndarray) -> tuple[set[int], list[QPoint]]:
    """Return thirty grains at one side of the others, and a line around them."""
    low, high = places.min(axis=0) - 6, places.max(axis=0) + 6
    sides = []
    for axis in (0, 1):
        order = np.argsort(places[:, axis])
        for kept, other in ((order[:30], order[30]), (order[-30:][::-1], order[-31])):
            last = places[kept[-1], axis]
            sides.append((abs(places[other, axis] - last), axis, kept, (places[other, axis] + last) / 2))
    gap, axis, kept, border = max(sides, key=lambda side: side[0])
    assert gap > 1
    (high if places[kept[0], axis] < border else low)[axis] = border
    return {labels[n] for n in kept}, around(low, high)


def on_disk(workbench: Workbench, sample: str) -> pd.DataFrame:
    session = workbench.session
    assert session.autosave is not None
    for save in session.save_changed():
        save.result()
    session.autosave.do(lambda: None).result()
    return Project.read(session.autosave.project.folder).table(sample)


def test_thirty_grains_are_lassoed_rejected_and_come_back(plot: Bench, qtbot: Any) -> None:
    viewer, workbench = plot
    session, scatter = workbench.session, workbench.embed.scatter
    sample = session.active
    assert sample is not None
    labels, places = places_in(workbench, "ONE")
    thirty, line = around_thirty(labels, places)
    drag_on(scatter, *line)
    selected = set(sample.selected)
    assert len(selected) == 30
    assert selected == thirty
    assert set(workbench.curate.table.selection()) == selected
    assert set(workbench.embed.points.loc[scatter.marked, "label"]) == selected
    assert f"selected: {len(selected)} in ONE" in workbench.embed.state.text()

    before, colours = sample.table.copy(), sample.colours.data.copy()
    opacities = scatter._colours[:, 3].copy()
    press_key(sample, "R")
    assert (sample.table.loc[sorted(selected), "status"] == REJECTED).all()
    rejected = on_disk(workbench, "ONE")
    assert (rejected.loc[sorted(selected), "status"] == REJECTED).all()
    assert rejected.loc[sorted(selected), UMAP].notna().all(axis=None)
    qtbot.waitUntil(lambda: (scatter._colours[:, 3] < opacities).sum() == len(selected))

    press_key(sample, "Ctrl+Z")
    pd.testing.assert_frame_equal(sample.table, before)
    assert set(sample.selected) == selected
    np.testing.assert_array_equal(sample.colours.data, colours)
    np.testing.assert_array_equal(viewer.layers["ONE grains"].data, sample.segmented.labels)
    qtbot.waitUntil(lambda: bool((scatter._colours[:, 3] == opacities).all()))
    assert set(workbench.embed.points.loc[scatter.marked, "label"]) == selected
    pd.testing.assert_frame_equal(on_disk(workbench, "ONE"), before, check_names=False, rtol=1e-12)


def test_what_is_selected_elsewhere_is_marked_in_the_plot(plot: Bench, qtbot: Any) -> None:
    _, workbench = plot
    sample, embed = workbench.session.active, workbench.embed
    assert sample is not None
    chosen = [int(label) for label in usable(sample.table)[[2, 5]]]
    workbench.curate.table.selected.emit(chosen)
    assert sorted(embed.points.loc[embed.scatter.marked, "label"]) == chosen
    sample.select([])
    assert len(embed.scatter.marked) == 0
    assert "selected: none" in embed.state.text()


def test_point_that_the_mouse_rests_on_is_named(plot: Bench, qtbot: Any) -> None:
    _, workbench = plot
    scatter = workbench.embed.scatter
    labels, places = places_in(workbench, "ONE")
    place = QPoint(round(float(places[3, 0])), round(float(places[3, 1])))
    QApplication.sendEvent(scatter, QHelpEvent(QEvent.Type.ToolTip, place, scatter.mapToGlobal(place)))
    qtbot.waitUntil(lambda: QToolTip.text().startswith("Grain "))
    assert QToolTip.text() == f"Grain {labels[3]} of ONE; unreviewed"
    QToolTip.hideText()


def test_click_on_a_grain_of_another_sample_turns_to_it(plot: Bench, qtbot: Any) -> None:
    viewer, workbench = plot
    labels, places = places_in(workbench, "TWO")
    x, y = places[7]
    qtbot.mouseClick(
        workbench.embed.scatter, Qt.MouseButton.LeftButton, pos=QPoint(round(float(x)), round(float(y)))
    )
    active = workbench.session.active
    assert active is not None
    assert active.name == "TWO"
    (label,) = active.selected
    away = np.hypot(*(places - (x, y)).T)
    assert away[labels.index(label)] <= 9
    assert viewer.layers["TWO grains"].visible
    assert not viewer.layers["ONE grains"].visible
    # It stays so when a layer comes or goes.
    viewer.add_points(np.zeros((1, 2)))
    assert workbench.session.active == active
    assert workbench.mount.chosen == active.image


def test_lasso_over_two_samples_selects_in_both_and_says_so(plot: Bench) -> None:
    _, workbench = plot
    session, places = workbench.session, workbench.embed.scatter.places()
    drag_on(workbench.embed.scatter, *around(places.min(axis=0) - 6, places.max(axis=0) + 6))
    for name, sample in session.samples.items():
        assert len(sample.selected) == len(places_in(workbench, name)[0]), name
    assert "A, R, C and D act on all of them in one step" in workbench.embed.state.text()


@pytest.mark.parametrize("key", ["R", "C", "D"])
def test_what_is_done_to_grains_of_two_samples_is_one_step(plot: Bench, qtbot: Any, key: str) -> None:
    _, workbench = plot
    session, scatter = workbench.session, workbench.embed.scatter
    one, two = session.samples["ONE"], session.samples["TWO"]
    before = {sample: sample.table.copy() for sample in (one, two)}
    places = scatter.places()
    drag_on(scatter, *around(places.min(axis=0) - 6, places.max(axis=0) + 6))
    selected = {sample: sample.selected for sample in (one, two)}
    workbench.curate.grain_class.setCurrentText("skarn")
    assert session.active is one

    def assert_done() -> None:
        for sample, labels in selected.items():
            if key == "D":
                assert not set(existing(sample.table)) & set(labels)
            else:
                rows = sample.table.loc[list(labels)]
                assert (rows["status"].eq(REJECTED) if key == "R" else rows["class"].eq("skarn")).all()

    press_key(one, key)
    assert_done()
    press_key(one, "Ctrl+Z")
    for sample, table in before.items():
        pd.testing.assert_frame_equal(sample.table, table)
        pd.testing.assert_frame_equal(on_disk(workbench, sample.name), table, check_names=False, rtol=1e-12)
    press_key(one, "Ctrl+Y")
    assert_done()
    # Also from the other sample, as long as it is the last step there.
    session.activate("TWO")
    press_key(two, "Ctrl+Z")
    pd.testing.assert_frame_equal(one.table, before[one])
    pd.testing.assert_frame_equal(two.table, before[two])


def test_other_sample_is_left_alone_once_more_was_done_there_or_something_else_is_chosen(plot: Bench) -> None:
    _, workbench = plot
    session, scatter = workbench.session, workbench.embed.scatter
    one, two = session.samples["ONE"], session.samples["TWO"]
    places = scatter.places()
    line = around(places.min(axis=0) - 6, places.max(axis=0) + 6)
    drag_on(scatter, *line)
    press_key(one, "R")
    n_chosen = len(two.selected)
    two.perform(Accept(labels=(two.selected[0],)))
    press_key(one, "Ctrl+Z")
    assert not one.table["status"].eq(REJECTED).any()
    assert two.table["status"].eq(REJECTED).sum() == n_chosen - 1
    assert "On TWO more was done after this step" in workbench.status.message.text()

    drag_on(scatter, *line)
    label = int(usable(one.table)[0])
    one.select([label])
    assert two.selected == ()
    press_key(one, "A")
    assert two.table["status"].eq(ACCEPTED).sum() == 1


def test_plot_as_layers_carries_thumbnails_and_chooses_both_ways(plot: Bench, qtbot: Any) -> None:
    viewer, workbench = plot
    embed, session = workbench.embed, workbench.session
    one, two = session.samples["ONE"], session.samples["TWO"]
    before = [layer.name for layer in viewer.layers]
    press(qtbot, embed.layers_button)
    finish(qtbot, session)
    assert [layer.name for layer in viewer.layers] == [*before, "embedding thumbnails", "embedding"]
    assert viewer.layers.selection.active == one.grains
    picture, points = viewer.layers["embedding thumbnails"], viewer.layers["embedding"]
    assert list(points.features["label"]) == list(embed.points["label"])
    assert picture.extent.world[0][1] > one.image.extent.world[1][1], "it covers no grain"
    for n, place in enumerate(points.data):
        row, column = np.rint(picture.world_to_data(points.data_to_world(place))).astype(int)
        assert picture.data[row - 8 : row + 8, column - 8 : column + 8, 3].any(), n
    # Further to the right in the plot is further to the right here, and up is up.
    x, y = embed.scatter.places().T
    assert (np.argsort(x, kind="stable") == np.argsort(points.data[:, 1], kind="stable")).all()
    assert (np.argsort(y, kind="stable") == np.argsort(points.data[:, 0], kind="stable")).all()

    labels = [int(label) for label in usable(one.table)[:3]]
    one.select(labels)
    assert {points.features["label"][n] for n in points.selected_data} == set(labels)
    here = {name: int(np.flatnonzero(embed.points["sample"] == name)[4]) for name in ("ONE", "TWO")}
    points.selected_data = set(here.values())
    assert {name: list(sample.selected) for name, sample in session.samples.items()} == {
        name: [int(embed.points["label"][n])] for name, n in here.items()
    }
    press_key(one, "R")
    assert two.table["status"].eq(REJECTED).sum() == 1
    qtbot.waitUntil(lambda: points.features["status"].eq(REJECTED).sum() == 2)

    viewer.layers.remove(picture)
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == before)
    assert not embed.layers_button.isChecked()


def test_colours_and_axes_can_be_chosen(plot: Bench, qtbot: Any) -> None:
    _, workbench = plot
    embed = workbench.embed
    legends, numbers = [], []
    for by in ("sample", "class", "probability", "area_um2"):
        embed.choices.colour.setCurrentIndex(embed.choices.colour.findData(by))
        embed.choices.colour.activated.emit(0)
        legends.append(embed.legend.accessibleName())
        numbers.append(len(np.unique(embed.scatter._colours[:, :3], axis=0)))
    assert legends[:2] == ["Colours of TWO, ONE", "Colours of no class"]
    assert legends[2].startswith("Colours of the probability")
    assert legends[3].startswith("Colours of area (µm²), from ")
    assert numbers[:3] == [2, 1, 1]
    assert numbers[3] > 20
    embed.choices.view.setCurrentText("3-D")
    embed.choices.view.activated.emit(0)
    assert embed.scatter.is_solid
    assert embed.scatter.tool == "turn"
    # It was laid out by place and area.
    qtbot.waitUntil(lambda: "UMAP 3 goes along with area (ρ +1.00)" in embed.meaning.text())  # noqa: RUF001


def test_mount_is_coloured_by_an_axis_and_curate_says_what_the_colours_tell(plot: Bench, qtbot: Any) -> None:
    _, workbench = plot
    sample = workbench.session.active
    assert sample is not None
    press(qtbot, workbench.embed.mount_button)
    assert sample.mode == "UMAP 1"
    # It was laid out by place: grains further to the right have later shades.
    labels = usable(sample.table)
    um = sample.segmented.mount.pixel_size_um
    x, y = (sample.table.loc[labels, f"centroid_{axis}_um"].to_numpy() / um for axis in "xy")
    rows, columns = np.rint(y).astype(int), np.rint(x).astype(int)
    inside = sample.segmented.labels[rows, columns] == labels
    shades = sample.colours.data[rows, columns][inside] // 2
    assert (np.diff(shades[np.argsort(x[inside])].astype(int)) >= 0).all()
    assert len(set(shades)) > 10
    workbench.show_panel(workbench.curate)
    assert workbench.curate.colours.currentData() == "UMAP 1"
    assert workbench.curate.legend.accessibleName().startswith("Colours of UMAP 1, from ")


def test_without_grains_model_or_coordinates_the_panel_says_what_to_do(
    make_napari_viewer_proxy: Callable[..., Any], district: District, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session, embed = workbench.session, workbench.embed
    press(qtbot, embed.compute_button)
    assert "find the grains of a mosaic first" in embed.state.text()
    session.open_project(district.project)
    finish(qtbot, session)
    session.open_sample("BAT-1")
    finish(qtbot, session)
    workbench.show_panel(embed)
    embed._show_points()
    assert "no UMAP coordinates yet; press Compute" in embed.state.text()
    for button in (embed.compute_button, embed.neighbours_button, embed.outliers_button):
        press(qtbot, button)
        assert "No model is in use; train one, or load one" in embed.state.text()
        assert "No model is in use" in workbench.status.message.text()
    session.close()


def test_grains_that_are_all_alike_are_answered_in_the_panel(
    make_napari_viewer_proxy: Callable[..., Any], district: District, tmp_path: Path, qtbot: Any
) -> None:
    write_blind_network(district, tmp_path / "blind.keras")
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session, embed = workbench.session, workbench.embed
    session.open_project(district.project)
    finish(qtbot, session)
    session.open_sample("BAT-1")
    finish(qtbot, session)
    assert session.modelling.load_model(tmp_path / "blind.keras")
    workbench.show_panel(embed)
    for method in ("umap", "pca"):
        embed.choices.method.setCurrentIndex(embed.choices.method.findData(method))
        press(qtbot, embed.compute_button)
        finish(qtbot, session)
        assert "grains the same features, so there is nothing that an embedding could" in embed.state.text()
        assert embed.compute_button.isEnabled()
        assert not embed.is_done
    session.close()


def test_embedding_goes_into_tables_and_files_and_neighbours_are_found(
    make_napari_viewer_proxy: Callable[..., Any], district: District, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session, embed = workbench.session, workbench.embed
    session.open_project(district.project)
    finish(qtbot, session)
    for name in SAMPLES[:2]:
        session.open_sample(name)
        finish(qtbot, session)
    workbench.show_panel(workbench.train)
    train(workbench, qtbot, epochs=1)
    workbench.show_panel(embed)
    embed.choices.method.setCurrentIndex(embed.choices.method.findData("pca"))
    press(qtbot, embed.compute_button)
    assert not embed.compute_button.isEnabled()
    finish(qtbot, session)
    for name in SAMPLES:
        table, pca = session.modelling.table_of(name), ["pca_1", "pca_2", "pca_3"]
        assert table.loc[usable(table), pca].notna().all(axis=None), name
        pd.testing.assert_frame_equal(on_disk(workbench, name)[pca], table[pca], check_names=False)
    sample = session.active
    assert sample is not None
    pd.testing.assert_frame_equal(viewer.layers["BAT-2 grains"].features, sample.table, check_names=False)
    qtbot.waitUntil(lambda: len(embed.points) > 0)
    shown = embed.points.groupby("sample").size()
    assert dict(shown) == {name: len(usable(session.samples[name].table)) for name in SAMPLES[:2]}
    assert embed.compute_button.isEnabled()
    assert embed.is_done
    assert not {"tensorflow", "keras", "umap"} & set(sys.modules)
    look_for_neighbours(workbench, qtbot)
    look_for_outliers(workbench, qtbot)
    # All of it is seen in a window of 800 px, which leaves a panel some 640.
    content = embed.scroll_area.widget()
    assert embed.gallery.isVisible()
    assert max(content.minimumSizeHint().height(), content.heightForWidth(workbench.minimumWidth())) <= 640
    # What a job finds wrong is said in the panel too, which can be used again.
    assert session.modelling.model_path is not None
    session.modelling.model_path.unlink()
    press(qtbot, embed.compute_button)
    finish(qtbot, session)
    assert embed.state.text().startswith("⚠ ")
    assert "lenet5-1.keras" in embed.state.text()
    assert embed.compute_button.isEnabled()
    assert not {"tensorflow", "keras", "umap"} & set(sys.modules)
    session.close()


def look_for_neighbours(workbench: Workbench, qtbot: Any) -> None:
    session, embed, sample = workbench.session, workbench.embed, workbench.session.active
    assert sample is not None
    label = int(usable(sample.table)[0])
    sample.select([label])
    press(qtbot, embed.neighbours_button)
    finish(qtbot, session)
    assert f"Grain {label} of BAT-2 and its 12 neighbours" in embed.state.text()
    assert embed.gallery.grains[0] == ("BAT-2", label)
    assert len(set(embed.gallery.grains)) == 13
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "N_NEIGHBOURS", 1000)
        press(qtbot, embed.neighbours_button)
        finish(qtbot, session)
    assert "other grains that count, fewer than the 1000 asked for" in embed.state.text()
    press(qtbot, embed.neighbours_button)
    finish(qtbot, session)
    row, (name, other) = next(
        (row, grain) for row, grain in enumerate(embed.gallery.grains) if grain[0] not in session.samples
    )
    embed.gallery.scrollToItem(embed.gallery.item(row))
    middle = embed.gallery.visualItemRect(embed.gallery.item(row)).center()
    qtbot.mouseClick(embed.gallery.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    finish(qtbot, session)
    assert session.active is not None
    assert (session.active.name, session.active.selected) == (name, (other,))

    session.perform(Reject(labels=(other,), reason="crack"))
    press(qtbot, embed.neighbours_button)
    assert f"{name}:{other} is rejected (crack)" in embed.state.text()
    session.active.select([])
    press(qtbot, embed.neighbours_button)
    assert "Neighbours are those of one grain, and 0 are selected" in embed.state.text()


def look_for_outliers(workbench: Workbench, qtbot: Any) -> None:
    session, embed = workbench.session, workbench.embed
    press(qtbot, embed.outliers_button)
    finish(qtbot, session)
    assert session.active is not None
    n_selected = sum(len(sample.selected) for sample in session.samples.values())
    assert "unlike" in embed.state.text()
    assert n_selected <= len(embed.gallery.grains)
    assert set(existing(session.active.table)) >= set(session.active.selected)
