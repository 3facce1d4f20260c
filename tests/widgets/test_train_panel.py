"""Networks and their settings, from the panel to the trained network's card, in the real worker process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from district import District
from gui import LIMIT_MS, finish, press
from lasting_worker import LastingWorker
from napari_zircon_cnn.networks import registry
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.widgets.train_panel import TrainPanel
from napari_zircon_cnn.widgets.workbench import Workbench
from vgg_weights import write_vgg_weights


@pytest.fixture(scope="module")
def worker() -> Iterator[LastingWorker]:
    """Return the worker process of this module's sessions."""
    started = LastingWorker()
    yield started
    started.end()


@pytest.fixture
def bench(
    make_napari_viewer_proxy: Callable[..., Any], district: District, worker: LastingWorker, qtbot: Any
) -> Any:
    """Return a workbench with the district's project and classes, the train panel in front."""
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    workbench.session.modelling.worker = worker
    workbench.session.open_project(district.project)
    finish(qtbot, workbench.session)
    workbench.session.modelling.read_classes(district.classes)
    workbench.show_panel(workbench.train)
    yield workbench
    workbench.session.close()


def choose(workbench: Workbench, network: str, epochs: int = 1, validation: str = "split") -> None:
    panel = workbench.train
    for box, value in ((panel.network, network), (panel.validation, validation)):
        box.setCurrentIndex(box.findData(value))
    panel.epochs.setValue(epochs)


def trained(workbench: Workbench, qtbot: Any) -> ModelCard:
    press(qtbot, workbench.train.train_button)
    finish(qtbot, workbench.session)
    card = workbench.session.modelling.card
    assert card is not None, workbench.status.message.text()
    return card


def test_settings_of_lenet_are_those_of_the_trained_network(bench: Workbench, qtbot: Any) -> None:
    choose(bench, "lenet5")
    press(qtbot, bench.train.more_button)
    fields = bench.train.more.training.fields
    chosen = {"kernel_size": 5, "activation": "tanh", "optimiser": "sgd", "balanced_batches": True}
    for name, value in chosen.items():
        fields[name].value = value
    bench.train.more.crop.fields["size_px"].value = 64
    assert bench.train.more_button.text().endswith("(5 changed)")
    card = trained(bench, qtbot)
    assert {name: getattr(card.training, name) for name in chosen} == chosen
    assert card.network.input_size == card.crop["size_px"] == 64


def test_vgg_goes_through_both_stages_with_weights_from_a_file(
    bench: Workbench, tmp_path: Path, qtbot: Any
) -> None:
    choose(bench, "vgg16")
    more = bench.train.more
    # Its smallest crops, since a test has little time.
    more.crop.fields["size_px"].value = 32
    more.training.fields["fine_tuning_epochs"].value = 1
    more.training.fields["cached_features"].value = True
    more.use_weights(tmp_path / "weights.h5")
    press(qtbot, bench.train.train_button)
    assert "There is no file of weights" in bench.status.message.text()
    assert bench.session.tasks == []

    more.use_weights(write_vgg_weights(tmp_path / "weights.h5"))
    card = trained(bench, qtbot)
    assert card.training.weights == "weights.h5"
    assert card.weights_sha256
    assert len(card.history) == 2
    assert bench.train.curves is not None


def test_opened_settings_fit_the_width_of_a_small_window(bench: Workbench, qtbot: Any) -> None:
    press(qtbot, bench.train.more_button)
    for n in range(bench.train.network.count()):
        bench.train.network.setCurrentIndex(n)
        content = bench.train.scroll_area.widget()
        assert content.minimumSizeHint().width() <= bench.minimumWidth() - 30


