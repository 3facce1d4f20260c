"""The grain table under mouse and keyboard."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.qt import get_stylesheet
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication, QKeyEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QVBoxLayout, QWidget

from made_table import made_table
from napari_zircon_cnn.columns import ACCEPTED, REJECTED
from napari_zircon_cnn.grains import empty_rows
from napari_zircon_cnn.widgets.grain_table import GrainTable

# PyQt6's stubs take its static methods for methods.
USER: Any = QTest
LEFT = Qt.MouseButton.LeftButton
NO_KEY, CTRL, SHIFT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)


class Shown:
    """A grain table on the screen, and what it has told."""

    def __init__(self, qtbot: QtBot, table: pd.DataFrame) -> None:
        self.table, self.widget = table, GrainTable()
        # A window manager may give the window any size.
        self.window = QWidget()
        qtbot.addWidget(self.window)
        QVBoxLayout(self.window).addWidget(self.widget)
        self.widget.setFixedSize(400, 400)
        self.widget.set_table(table)
        self.selections: list[list[int]] = []
        self.entered: list[int] = []
        self.widget.selected.connect(self.selections.append)
        self.widget.activated.connect(self.entered.append)
        with qtbot.waitExposed(self.window):
            self.window.show()

    @property
    def labels(self) -> list[int]:
        """The labels on the screen, as the first column has them."""
        model = self.widget.model
        return [int(model.index(row, 0).data()) for row in range(model.rowCount())]

    @property
    def highlighted(self) -> list[int]:
        """The labels of the rows that are highlighted."""
        rows = self.widget.view.selectionModel().selectedRows()
        return sorted(int(index.data()) for index in rows)

    @property
    def in_sight(self) -> list[int]:
        """The labels of the rows that are not scrolled away."""
        view = self.widget.view
        first, last = view.rowAt(0), view.rowAt(view.viewport().height() - 1)
        return self.labels[first : last + 1 if last >= 0 else None]

    def centre_of(self, label: int) -> QPoint:
        index = self.widget.model.index(self.labels.index(label), 0)
        return self.widget.view.visualRect(index).center()

    def click(self, label: int, key: Qt.KeyboardModifier = NO_KEY) -> None:
        USER.mouseClick(self.widget.view.viewport(), LEFT, key, self.centre_of(label))

    def click_head(self, name: str) -> None:
        header = self.widget.view.horizontalHeader()
        section = next(n for n, field in enumerate(self.widget.model.fields) if field.name == name)
        x = header.sectionViewportPosition(section) + 15
        USER.mouseClick(header.viewport(), LEFT, NO_KEY, QPoint(x, header.height() // 2))

    def choose_status(self, words: str) -> None:
        self.widget.status_filter.setCurrentText(words)


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[Shown]:
    """Return a table of 60 grains, of which number 4 has no pixels."""
    yield Shown(qtbot, made_table(60, missing=(4,)))


def test_empty_rows_are_not_shown(shown: Shown) -> None:
    assert shown.labels == [1, 2, 3, *range(5, 61)]
    assert shown.widget.count_label.text() == "59 of 59 grains"


def test_click_and_arrow_keys_tell_the_label(shown: Shown) -> None:
    shown.click(5)
    assert shown.selections == [[5]]
    USER.keyClick(shown.widget.view, Qt.Key.Key_Down)
    USER.keyClick(shown.widget.view, Qt.Key.Key_Up)
    USER.keyClick(shown.widget.view, Qt.Key.Key_Up)
    assert shown.selections[1:] == [[6], [5], [3]]


def test_several_rows_by_shift_and_control(shown: Shown) -> None:
    shown.click(2)
    shown.click(6, SHIFT)
    shown.click(9, CTRL)
    shown.click(3, CTRL)
    assert shown.selections[-1] == [2, 5, 6, 9]
    assert shown.widget.count_label.text() == "59 of 59 grains, 4 selected"


def test_double_click_and_enter_ask_for_the_grain(shown: Shown) -> None:
    shown.click(5)
    USER.mouseDClick(shown.widget.view.viewport(), LEFT, NO_KEY, shown.centre_of(5))
    USER.keyClick(shown.widget.view, Qt.Key.Key_Down)
    USER.keyClick(shown.widget.view, Qt.Key.Key_Return)
    assert shown.entered == [5, 6]


def test_select_scrolls_there_and_tells_nothing(shown: Shown) -> None:
    assert 50 not in shown.in_sight
    shown.widget.select([50, 2])
    assert shown.highlighted == [2, 50]
    assert 50 in shown.in_sight
    assert shown.selections == []
    # The keyboard goes on from there.
    USER.keyClick(shown.widget.view, Qt.Key.Key_Down)
    assert shown.selections == [[51]]
    shown.widget.select([])
    assert shown.highlighted == []
    assert shown.selections == [[51]]


def test_select_takes_numbers_of_numpy_and_passes_over_strangers(shown: Shown) -> None:
    shown.widget.select(np.array([7, 4, 999, -1, 0], np.int32))  # type: ignore[arg-type]
    assert shown.highlighted == [7]


def test_an_echo_of_the_selection_does_not_disturb_the_user(shown: Shown) -> None:
    """The layer over the mount selects what the table tells it, and tells it back."""
    shown.widget.selected.connect(shown.widget.select)
    shown.click(2)
    shown.click(6, SHIFT)
    USER.keyClick(shown.widget.view, Qt.Key.Key_Down, SHIFT)
    assert shown.highlighted == [2, 3, 5, 6, 7]


def test_selecting_again_scrolls_back(shown: Shown) -> None:
    shown.widget.select([50])
    shown.widget.view.scrollToTop()
    shown.widget.select([50])
    assert 50 in shown.in_sight


def test_head_sorts_and_the_selection_stays_with_its_grain(shown: Shown) -> None:
    shown.widget.select([7])
    status = shown.table["status"]
    shown.click_head("status")
    assert shown.labels == sorted(shown.labels, key=lambda label: (status[label], label))
    assert shown.highlighted == [7]
    assert 7 in shown.in_sight
    shown.click_head("status")
    assert status[shown.labels[0]] == "unreviewed"
    shown.click(shown.labels[0])
    assert shown.selections == [[shown.labels[0]]]


def test_typing_filters(shown: Shown) -> None:
    USER.keyClicks(shown.widget.text_filter, "fragm")
    assert shown.labels == list(range(3, 61, 3))
    assert shown.widget.count_label.text() == "20 of 59 grains"
    USER.keyClick(shown.widget.text_filter, Qt.Key.Key_Return)
    assert shown.widget.view.hasFocus()


def test_choices_filter(shown: Shown) -> None:
    shown.choose_status("Rejected")
    assert shown.labels == list(range(3, 61, 3))
    shown.widget.flag_filter.setCurrentText("Flag: seam")
    assert shown.labels == [label for label in range(3, 61, 3) if shown.table["cut_by_seam"][label]]


def test_hidden_grains_stay_selected(shown: Shown) -> None:
    shown.widget.select([3, 5])
    shown.choose_status("Rejected")
    assert shown.highlighted == [3]
    assert shown.widget.selection() == [3, 5]
    assert shown.widget.count_label.text() == "20 of 59 grains, 2 selected (1 of them hidden)"
    shown.choose_status("All grains")
    assert shown.highlighted == [3, 5]
    assert shown.selections == []


def test_another_table_keeps_sort_filter_scroll_and_selection(shown: Shown) -> None:
    shown.click_head("status")
    shown.widget.select([40])
    before, order = shown.in_sight, shown.labels
    shown.widget.set_table(shown.table.copy())
    assert shown.labels == order
    assert shown.in_sight == before
    assert shown.highlighted == [40]
    assert shown.selections == []


def test_scroll_stays_at_its_grain_when_rows_above_go(shown: Shown) -> None:
    shown.widget.view.verticalScrollBar().setValue(30 * shown.widget.view.row_height + 5)
    top = shown.in_sight[0]
    shown.table.loc[[1, 2, 3]] = empty_rows(pd.Index([1, 2, 3]))
    shown.widget.update_rows(shown.table, [1, 2, 3])
    assert shown.labels[0] == 5
    assert shown.in_sight[0] == top


def test_updated_rows_show_what_curation_did(shown: Shown) -> None:
    shown.widget.select([5])
    shown.table.loc[5, ["status", "reason"]] = [REJECTED, "crack"]
    shown.widget.update_rows(shown.table, [5])
    row = shown.labels.index(5)
    names = [field.name for field in shown.widget.model.fields]
    columns = [names.index(name) for name in ("status", "reason")]
    assert [shown.widget.model.index(row, column).data() for column in columns] == [REJECTED, "crack"]
    assert shown.highlighted == [5]
    shown.choose_status("Rejected")
    assert 5 in shown.labels
    shown.table.loc[5, "status"] = ACCEPTED
    shown.widget.update_rows(shown.table, [5])
    assert 5 not in shown.labels


def test_table_may_grow_and_shrink(shown: Shown) -> None:
    grown = made_table(63, missing=(4, 7))
    shown.widget.select([7, 8])
    shown.widget.update_rows(grown, [7, 61, 62, 63])
    assert shown.labels[-1] == 63
    # What has been merged into another grain is no longer selected.
    assert shown.widget.selection() == [8]
    shown.widget.select([63])
    shown.widget.update_rows(shown.table, [7, 61, 62, 63])
    assert shown.labels[-1] == 60
    assert shown.widget.selection() == []


def test_copy_gives_head_and_exact_numbers(shown: Shown) -> None:
    shown.table.loc[6, "box_length_um"] = 119.44665527
    shown.widget.set_table(shown.table)
    shown.click(6)
    shown.click(5, CTRL)
    USER.keyClick(shown.widget.view, Qt.Key.Key_C, CTRL)
    head, *rows = QGuiApplication.clipboard().text().splitlines()
    assert head.split("\t")[:3] == ["label", "status", "probability"]
    cells = [dict(zip(head.split("\t"), row.split("\t"), strict=True)) for row in rows]
    assert [cell["label"] for cell in cells] == ["5", "6"]
    assert cells[1]["box_length_um"] == "119.4466553"
    assert cells[1]["probability"] == ""


def test_columns_are_chosen_in_the_menu(shown: Shown) -> None:
    names = [field.name for field in shown.widget.model.fields]
    header, solidity = shown.widget.view.horizontalHeader(), names.index("solidity")
    assert header.isSectionHidden(solidity)
    menu = next(action.menu() for action in shown.widget.column_menu.actions() if "shape" in action.text())
    next(action for action in menu.actions() if action.text() == "solidity").trigger()
    assert not header.isSectionHidden(solidity)
    # A model brings columns of its own; what has been chosen stays.
    shown.widget.set_table(shown.table.assign(probability_porphyry=0.5, probability_batholith=0.5))
    assert not header.isSectionHidden(solidity)
    assert header.isSectionHidden(len(names))
    shown.widget.column_menu.actions()[-1].trigger()
    assert header.isSectionHidden(solidity)


def test_sort_by_a_column_that_goes_falls_back_to_the_label(shown: Shown) -> None:
    with_classes = shown.table.assign(probability_porphyry=np.linspace(1, 0, len(shown.table)))
    shown.widget.set_table(with_classes)
    shown.widget.view.sortByColumn(shown.widget.model.columnCount() - 1, Qt.SortOrder.AscendingOrder)
    assert shown.labels[0] == 60
    shown.widget.set_table(shown.table)
    assert shown.labels[0] == 1
    assert shown.widget.view.horizontalHeader().sortIndicatorSection() == 0


def test_letters_are_left_to_the_panel_around(qtbot: QtBot) -> None:
    heard = []

    class Panel(QWidget):
        def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
            heard.append(event.text())

    panel, table = Panel(), GrainTable()
    qtbot.addWidget(panel)
    QVBoxLayout(panel).addWidget(table)
    table.set_table(made_table(5))
    USER.keyClick(table.view, Qt.Key.Key_R)
    assert heard == ["r"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_rejected_grains_are_greyed_in_each_theme(qtbot: QtBot, theme: str) -> None:
    window, widget = QWidget(), GrainTable()
    qtbot.addWidget(window)
    window.setStyleSheet(get_stylesheet(theme))
    QVBoxLayout(window).addWidget(widget)
    widget.set_table(made_table(5))
    with qtbot.waitExposed(window):
        window.show()
    palette = widget.view.palette()
    text, ground = palette.text().color().lightness(), palette.window().color().lightness()
    grey = widget.model.index(2, 0).data(Qt.ItemDataRole.ForegroundRole).lightness()
    assert min(text, ground) + 20 < grey < max(text, ground) - 20
    assert widget.model.index(1, 0).data(Qt.ItemDataRole.ForegroundRole) is None


def test_tab_goes_from_the_filters_to_the_rows(shown: Shown) -> None:
    widget = shown.widget
    shown.window.activateWindow()
    widget.status_filter.setFocus()
    for after in (widget.flag_filter, widget.text_filter, widget.view, widget.column_button):
        USER.keyClick(QGuiApplication.focusWindow(), Qt.Key.Key_Tab)
        assert after.hasFocus()
    assert all(part.accessibleName() for part in (widget.status_filter, widget.flag_filter, widget.view))
