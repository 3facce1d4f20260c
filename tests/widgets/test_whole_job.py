"""The whole job on two real mosaics, by buttons, dialogs, mouse and keys: from files to what is exported."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from qtpy.QtWidgets import QComboBox

from curating import assert_same, state_of
from gui import button_of, drag, finish, place_of, press, press_and_choose, press_key
from napari_zircon_cnn.grains import existing, flagged, usable
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.widgets.workbench import Workbench

CLASSES = {"QVC061": "porphyry", "QVC082": "batholith"}


@pytest.mark.quellaveco
def test_whole_job_on_real_mosaics(
    make_napari_viewer_proxy: Callable[..., Any], quellaveco_data: Path, tmp_path: Path, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    _, bench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = bench.session
    (tmp_path / "project").mkdir()
    press_and_choose(qtbot, button_of(bench.mount, "Open …"), tmp_path / "project")
    finish(qtbot, session)
    for name in ("QVC082", "QVC061"):
        mosaic = quellaveco_data / "quellaveco" / f"{name}.png"
        press_and_choose(qtbot, bench.mount.open_button, mosaic)
        finish(qtbot, session)
        bench.show_panel(bench.segment)
        press(qtbot, bench.segment.run_button)
        finish(qtbot, session)
    states = curate(bench, viewer, qtbot)
    train_and_classify(bench, qtbot)

    # Table, layers, ledger and what is exported are one and the same.
    sample = session.active
    assert sample is not None
    assert sample.name == "QVC061"
    assert sample.segmented.labels.tobytes() == states[-1][0]
    np.testing.assert_array_equal(sample.grains.data, sample.segmented.labels)
    pd.testing.assert_frame_equal(sample.grains.features, sample.table, check_names=False)
    exported = export(bench, tmp_path, qtbot)
    there = existing(sample.table)
    assert list(exported["csv"].index) == list(there)
    np.testing.assert_allclose(
        exported["csv"]["probability"], sample.table.loc[there, "probability"], rtol=1e-9
    )
    assert list(exported["csv"]["status"]) == list(sample.table.loc[there, "status"])
    np.testing.assert_array_equal(exported["labels"], sample.segmented.labels)
    assert exported["outlines"] == set(there.tolist())
    assert session.autosave is not None
    session.autosave.do(lambda: None).result()
    project = Project.read(tmp_path / "project")
    actions = [getattr(entry.step, "action", entry.step) for entry in project.ledger("QVC061")]
    assert actions[:3] == ["reject", "merge", "split"]
    assert actions.count("undo") == actions.count("redo") == 3
    reloaded = project.load("QVC061")
    assert reloaded.labels.tobytes() == states[-1][0]
    pd.testing.assert_frame_equal(reloaded.table, sample.table, rtol=1e-12)
    verdicts = project.verdicts()
    assert verdicts is not None
    assert set(verdicts["sample"]) == set(CLASSES)
    assert not {"tensorflow", "keras", "umap"} & set(sys.modules)
    session.close()


def curate(bench: Workbench, viewer: Any, qtbot: Any) -> list[tuple[bytes, pd.DataFrame]]:
    """Reject, join and cut, take all back and do all again; return the states on the way."""
    bench.show_panel(bench.curate)
    sample = bench.session.active
    assert sample is not None
    states = [state_of(sample.segmented)]
    labels = usable(sample.table)
    drag(viewer, place_of(sample, int(labels[0])))
    press(qtbot, bench.curate.reject_button)
    states.append(state_of(sample.segmented))

    one, other = (int(label) for label in flagged(sample.table, "touching")[:2])
    drag(viewer, place_of(sample, one))
    drag(viewer, place_of(sample, other), modifiers=("Shift",))
    press(qtbot, bench.curate.join_button)
    states.append(state_of(sample.segmented))

    largest = int(labels[np.nanargmax(sample.table["area_um2"].to_numpy()[labels])])
    names = ["centroid_y_um", "centroid_x_um", "box_length_um"]
    y, x, reach = sample.table[names].to_numpy(float)[largest].tolist()
    press_key(sample, "K")
    drag(viewer, (y - reach, x), (y, x), (y + reach, x))
    press_key(sample, "Escape")
    states.append(state_of(sample.segmented))
    assert len(states[-1][1]) > len(states[0][1])

    for state in states[-2::-1]:
        press_key(sample, "Ctrl+Z")
        assert_same(state, state_of(sample.segmented))
    for state in states[1:]:
        press_key(sample, "Ctrl+Y")
        assert_same(state, state_of(sample.segmented))
    return states


def train_and_classify(bench: Workbench, qtbot: Any) -> None:
    """Train five epochs on both samples and classify their grains."""
    bench.show_panel(bench.train)
    for row, name in enumerate(sorted(CLASSES)):
        choice = bench.train.table.cellWidget(row, 2)
        assert isinstance(choice, QComboBox)
        choice.setCurrentText(CLASSES[name])
    bench.train.validation.setCurrentIndex(bench.train.validation.findData("split"))
    bench.train.epochs.setValue(5)
    press(qtbot, bench.train.train_button)
    finish(qtbot, bench.session)
    bench.show_panel(bench.classify)
    press(qtbot, bench.classify.classify_button)
    finish(qtbot, bench.session)


def export(bench: Workbench, folder: Path, qtbot: Any) -> dict[str, Any]:
    """Export the sample shown, and read what was written."""
    for text, name in (
        ("CSV …", "grains.csv"),
        ("GeoJSON …", "grains.geojson"),
        ("TIFF …", "labels.tif"),
    ):
        press_and_choose(qtbot, button_of(bench.classify, text), folder / name)
        finish(qtbot, bench.session)
    features = json.loads((folder / "grains.geojson").read_text(encoding="utf-8"))["features"]
    return {
        "csv": pd.read_csv(folder / "grains.csv").set_index("label"),
        "outlines": {feature["properties"]["label"] for feature in features},
        "labels": tifffile.imread(folder / "labels.tif"),
    }