def test_networks_of_other_packages_are_offered_and_a_broken_one_says_so(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    info = tmp_path / "zircon_extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zircon-extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[napari_zircon_cnn.networks]\ntiny = zircon_extra:SPEC\nbroken = zircon_extra:NOTHING\n"
    )
    (tmp_path / "zircon_extra.py").write_text(
        "from napari_zircon_cnn.networks.spec import NetworkSpec\n"
        "SPEC = NetworkSpec('nowhere:build', size_px=24, options=(), title='Tiny', about='A tiny one.')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry._foreign.cache_clear()
    try:
        panel = TrainPanel(bench.viewer, bench.session)
        qtbot.addWidget(panel)
        panel.network.setCurrentText("Tiny")
        assert panel.about.text() == "A tiny one."
        assert panel.more.crop.fields["size_px"].value == 24
        panel.network.setCurrentText("broken")
        assert "another package cannot be loaded" in panel.about.text()
        panel.train()
        assert "another package cannot be loaded" in bench.status.message.text()
        assert bench.session.tasks == []
    finally:
        registry._foreign.cache_clear()


def test_validation_shows_known_beside_new_samples_and_is_kept_with_the_project(
    bench: Workbench, district: District, tmp_path: Path, qtbot: Any
) -> None:
    choose(bench, "lenet5")
    box, session = bench.train.validated, bench.session
    box.folds.setValue(2)
    box.repeats.setValue(2)
    messages: list[str] = []
    press(qtbot, box.start_button)
    session.tasks[0].progressed.connect(lambda _, message: messages.append(message))
    qtbot.waitUntil(lambda: any("3 of 12" in message for message in messages), timeout=LIMIT_MS)
    press(qtbot, box.stop_button)
    finish(qtbot, session)
    assert "goes on from there" in box.state.text()
    assert not box.table.isVisibleTo(box)

    messages.clear()
    press(qtbot, box.start_button)
    session.tasks[0].progressed.connect(lambda _, message: messages.append(message))
    finish(qtbot, session)
    assert not any("lenet5: 1 of 12: epoch" in message for message in messages), (
        "what is kept is not done anew"
    )
    shown = box.table.texts()
    assert list(shown) == ["majority class", "shapes alone", "lenet5"]
    assert all(text.startswith("AUC") for texts in shown.values() for text in texts)
    assert "On a sample that it has never seen, expect a ROC-AUC of" in box.state.text()
    on_disk = pd.read_csv(district.project / "validation" / "validation.csv")
    assert on_disk["repeats"].unique() == [2]

    session.open_project(tmp_path / "other")
    finish(qtbot, session)
    assert not box.table.isVisibleTo(box)
    session.open_project(district.project)
    finish(qtbot, session)
    assert box.table.texts() == shown
    assert box.state.text().startswith("Validated on ")


def test_held_out_samples_take_no_part_in_the_validation(
    bench: Workbench, district: District, qtbot: Any
) -> None:
    choose(bench, "mlp", validation="kfold")
    bench.train.table.cellWidget(0, 3).setChecked(True)
    card = trained(bench, qtbot)
    shown = bench.train.figures.texts()
    assert list(shown) == ["majority class", "shapes alone", "mlp"]
    assert len(shown["mlp"]) == 3
    assert card.validation["hold_out"] == ["BAT-1"]

    box = bench.train.validated
    box.folds.setValue(1)
    box.repeats.setValue(1)
    press(qtbot, box.start_button)
    finish(qtbot, bench.session)
    folds = pd.read_csv(district.project / "validation" / "folds.csv")
    assert set(folds.loc[folds["over"] == "samples", "held_out"]) == {"POR-1", "POR-2"}
    assert box.state.text().endswith("says nothing of such a sample.")


def test_impossible_validation_is_answered_and_can_be_mended(bench: Workbench, qtbot: Any) -> None:
    choose(bench, "lenet5")
    box = bench.train.validated
    box.folds.setValue(100)
    press(qtbot, box.start_button)
    finish(qtbot, bench.session)
    assert "too few for 100 folds" in box.state.text()
    assert box.start_button.isEnabled()
    bench.train.network.setCurrentIndex(bench.train.network.findData("vgg16"))
    bench.train.more.use_weights(Path("nowhere.h5"))
    press(qtbot, box.start_button)
    assert "There is no file of weights nowhere.h5" in bench.status.message.text()
    assert bench.session.tasks == []
