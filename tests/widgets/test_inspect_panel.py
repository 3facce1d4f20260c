"""What a network sees in the grain that is clicked, in the real worker process."""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from district import District
from gui import LIMIT_MS, button_of, finish, place_of, press, press_and_choose, say_what_the_samples_are
from lasting_worker import LastingWorker
from looked_into import train_networks
from napari_zircon_cnn.actions import Delete, Reject
from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.placement import Placement, place_crops
from napari_zircon_cnn.widgets.map_layers import GRAIN_LAYER, SAMPLE_LAYER
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.workbench import Workbench

LAYERS = ["C1", "S2", "C3", "S4", "C5", "S6"]
UNTIL_MS = 30_000
OVER = {"map": 0, "why": 1, "": 2}


@pytest.fixture(scope="module")
def networks(drawn_district: District, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with lenet5.keras and mlp.keras."""
    return train_networks(drawn_district, tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def worker() -> Iterator[LastingWorker]:
    """Return the worker process of this module's sessions."""
    started = LastingWorker()
    yield started
    started.end()


class Look:
    """A person at the workbench, with the inspect panel in front."""

    def __init__(self, viewer: Any, bench: Workbench, qtbot: Any) -> None:
        self.viewer, self.bench, self.qtbot = viewer, bench, qtbot
        self.session, self.panel = bench.session, bench.inspect
        self.bench.show_panel(self.panel)

    @property
    def sample(self) -> OpenSample:
        assert self.session.active is not None
        return self.session.active

    @property
    def labels(self) -> list[int]:
        return [int(label) for label in usable(self.sample.table)]

    @property
    def canvas(self) -> QWidget:
        parts = self.bench.window().findChildren(QWidget)
        return next(part for part in parts if "Canvas" in type(part).__name__)

    @property
    def layers(self) -> list[str]:
        return [layer.name for layer in self.viewer.layers]

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=UNTIL_MS)

    def click(self, label: int) -> None:
        """Click a grain on the canvas, as Qt sends it."""
        camera = self.viewer.scene.camera
        away = (np.array(place_of(self.sample, label)) - camera.center[-2:]) * camera.zoom
        y, x = away + np.array(self.viewer.canvas.size) / 2
        none = Qt.KeyboardModifier.NoModifier
        self.qtbot.mouseClick(self.canvas, Qt.MouseButton.LeftButton, none, QPoint(round(x), round(y)))

    def press(self, key: Any) -> None:
        """Press a key over the canvas."""
        self.qtbot.keyClick(self.canvas, key)

    def wait_for(self, label: int) -> None:
        """Wait until the panel is about a grain."""
        self.until(lambda: self.panel.grain is not None and self.panel.grain.label == label)

    def select(self, label: int) -> None:
        """Select a grain and wait for its maps."""
        self.sample.select([label])
        self.wait_for(label)
        self.until(lambda: GRAIN_LAYER in self.layers)

    def placed(self, label: int) -> Placement:
        """Return where the grain's crop lies."""
        um = self.sample.segmented.mount.pixel_size_um
        (placement,) = place_crops(self.sample.table, [label], CropSettings(), um)
        return placement

    def reaches_over_the_edge(self, label: int) -> bool:
        """Tell whether a part of the grain's crop lies beside the mosaic."""
        placement, size = self.placed(label), self.sample.segmented.labels.shape
        corners = [
            placement.affine @ [row, column, 1] for row, column in product(*((0, n) for n in placement.shape))
        ]
        return any(not 0 <= place < n for corner in corners for place, n in zip(corner, size, strict=False))

    def assert_lies_at(self, placement: Placement) -> None:
        """Check that the layer over the grain has its corners where a map placed so has them on the mount."""
        layer, mount = self.viewer.layers[GRAIN_LAYER], self.sample.image
        assert layer.data.shape == placement.shape
        rows, columns = placement.shape
        for row, column in product((-0.5, rows - 0.5), (-0.5, columns - 0.5)):
            on_the_mount = (placement.affine @ [row, column, 1])[:2]
            expected = mount.data_to_world(on_the_mount)
            np.testing.assert_allclose(layer.data_to_world((row, column)), expected, atol=1e-6)
        assert layer.units == mount.units


@pytest.fixture
def look(
    make_napari_viewer_proxy: Callable[..., Any],
    district: District,
    networks: Path,
    worker: LastingWorker,
    qtbot: Any,
) -> Any:
    """Return a person who looks at a sample with LeNet-5 in use."""
    viewer = make_napari_viewer_proxy(show=True)
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = workbench.session
    session.modelling.worker = worker
    session.open_project(district.project)
    finish(qtbot, session)
    session.open_sample("BAT-1")
    finish(qtbot, session)
    assert session.modelling.load_model(networks / "lenet5.keras")
    yield Look(viewer, workbench, qtbot)
    session.close()


