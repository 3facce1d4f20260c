"""Wrong moves, each answered with a sentence in the panel, and odd layers that work all the same."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gui import finish, place_of
from napari_zircon_cnn.actions import Reject
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.workbench import Workbench

Bench = tuple[Any, Workbench]
IMAGE = synthetic_mount(seed=3, shape=(400, 500)).mount.image


@pytest.fixture
def bench(make_napari_viewer_proxy: Callable[..., Any], tmp_path: Path, qtbot: Any) -> Any:
    """Return a viewer with the workbench and an empty project."""
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    workbench.session.open_project(tmp_path / "project")
    finish(qtbot, workbench.session)
    yield viewer, workbench
    workbench.session.close()


def answer(workbench: Workbench, qtbot: Any) -> str:
    """Segment what is chosen, and return the sentence that the panel shows."""
    workbench.segment.run()
    finish(qtbot, workbench.session)
    return str(workbench.status.message.text())


def um(image: np.ndarray, **more: Any) -> dict[str, Any]:
    return {"data": image, "scale": (2, 2), "units": ("um", "um"), **more}


def test_no_layer(bench: Bench, qtbot: Any) -> None:
    _, workbench = bench
    assert answer(workbench, qtbot) == (
        "⚠ There is no mosaic yet; open one, or choose the image layer that shows it."
    )
    workbench.session.perform(Reject(labels=(1,), reason="fragment"))
    assert "Find the grains of a mosaic first" in workbench.status.message.text()
    workbench.session.undo()
    assert "Find the grains of a mosaic first" in workbench.status.message.text()


def test_labels(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_labels(np.ones((50, 50), int), name="hand-drawn")
    assert workbench.mount.layer.count() == 0
    assert answer(workbench, qtbot) == (
        "⚠ The layer 'hand-drawn' is a labels layer; choose the image layer with the mosaic."
    )


def test_colour_picture(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(np.zeros((50, 50, 3), np.uint8), rgb=True, name="photo")
    assert workbench.mount.layer.count() == 0
    assert answer(workbench, qtbot) == (
        "⚠ The layer 'photo' is a colour picture; open the mosaic's file through Zircon CNN, which makes "
        "grey of equal channels, or convert it to grey."
    )


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("points", "is a points layer; choose the image layer with the mosaic"),
        ("rgb", "is a colour picture"),
        (None, "There is no mosaic yet; open one first"),
    ],
)
def test_panel_alone_says_why_a_layer_is_no_mosaic(
    make_napari_viewer_proxy: Callable[..., Any], kind: str | None, sentence: str
) -> None:
    viewer = make_napari_viewer_proxy()
    if kind == "points":
        viewer.add_points(np.ones((3, 2)))
    elif kind == "rgb":
        viewer.add_image(np.zeros((50, 50, 3), np.uint8), rgb=True)
    _, panel = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Segment")
    said: list[str] = []
    panel.session.said.connect(lambda text, _: said.append(text))
    panel.run()
    assert sentence in said[-1]


def test_stack(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(np.zeros((4, 50, 50), np.uint8), name="a stack")
    assert "'a stack' has 3 dimensions; a mosaic is one plane" in answer(workbench, qtbot)


def test_pixels_that_are_not_square(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(IMAGE, name="stretched", scale=(2, 3), units=("um", "um"))
    assert "'stretched' has pixels of 3 x 2 µm" in workbench.status.message.text()


def test_black_mosaic(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(**um(np.zeros((200, 200), np.uint8), name="night"))
    assert "No grain was found in night with adaptive" in answer(workbench, qtbot)


def test_nan(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(**um(np.full((100, 100), np.nan), name="nothing"))
    assert "'nothing' holds NaN or infinite values; replace them by 0" in answer(workbench, qtbot)


def test_name_that_no_folder_can_have(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(**um(IMAGE, name="a/b"))
    assert "The sample name 'a/b' cannot name a folder" in answer(workbench, qtbot)


def test_turned_and_shifted_layer_has_its_grains_over_it(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    image = viewer.add_image(**um(IMAGE, name="askew", rotate=30, translate=(500, -200)))
    answer(workbench, qtbot)
    sample = workbench.session.active
    assert sample is not None
    label = int(usable(sample.table)[0])
    assert sample.label_at(place_of(sample, label)) == label
    for layer in sample.layers:
        np.testing.assert_allclose(layer.data_to_world((10, 20)), image.data_to_world((10, 20)))

    workbench.segment.preview.setChecked(True)
    qtbot.waitUntil(lambda: "preview" in viewer.layers, timeout=20_000)
    preview = viewer.layers["preview"]
    rows, columns = np.nonzero(preview.data)
    assert sample.label_at(preview.data_to_world((rows[0], columns[0]))) > 0


def test_renamed_layers_go_on(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(**um(IMAGE, name="one"))
    answer(workbench, qtbot)
    sample = workbench.session.active
    assert sample is not None
    for n, layer in enumerate(viewer.layers):
        layer.name = f"renamed {n}"
    label = int(usable(sample.table)[0])
    assert workbench.session.perform(Reject(labels=(label,), reason="fragment"))
    assert sample.grains.features.loc[label, "status"] == "rejected"


def test_mosaic_that_is_renamed_or_removed_while_its_grains_are_found(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    session = workbench.session
    image = viewer.add_image(**um(IMAGE, name="one"))
    workbench.segment.run()
    image.name = "something else"
    finish(qtbot, session)
    assert session.active is not None
    assert session.active.image == image

    viewer.add_image(**um(IMAGE, name="two"))
    workbench.segment.run()
    viewer.layers.remove("two")
    finish(qtbot, session)
    assert session.active.name == "two"
    assert [layer.name for layer in session.active.layers] == ["two", "two colours", "two grains"]
    assert all(layer in viewer.layers for layer in session.active.layers)


def test_labels_of_another_shape(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    viewer.add_image(**um(IMAGE, name="one"))
    answer(workbench, qtbot)
    sample = workbench.session.active
    assert sample is not None
    before = sample.segmented.labels.copy()
    sample.grains.data = np.ones((30, 40), np.int32)
    sample.take_over_painting()
    assert workbench.status.message.text() == (
        "⚠ The grains of one need the shape of their mosaic, 500 x 400 px; "
        "the other labels were not taken over."
    )
    np.testing.assert_array_equal(sample.grains.data, before)


def test_nothing_to_train_or_classify(bench: Bench, qtbot: Any, tmp_path: Path) -> None:
    viewer, workbench = bench
    workbench.train.train()
    assert "There are no grains to train on yet; find them first." in workbench.status.message.text()
    workbench.classify.classify()
    assert "Classifying needs grains and a model" in workbench.status.message.text()
    viewer.add_image(**um(IMAGE, name="one"))
    answer(workbench, qtbot)
    foreign = tmp_path / "of others.keras"
    with zipfile.ZipFile(foreign, "w") as archive:
        for member in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(member, "{}")
    assert not workbench.session.modelling.load_model(foreign)
    assert f"{foreign} has no card that tells its classes and crops" in workbench.status.message.text()


def test_two_mounts_are_told_apart(bench: Bench, qtbot: Any) -> None:
    viewer, workbench = bench
    for name in ("one", "two"):
        viewer.add_image(**um(IMAGE, name=name))
        answer(workbench, qtbot)
    session = workbench.session
    assert session.active is session.samples["two"]
    assert not viewer.layers["one"].visible
    workbench.mount.choose(viewer.layers["one"])
    assert session.active is session.samples["one"]
    assert not viewer.layers["two grains"].visible
    label = int(usable(session.samples["one"].table)[0])
    session.perform(Reject(labels=(label,), reason="fragment"))
    assert session.samples["two"].table.at[label, "status"] == "unreviewed"


def test_project_folder_that_is_gone(bench: Bench, qtbot: Any, tmp_path: Path) -> None:
    viewer, workbench = bench
    viewer.add_image(**um(IMAGE, name="one"))
    answer(workbench, qtbot)
    session = workbench.session
    assert session.active is not None
    session.perform(Reject(labels=(int(usable(session.active.table)[0]),), reason="fragment"))
    assert session.autosave is not None
    session.autosave.do(lambda: None).result()
    shutil.rmtree(tmp_path / "project")
    session.perform(Reject(labels=(int(usable(session.active.table)[0]),), reason="fragment"))
    qtbot.waitUntil(lambda: "could not be written" in workbench.status.message.text(), timeout=10_000)
    assert workbench.session.undo()
