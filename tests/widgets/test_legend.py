"""The legend of the colours on the mount."""

import numpy as np
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QColor, QImage
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_zircon_cnn.widgets.legend import ColourLegend

RED_TO_BLUE = np.stack([np.linspace(1, 0, 64), np.zeros(64), np.linspace(0, 1, 64), np.ones(64)], axis=1)


def shown(qtbot: QtBot, legend: ColourLegend, width: int = 300) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    layout.addWidget(legend)
    layout.addStretch(1)
    legend.setFixedWidth(width)
    with qtbot.waitExposed(window):
        window.show()
    return window


def pixel(picture: QImage, legend: ColourLegend, x: float, y: float) -> QColor:
    scale = picture.width() / legend.width()
    return QColor(picture.pixel(round(scale * x), round(scale * y)))


def test_bar_runs_from_low_to_high(qtbot: QtBot) -> None:
    legend = ColourLegend()
    legend.show_probability(RED_TO_BLUE, "batholith", "porphyry")
    _window = shown(qtbot, legend)
    picture, bar = legend.grab().toImage(), legend.bar_place()
    assert 0 < bar.left() < bar.right() < legend.width() - 1
    left, middle, right = (
        pixel(picture, legend, x, bar.center().y())
        for x in (bar.left() + 2, bar.center().x(), bar.right() - 2)
    )
    assert left.red() - left.blue() > 230
    assert abs(middle.red() - middle.blue()) < 20
    assert right.blue() - right.red() > 230
    assert legend.accessibleName() == "Colours of the probability, from batholith at 0 to porphyry at 1"


def test_long_names_leave_room_for_the_bar(qtbot: QtBot) -> None:
    legend = ColourLegend()
    legend.show_probability(RED_TO_BLUE, "granodiorite of the old batholith", "porphyry of the younger stock")
    _window = shown(qtbot, legend, 240)
    assert legend.bar_place().width() > 0.3 * legend.width()


def test_swatches_have_their_colours_and_go_on_in_a_second_line(qtbot: QtBot) -> None:
    colours = {"unreviewed": "#56b4e9", "accepted": "#33c28a", "rejected": "#9a9a9a"}
    legend = ColourLegend()
    legend.show_swatches(colours)
    _window = shown(qtbot, legend, 400)
    one_line = legend.height()
    legend.setFixedWidth(160)
    qtbot.waitUntil(lambda: legend.width() == 160)
    assert legend.height() >= 2 * one_line
    picture, places = legend.grab().toImage(), legend.swatch_places(160)
    for name, colour in colours.items():
        place = places[name]
        assert legend.rect().contains(place)
        assert pixel(picture, legend, place.left() + 6, place.center().y()).name() == colour


def test_modes_can_be_changed(qtbot: QtBot) -> None:
    legend = ColourLegend()
    qtbot.addWidget(legend)
    legend.show_swatches({"accepted": "#33c28a"})
    legend.show_probability(RED_TO_BLUE, "a", "b")
    assert legend.swatch_places(300) == {}
    assert legend.toolTip()
    legend.show_swatches({"accepted": "#33c28a"})
    assert legend.accessibleName() == "Colours of accepted"
    assert not legend.toolTip()