def test_click_shows_six_layers_maps_and_lays_one_over_the_grain(look: Look) -> None:
    panel, first = look.panel, look.labels[2]
    before = look.layers
    look.click(first)
    look.until(lambda: GRAIN_LAYER in look.layers)
    assert look.sample.selected == (first,)
    assert [layer.name for layer in panel.strip.layers] == LAYERS
    assert panel.strip.n_pictures == 30
    assert panel.state.text() == f"BAT-1:{first}."
    c1 = panel.strip.layers[0]
    np.testing.assert_array_equal(look.viewer.layers[GRAIN_LAYER].data, c1.maps[..., 0])
    look.assert_lies_at(look.placed(first).of_map(c1.grid))
    # Nothing lies in the way of picking, and nothing else has moved.
    assert look.layers == [*before[:-1], GRAIN_LAYER, before[-1]]
    assert look.viewer.layers.selection.active == look.sample.grains
    assert not look.session.undo(), "to look is no step that could be undone"

    other = look.labels[5]
    look.click(other)
    look.until(lambda: panel.grain is not None and panel.grain.label == other)
    assert look.layers.count(GRAIN_LAYER) == 1
    look.assert_lies_at(look.placed(other).of_map(c1.grid))
    assert not {"tensorflow", "keras", "umap", "matplotlib.pyplot"} & set(sys.modules)


@pytest.mark.parametrize(
    "moved",
    [
        {"scale": (0.5, 0.5)},
        {"translate": (40, -300)},
        {"scale": (3, 3), "translate": (7, 9), "rotate": 30},
        {"affine": np.array([[0.8, 0.3, 5], [-0.2, 1.1, -9], [0, 0, 1]])},
    ],
    ids=["scale", "translate", "rotate", "affine"],
)
def test_map_lies_over_its_grain_wherever_the_mount_is(look: Look, moved: dict[str, Any]) -> None:
    for layer in look.sample.layers:
        for name, value in moved.items():
            setattr(layer, name, value)
    label = look.labels[0]
    look.select(label)
    for layer in look.panel.strip.layers:
        look.panel.choices.layer.setCurrentText(layer.name)
        look.assert_lies_at(look.placed(label).of_map(layer.grid))


def test_mount_that_is_moved_takes_its_map_along(look: Look) -> None:
    label = look.labels[0]
    look.select(label)
    look.sample.image.translate = (25, 60)
    look.sample.image.rotate = -20
    look.until(lambda: not look.panel.is_waiting)
    look.assert_lies_at(look.placed(label).of_map(look.panel.strip.layers[0].grid))


def test_any_map_can_be_chosen_by_number_or_by_a_click_in_the_strip(look: Look) -> None:
    panel = look.panel
    look.select(look.labels[1])
    look.qtbot.mouseClick(panel.strip, Qt.MouseButton.LeftButton, pos=panel.strip.place_of("S4", 3))
    assert (panel.choices.layer.currentText(), panel.choices.map.value()) == ("S4", 4)
    s4 = panel.strip.layers[LAYERS.index("S4")]
    np.testing.assert_array_equal(look.viewer.layers[GRAIN_LAYER].data, s4.maps[..., 3])

    assert panel.choices.map.maximum() == s4.n_maps > 5
    panel.choices.map.setValue(s4.n_maps)
    look.until(lambda: not np.array_equal(look.viewer.layers[GRAIN_LAYER].data, s4.maps[..., 3]))
    look.until(lambda: not panel.is_waiting)
    assert look.viewer.layers[GRAIN_LAYER].data.shape == s4.grid.shape
    panel.choices.layer.setCurrentText("C1")
    assert panel.choices.map.value() <= panel.choices.map.maximum() == panel.strip.layers[0].n_maps


