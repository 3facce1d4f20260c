"""A scatter of points, by the mouse that chooses among them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, Qt

from gui import drag_on
from napari_zircon_cnn.widgets.scatter import Scatter
from napari_zircon_cnn.widgets.scatter_geometry import inside_polygon, seen_from

CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)])
WHITE = np.full((5, 4), 255)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def scatter(qtbot: Any) -> Scatter:
    made = Scatter()
    qtbot.addWidget(made)
    # A window manager may give a window any size, and at any time.
    made.setWindowFlag(Qt.WindowType.X11BypassWindowManagerHint)
    made.resize(400, 300)
    made.show()
    qtbot.waitExposed(made)
    made.set_points(CORNERS, WHITE, range(5), ("UMAP 1", "UMAP 2"))
    return made


def chosen_by(scatter: Scatter) -> list[tuple[list[int], bool]]:
    heard: list[tuple[list[int], bool]] = []
    scatter.chosen.connect(lambda points, adds: heard.append((points.tolist(), adds)))
    return heard


def at(scatter: Scatter, point: int) -> QPoint:
    x, y = scatter.places()[point]
    return QPoint(round(x), round(y))


def test_second_axis_points_upwards(scatter: Scatter) -> None:
    x, y = scatter.places().T
    assert x[0] < x[4] < x[1]
    assert y[0] > y[4] > y[2]


def test_click_chooses_the_point_under_it_and_one_on_nothing_lets_go(scatter: Scatter, qtbot: Any) -> None:
    heard = chosen_by(scatter)
    qtbot.mouseClick(scatter, LEFT, pos=at(scatter, 4) + QPoint(2, 2))
    qtbot.mouseClick(scatter, LEFT, Qt.KeyboardModifier.ShiftModifier, pos=at(scatter, 1))
    qtbot.mouseClick(scatter, LEFT, pos=(at(scatter, 4) + at(scatter, 0)) / 2)
    assert heard == [([4], False), ([1], True), ([], False)]


def test_lasso_takes_what_is_inside_its_line(scatter: Scatter) -> None:
    heard = chosen_by(scatter)
    low_left, low_right, middle = (at(scatter, point) for point in (0, 1, 4))
    below, above = QPoint(0, 12), QPoint(0, -12)
    aside = QPoint(12, 0)
    drag_on(
        scatter,
        low_left - aside + below,
        low_right + aside + below,
        low_right + aside + above,
        middle + above,
        low_left - aside + above,
    )
    assert heard == [([0, 1, 4], False)]


def test_box_takes_what_is_between_its_corners(scatter: Scatter) -> None:
    heard = chosen_by(scatter)
    scatter.tool = "box"
    drag_on(scatter, at(scatter, 2) - QPoint(9, 9), at(scatter, 4) + QPoint(9, 9))
    assert heard == [([2, 4], False)]


def test_marked_points_have_a_ring_and_no_others(scatter: Scatter) -> None:
    def ringed() -> list[int]:
        picture = scatter.grab().toImage()
        around = [(dx, dy) for dx in range(-6, 7) for dy in range(-6, 7)]
        return [
            point
            for point in range(5)
            if any(
                picture.pixelColor(at(scatter, point) + QPoint(dx, dy)).name() == "#ffe04a"
                for dx, dy in around
            )
        ]

    assert ringed() == []
    scatter.mark([1, 3])
    assert ringed() == [1, 3]
    scatter.mark([])
    assert ringed() == []


def test_points_in_three_dimensions_can_be_turned(scatter: Scatter) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 3))
    scatter.set_points(values, np.full((50, 4), 255), np.zeros(50), ("UMAP 1", "UMAP 2", "UMAP 3"))
    scatter.tool = "turn"
    heard, before = chosen_by(scatter), scatter.places()
    drag_on(scatter, QPoint(100, 100), QPoint(150, 100), QPoint(190, 120))
    assert heard == []
    assert np.abs(scatter.places() - before).max() > 10
    place = scatter.plot_place()
    x, y = scatter.places().T
    assert ((x > place.left()) & (x < place.right()) & (y > place.top()) & (y < place.bottom())).all()


def test_nearer_points_are_drawn_over_farther_ones(scatter: Scatter) -> None:
    front, back = (0.0, -1.0, 0.0), (0.0, 1.0, 0.0)
    colours = np.array([[255, 0, 0, 255], [0, 0, 255, 255]])
    for values, nearer in (([front, back], "#ff0000"), ([back, front], "#0000ff")):
        scatter.set_points(values, colours, [1, 1], ("1", "2", "3"))
        scatter._view_deg = (0.0, 0.0)
        scatter._redraw()
        x, y = scatter.places()[0]
        assert scatter.grab().toImage().pixelColor(round(x), round(y)).name() == nearer


@given(across=st.floats(-360, 360), up=st.floats(-90, 90))
def test_turning_keeps_lengths(across: float, up: float) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    seen = seen_from(values, (across, up))
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), np.linalg.norm(values, axis=1))


def test_one_point_and_points_alike_find_room(scatter: Scatter) -> None:
    centre = scatter.plot_place().center()
    for values in (np.ones((1, 2)), np.ones((3, 2)), np.ones((3, 3))):
        scatter.set_points(values, np.full((len(values), 4), 255), [0] * len(values), ("a", "b", "c"))
        assert np.abs(scatter.places() - (centre.x(), centre.y())).max() < 2
    scatter.set_points(np.empty((0, 2)), np.empty((0, 4)), [], ("", ""))
    assert scatter.grab().width() == 400


@given(
    radius=st.floats(1.0, 50.0),
    n=st.integers(3, 40),
    turn=st.floats(0, 6.3),
)
def test_inside_of_a_regular_polygon_is_between_its_two_circles(radius: float, n: int, turn: float) -> None:
    angles = turn + 2 * np.pi * np.arange(n) / n
    corners = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    places = np.random.default_rng(0).uniform(-60, 60, (200, 2))
    away = np.hypot(*places.T)
    inside = inside_polygon(places, corners)
    assert inside[away < radius * np.cos(np.pi / n) * 0.999].all()
    assert not inside[away > radius * 1.001].any()
