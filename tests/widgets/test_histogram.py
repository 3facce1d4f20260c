"""Histograms of the probabilities, a row for each sample."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.qt import get_stylesheet
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_zircon_cnn.widgets.histogram import (
    N_BINS,
    HistogramRow,
    ProbabilityHistogram,
    SampleHistogram,
    bin_counts,
)
from napari_zircon_cnn.widgets.tints import ground


def sample(
    name: str = "QVC082", *probabilities: float, verdict: str = "batholith", in_training: bool = False
) -> SampleHistogram:
    values = np.array(probabilities)
    mean = float(np.nanmean(values)) if len(values) else math.nan
    interval = (mean - 0.1, mean + 0.1) if len(values) > 1 else (math.nan, math.nan)
    return SampleHistogram(name, values, mean, *interval, verdict, in_training)


def notes_of(histogram: ProbabilityHistogram) -> list[str]:
    labels = histogram.findChildren(QLabel)
    return [label.text() for label in labels if not label.isHidden() and label.text()]


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=50))
def test_every_probability_is_in_one_bin(probabilities: list[float]) -> None:
    counts = bin_counts(probabilities)
    assert counts.shape == (N_BINS,)
    assert counts.sum() == np.isfinite(probabilities).sum()


def test_both_ends_belong_to_the_histogram() -> None:
    counts = bin_counts([0.0, 0.05, 1.0])
    assert counts[[0, 1, -1]].tolist() == [1, 1, 1]


def test_a_row_for_each_sample_in_their_order(qtbot: QtBot) -> None:
    histogram = ProbabilityHistogram()
    qtbot.addWidget(histogram)
    assert notes_of(histogram) == ["No sample has been classified yet."]
    histogram.set_samples([sample("B", 0.2, 0.4), sample("A", 0.9)])
    assert [row.accessibleName() for row in histogram.rows] == ["B", "A"]
    assert notes_of(histogram) == []
    first, second = (row.accessibleDescription() for row in histogram.rows)
    assert first == ("B: 2 grains, mean probability 0.30, 95% interval 0.20 to 0.40\nVerdict: batholith")
    assert second == "A: 1 grain, mean probability 0.90\nVerdict: batholith"
    histogram.set_samples([replace(sample("B", 0.2, 0.4), n_unlike=1)])
    assert histogram.rows[0].accessibleDescription().endswith("1 of the grains unlike any seen in training")
    assert notes_of(histogram) == ["⚠ unlike any in the training"]


def test_samples_may_come_and_go(qtbot: QtBot) -> None:
    histogram = ProbabilityHistogram()
    qtbot.addWidget(histogram)
    for names in ("ABC", "A", "", "DEAB"):
        histogram.set_samples([sample(name, 0.5) for name in names])
        assert [row.sample.name for row in histogram.rows] == list(names)
        assert [row.counts.sum() for row in histogram.rows] == [1] * len(names)


def test_a_sample_of_the_training_is_marked(qtbot: QtBot) -> None:
    histogram = ProbabilityHistogram()
    qtbot.addWidget(histogram)
    histogram.set_samples([sample("A", 0.5), sample("B", 0.5, in_training=True)])
    assert "no test" not in histogram.rows[0].toolTip()
    assert "no test" in histogram.rows[1].toolTip()
    (note,) = notes_of(histogram)
    assert "in the training" in note


def test_the_interval_has_room_to_its_end_in_a_narrow_dock(qtbot: QtBot) -> None:
    row = HistogramRow(sample("A", 0.4, 0.5))
    qtbot.addWidget(row)
    row.resize(330, row.height())
    beside = row.width() - row.bars_place().right() - 1
    assert beside - 8 >= row.fontMetrics().horizontalAdvance("0.45 (0.35–0.55)")  # noqa: RUF001
    assert row.bars_place().width() > 100


def test_a_name_is_no_markup(qtbot: QtBot) -> None:
    row = HistogramRow(sample("<b>", 0.5))
    qtbot.addWidget(row)
    assert "&lt;b&gt;" in row.toolTip()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_bars_and_mean_stand_where_they_belong(qtbot: QtBot, theme: str) -> None:
    window, row = QWidget(), HistogramRow(sample("A", 0.11, 0.12, 0.12, 0.97))
    qtbot.addWidget(window)
    window.setStyleSheet(get_stylesheet(theme))
    QVBoxLayout(window).addWidget(row)
    row.setFixedWidth(400)
    with qtbot.waitExposed(window):
        window.show()
    picture, place, empty = row.grab().toImage(), row.bars_place(), ground(row)
    scale = picture.width() / row.width()

    def colour(share: float, height: float) -> QColor:
        x, y = place.left() + share * place.width(), place.bottom() - height * place.height()
        return QColor(picture.pixel(round(scale * x), round(scale * y)))

    assert colour(0.125, 0.9) != empty
    assert colour(0.975, 0.2) != empty
    assert colour(0.975, 0.6) == empty  # a third as high as the other
    assert colour(0.70, 0.1) == empty
    # The mean of 0.33 is coloured, and so is its interval, fainter.
    mean, interval = colour(0.33, 0.5), colour(0.40, 0.5)
    assert mean.saturation() > interval.saturation() > empty.saturation() + 20
    assert colour(0.46, 0.5) == empty


def test_a_sample_without_grains_is_drawn_too(qtbot: QtBot) -> None:
    row = HistogramRow(sample("A", verdict=""))
    qtbot.addWidget(row)
    assert not row.grab().isNull()
    assert row.in_words() == "A: 0 grains"