def test_arrow_keys_turn_to_the_next_grain_and_the_one_before(look: Look) -> None:
    table = look.sample.table
    rejected = look.labels[1]
    assert look.session.perform(Reject(labels=(rejected,), reason="fragment"))
    look.click(look.labels[0])
    seen = [look.labels[0]]
    for key in [Qt.Key.Key_Right] * 4 + [Qt.Key.Key_Left]:
        look.press(key)
        (label,) = look.sample.selected
        look.wait_for(label)
        seen.append(label)
    assert seen[-1] == seen[-3]
    assert len(set(seen)) == 5
    assert rejected not in seen
    ys = table.loc[seen[:-1], "centroid_y_um"].to_numpy()
    # From top to bottom, by rows of 200 µm, and round the end.
    assert (np.diff(ys // 200) < 0).sum() <= 1


def test_only_the_grain_selected_last_is_shown(look: Look) -> None:
    for label in look.labels[:6]:
        look.sample.select([label])
        look.qtbot.wait(15)
    look.select(look.labels[0])
    look.qtbot.wait(300)
    assert look.panel.grain is not None
    assert look.panel.grain.label == look.labels[0]
    assert look.panel.state.text() == f"BAT-1:{look.labels[0]}."


def test_another_grains_map_has_no_other_layer_drawn_anew(look: Look) -> None:
    """Its crop reaches over the mosaic's edge, which has napari's axes reach further."""
    over_the_edge = {label: look.reaches_over_the_edge(label) for label in look.labels}
    first = next(label for label, does in over_the_edge.items() if not does)
    other = next(label for label, does in over_the_edge.items() if does)
    look.select(first)
    shown = look.panel.strip.layers[0].maps
    maps, drawn = shown.copy(), []
    layers = (look.sample.image, look.sample.colours)
    for layer in layers:
        layer.events.set_data.connect(lambda event: drawn.append(event.source))
    look.select(other)
    assert not drawn
    np.testing.assert_array_equal(shown, maps)
    values = look.panel.strip.layers[0].maps[..., 0]
    np.testing.assert_array_equal(look.viewer.layers[GRAIN_LAYER].data, values)
    assert tuple(look.viewer.layers[GRAIN_LAYER].contrast_limits) == (values.min(), values.max())


def test_layers_go_when_they_are_not_wanted(look: Look, qtbot: Any) -> None:
    panel, label = look.panel, look.labels[0]
    before = look.layers
    look.select(label)
    panel.choices.over.setCurrentIndex(OVER[""])
    assert look.layers == before
    panel.choices.over.setCurrentIndex(OVER["map"])
    assert GRAIN_LAYER in look.layers
    look.viewer.layers.remove(GRAIN_LAYER)
    assert panel.choices.over.currentText() == "nothing"
    assert look.session.active is not None
    panel.choices.over.setCurrentIndex(OVER["map"])

    look.bench.show_panel(look.bench.curate)
    assert look.layers == before
    look.sample.select([look.labels[1]])
    qtbot.wait(300)
    assert look.layers == before, "a panel that is not seen shows nothing"
    look.bench.show_panel(panel)
    look.until(lambda: GRAIN_LAYER in look.layers)
    look.sample.select([])
    look.until(lambda: look.layers == before)


def test_panel_of_its_own_takes_its_layer_along_when_it_is_closed(look: Look) -> None:
    look.bench.show_panel(look.bench.curate)
    before = look.layers
    dock, panel = look.viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Inspect")
    look.sample.select([look.labels[0]])
    look.until(lambda: GRAIN_LAYER in look.layers)
    look.viewer.window.remove_dock_widget(dock)
    assert look.layers == before
    look.sample.select([look.labels[1]])
    look.qtbot.wait(300)
    assert look.layers == before
    assert not panel.is_waiting


def test_map_is_no_mosaic(look: Look) -> None:
    look.select(look.labels[0])
    assert [layer.name for layer in look.session.mosaic_layers] == ["BAT-1"]
    assert look.bench.mount.sample.text() == "BAT-1"


@pytest.mark.parametrize("method", ["Grad-CAM", "Integrated gradients", "Occlusion"])
def test_what_moved_the_answer_lies_over_the_grain(look: Look, method: str) -> None:
    panel, label = look.panel, look.labels[3]
    look.select(label)
    panel.choices.over.setCurrentIndex(OVER["why"])
    panel.saliency.method.setCurrentText(method)
    panel.saliency.class_name.setCurrentText("batholith")
    look.until(lambda: panel.why is not None)
    assert panel.why is not None
    assert (panel.why.method, panel.why.class_name) == (panel.saliency.question.method, "batholith")
    np.testing.assert_array_equal(look.viewer.layers[GRAIN_LAYER].data, panel.why.maps[0])
    look.assert_lies_at(look.placed(label).of_map(panel.why.grid))


def test_all_grains_and_the_sanity_test(look: Look, qtbot: Any) -> None:
    saliency, before = look.panel.saliency, look.layers
    look.select(look.labels[0])
    saliency.method.setCurrentText("Integrated gradients")
    saliency.all_grains.setChecked(True)
    finish(qtbot, look.session)
    layer = look.viewer.layers[SAMPLE_LAYER]
    labels = look.sample.segmented.labels
    assert layer.data.shape == labels.shape
    assert not layer.data[labels == 0].any()
    assert all(layer.data[labels == label].any() for label in look.labels)
    assert look.layers == [*before[:-1], SAMPLE_LAYER, GRAIN_LAYER, before[-1]]

    press(qtbot, saliency.test_button)
    finish(qtbot, look.session)
    assert saliency.answer.text().startswith("With its weights shuffled the network gives")
    saliency.all_grains.setChecked(False)
    assert SAMPLE_LAYER not in look.layers

    saliency.all_grains.setChecked(True)
    finish(qtbot, look.session)
    look.session.perform(Reject(labels=(look.labels[1],), reason="fragment"))
    assert SAMPLE_LAYER not in look.layers
    assert "The grains have changed" in saliency.answer.text()


def test_maps_are_written_as_picture_and_arrays(look: Look, tmp_path: Path, qtbot: Any) -> None:
    panel = look.panel
    look.select(look.labels[0])
    for text, name in (("PNG …", "maps.png"), ("SVG …", "maps.svg"), ("Arrays …", "maps.npz")):
        press_and_choose(qtbot, button_of(panel, text), tmp_path / name)
        finish(qtbot, look.session)
        assert f"{name} is written" in look.bench.status.message.text()
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "maps.svg").read_bytes()
    with np.load(tmp_path / "maps.npz") as arrays:
        assert {*LAYERS, "crop"} <= set(arrays)
        assert arrays["C3"].shape[-1] == panel.strip.layers[2].n_maps
        origin = np.array(look.placed(look.labels[0]).origin_px) * 2.0
        np.testing.assert_allclose(arrays["crop_origin_um"], origin)


def test_wrong_moves_are_answered_with_a_sentence(look: Look, networks: Path, qtbot: Any) -> None:
    panel, first, second = look.panel, *look.labels[:2]

    def says(words: str) -> None:
        look.until(lambda: words in panel.state.text())
        assert GRAIN_LAYER not in look.layers

    says("No grain is selected; click one")
    look.select(first)
    look.session.perform(Reject(labels=(first,), reason="fragment"))
    says(f"The grain BAT-1:{first} is rejected (fragment)")
    look.session.undo()
    look.until(lambda: GRAIN_LAYER in look.layers)
    look.select(second)
    look.session.perform(Delete(labels=(second,), reason="dirt"))
    says(f"BAT-1 has no grain {second}; it may have been deleted or merged.")
    look.sample.select([first])
    look.until(lambda: GRAIN_LAYER in look.layers)

    assert look.session.modelling.load_model(networks / "mlp.keras")
    says("The network in use has no convolutions")
    panel.choices.over.setCurrentIndex(OVER["why"])
    says("has no convolutions, so it makes no maps that could be shown; choose")
    panel.saliency.method.setCurrentText("Integrated gradients")
    look.until(lambda: GRAIN_LAYER in look.layers)


def test_grain_at_the_border_has_a_note(look: Look) -> None:
    at_border = np.flatnonzero(look.sample.table["touches_border"].eq(True).to_numpy())
    label = next(int(label) for label in at_border if label in look.labels)
    look.select(label)
    assert "The grain touches the mosaic's border" in look.panel.state.text()


def test_maps_do_not_wait_for_a_training(look: Look, qtbot: Any) -> None:
    panel, train, models = look.panel, look.bench.train, look.session.modelling
    look.bench.show_panel(train)
    say_what_the_samples_are(look.bench)
    train.validation.setCurrentIndex(train.validation.findData("split"))
    train.epochs.setValue(100_000)
    press(qtbot, train.train_button)
    look.until(lambda: "Epoch" in train.state.text())
    look.bench.show_panel(panel)
    label = look.labels[1]
    look.sample.select([label])
    look.until(lambda: "in a process beside the training" in panel.state.text())
    qtbot.waitUntil(lambda: GRAIN_LAYER in look.layers, timeout=LIMIT_MS)
    assert panel.state.text().startswith(f"BAT-1:{label}.")
    assert models.is_training
    look.bench.show_panel(train)
    press(qtbot, train.stop_button)
    finish(qtbot, look.session)
    assert not models.is_training
    # The network that was trained meanwhile is in use now, and answers.
    look.bench.show_panel(panel)
    look.select(look.labels[2])
    assert not {"tensorflow", "keras", "umap"} & set(sys.modules)


def test_without_a_model_it_says_so(make_napari_viewer_proxy: Callable[..., Any], qtbot: Any) -> None:
    viewer = make_napari_viewer_proxy()
    _, panel = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Inspect")
    qtbot.waitUntil(lambda: "No model is in use; train one or load one" in panel.state.text())
    panel.saliency.test_sanity()
    assert "This needs a model and a sample" in panel.saliency.answer.text()
    panel.saliency.all_grains.setChecked(True)
    assert not panel.saliency.all_grains.isChecked()
    panel.session.close()


def test_lost_model_file_is_answered_in_the_panel(look: Look, networks: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.keras"
    copy.write_bytes((networks / "lenet5.keras").read_bytes())
    assert look.session.modelling.load_model(copy)
    copy.unlink()
    look.sample.select([look.labels[0]])
    look.until(lambda: "copy.keras" in look.panel.state.text())
    assert GRAIN_LAYER not in look.layers
