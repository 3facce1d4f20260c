"""Doubts about a model's answer: in the table, on the mount, in words, and from one grain to the next."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from district import SAMPLES, District
from doubting import train_doubting
from gui import finish, press, press_key
from lasting_worker import LastingWorker
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.widgets.grain_rows import DOUBTS
from napari_zircon_cnn.widgets.workbench import Workbench

LIMIT_S = 10
UNTIL_IT_COULD_BE_READ_MS = 1000


@pytest.fixture(scope="module")
def model(drawn_district: District, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a network that takes a fifth of the district's grains for unlike the others."""
    return train_doubting(drawn_district, tmp_path_factory.mktemp("network") / "doubting.keras")


@pytest.fixture(scope="module")
def worker() -> Iterator[LastingWorker]:
    """Return the worker process of this module's sessions."""
    started = LastingWorker()
    yield started
    started.end()


@pytest.fixture
def bench(
    make_napari_viewer_proxy: Callable[..., Any],
    district: District,
    model: Path,
    worker: LastingWorker,
    qtbot: Any,
) -> Any:
    """Return a workbench with a sample and the network, the classify panel in front."""
    viewer = make_napari_viewer_proxy()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = workbench.session
    session.modelling.worker = worker
    session.open_project(district.project)
    finish(qtbot, session)
    session.open_sample(SAMPLES[0])
    finish(qtbot, session)
    assert session.modelling.load_model(model)
    workbench.show_panel(workbench.classify)
    yield workbench
    session.close()


def classify(workbench: Workbench, qtbot: Any, prior: str = "training") -> pd.DataFrame:
    panel = workbench.classify
    panel.prior.setCurrentIndex(panel.prior.findData(prior))
    press(qtbot, panel.classify_button)
    finish(qtbot, workbench.session)
    qtbot.waitUntil(lambda: panel.assumed.isVisibleTo(panel))
    assert workbench.session.active is not None
    return workbench.session.active.table


def test_grains_that_are_unlike_the_training_are_counted_shown_and_gone_through(
    bench: Workbench, qtbot: Any
) -> None:
    panel, sample = bench.classify, bench.session.active
    assert sample is not None
    assert not panel.doubts.isVisibleTo(panel)
    table = classify(bench, qtbot)
    unlike = np.flatnonzero(table["unlike_training"] > 1)
    assert len(unlike) > 1
    assert panel.doubts.sentence.text().startswith(f"{len(unlike)} of {len(usable(table))} grains are unlike")
    row = next(row for row in panel.histogram.rows if row.sample.name == sample.name)
    assert row.sample.n_unlike == len(unlike)

    worst_first = unlike[np.argsort(-table["unlike_training"].to_numpy()[unlike])]
    press(qtbot, panel.doubts.next_button)
    assert sample.selected == (worst_first[0],)
    press_key(sample, "U")
    assert sample.selected == (worst_first[1],)
    press_key(sample, "Shift+U")
    assert panel.table.selection() == [worst_first[0]]
    press(qtbot, panel.doubts.all_button)
    assert sorted(sample.selected) == unlike.tolist()

    headings = [field.name for field in panel.table.model.fields]
    for name in DOUBTS:
        assert not panel.table.view.isColumnHidden(headings.index(name))
    assert {panel.table.model.index(n, headings.index("in_training")).data() for n in range(5)} <= {"yes", ""}


def test_colours_tell_the_doubt_and_the_legend_follows(bench: Workbench, qtbot: Any) -> None:
    panel, sample = bench.classify, bench.session.active
    assert sample is not None
    classify(bench, qtbot)
    by_probability = np.array(sample.colours.data)
    assert "probability" in panel.legend.accessibleName()
    for mode in ("uncertainty", "unlike training"):
        at = panel.colours.findData(mode)
        panel.colours.setCurrentIndex(at)
        panel.colours.activated.emit(at)
        assert sample.mode == mode
        assert mode in panel.legend.accessibleName()
        assert (np.array(sample.colours.data) != by_probability).any()
    classify(bench, qtbot)
    assert sample.mode == "unlike training", "a new answer leaves the colours that were chosen"


def test_report_waits_for_the_answer_that_was_shown_just_before(
    bench: Workbench, tmp_path: Path, qtbot: Any
) -> None:
    session, may_write = bench.session, threading.Event()
    assert session.autosave is not None
    queue = session.autosave.do
    session.modelling.classified.connect(lambda: queue(may_write.wait, LIMIT_S))
    classify(bench, qtbot)
    bench.classify.report_to(tmp_path / "report")
    qtbot.wait(UNTIL_IT_COULD_BE_READ_MS)
    may_write.set()
    finish(qtbot, session)
    (page,) = (tmp_path / "report").glob("*.html")
    assert "No model has given a verdict" not in page.read_text(encoding="utf-8")


def test_other_class_frequencies_are_used_told_and_come_back_with_the_project(
    bench: Workbench, district: District, tmp_path: Path, qtbot: Any
) -> None:
    panel, session = bench.classify, bench.session
    before = classify(bench, qtbot)["probability"].copy()
    assert "classes as in training" in panel.assumed.text()
    after = classify(bench, qtbot, "estimated")["probability"]
    assert (before - after).abs().max() > 0.001
    assert "classes as estimated per sample" in panel.assumed.text()
    assert session.autosave is not None
    session.autosave.do(lambda: None).result()
    record = Project.read(session.autosave.project.folder).record
    assert record.model is not None
    assert record.model["prior"] == "estimated"
    session.open_project(tmp_path / "other")
    finish(qtbot, session)
    panel.prior.setCurrentIndex(0)
    session.open_project(district.project)
    finish(qtbot, session)
    assert panel.prior.currentData() == "estimated"
