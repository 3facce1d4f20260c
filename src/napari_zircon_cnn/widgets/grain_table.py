"""A sortable, filterable view of a grain table that speaks in labels."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QItemSelection, QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, Signal
from qtpy.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_zircon_cnn.columns import ACCEPTED, FLAGS, REJECTED, UNREVIEWED
from napari_zircon_cnn.widgets.grain_model import GrainModel
from napari_zircon_cnn.widgets.grain_rows import (
    ALL,
    ANY_FLAG,
    DEFAULT_FIELDS,
    FLAG_WORDS,
    NO_FLAG,
    USABLE,
    Filter,
)
from napari_zircon_cnn.widgets.tints import ink

_STATUS_CHOICES = {
    "All grains": ALL,
    "Usable": USABLE,
    "Rejected": REJECTED,
    "Unreviewed": UNREVIEWED,
    "Accepted": ACCEPTED,
}
_FLAG_CHOICES = {"Flagged or not": ALL, "Any flag": ANY_FLAG, "No flag": NO_FLAG} | {
    f"Flag: {FLAG_WORDS[flag]}": flag for flag in FLAGS
}
# A row is current as a whole, so no frame around one of its cells; the arrow stands where no title is.
_STYLE = """
QTableView { outline: 0; }
QTableView::item { padding: 0 5px; }
QHeaderView::section { padding: 5px 8px 2px 8px; }
QHeaderView::up-arrow, QHeaderView::down-arrow { subcontrol-position: top center; width: 8px; height: 6px; }
"""
_REJECTED_INK = 0.6
_ENTER: frozenset[int] = frozenset((Qt.Key.Key_Return, Qt.Key.Key_Enter))
_NARROWEST_PX, _WIDEST_PX, _CELL_MARGIN_PX = 40, 200, 20
_ROWS_MEASURED = 200


class GrainTable(QWidget):
    """A grain table with its filters; row i of the table is label i, and empty rows are not shown.

    Parameters
    ----------
    parent
        The widget that it lies in.
    also
        Fields that are shown beside the usual ones until the user chooses.
    """

    selected = Signal(list)
    """The labels of all selected grains, as they follow each other; only when the user selects."""
    activated = Signal(int)
    """The label of the grain that was double-clicked, or was current when Enter was pressed."""

    def __init__(self, parent: QWidget | None = None, also: Sequence[str] = ()) -> None:
        super().__init__(parent)
        self.model = GrainModel(self)
        self._usual = {*DEFAULT_FIELDS, *also}
        self.status_filter = _choice(_STATUS_CHOICES, "Status", "Show grains of this status")
        self.flag_filter = _choice(_FLAG_CHOICES, "Flag", "Show grains by what may speak against them")
        self.text_filter = QLineEdit()
        self.text_filter.setPlaceholderText("text or label")
        self.text_filter.setToolTip(
            "Show grains whose reason or class contains this text, or the grains of these labels: 12, 48"
        )
        self.text_filter.setAccessibleName("Reason, class or label")
        self.text_filter.setClearButtonEnabled(True)
        self.column_menu = QMenu(self)
        self.column_button = QPushButton("Columns")
        self.column_button.setToolTip("Choose the columns; also with a right click on the table's head")
        self.column_button.setMenu(self.column_menu)
        self.view = _View()
        self.count_label = QElidingLabel()
        self._lay_out()

        self._shown = set(self._usual)
        self._chosen: NDArray[np.int64] = np.empty(0, np.int64)
        self._is_quiet = self._is_fitted = False
        self.view.setModel(self.model)
        self.view.setSortingEnabled(True)
        self.model.modelReset.connect(self._show_chosen)
        self._fill_column_menu()

        self.status_filter.currentIndexChanged.connect(self._filter)
        self.flag_filter.currentIndexChanged.connect(self._filter)
        self.text_filter.textChanged.connect(self._filter)
        self.text_filter.returnPressed.connect(self.view.setFocus)
        self.view.horizontalHeader().customContextMenuRequested.connect(self._pop_up_column_menu)
        self.view.selectionModel().selectionChanged.connect(self._on_selection)
        self.view.entered_row.connect(self._activate)
        self.view.doubleClicked.connect(lambda index: self._activate(index.row()))
        self.view.copied.connect(self.copy)
        self._tell_count()

    def set_table(self, table: pd.DataFrame) -> None:
        """Show another table, keeping filter, sort, scroll and selection by label.

        Parameters
        ----------
        table
            The grain table. It is read, not copied: after changing it, say so here or with
            `update_rows`.
        """
        anchor = self._top_label()
        with_fields = self.model.fields
        self.model.set_table(table)
        if self.model.fields != with_fields:
            self._fill_column_menu()
        self._fit_columns_once()
        self._settle(anchor)

    def update_rows(self, table: pd.DataFrame, labels: Iterable[int]) -> None:
        """Show a table of which only some rows differ from the one before.

        Parameters
        ----------
        table
            The whole grain table; it may have grown.
        labels
            The labels whose rows differ, new ones included.
        """
        anchor = self._top_label()
        with_fields = self.model.fields
        self.model.update_rows(table, labels)
        if self.model.fields != with_fields:
            self._fill_column_menu()
        self._settle(anchor)

    def select(self, labels: Sequence[int]) -> None:
        """Select grains, scroll to the first of them that is shown, and emit nothing.

        Parameters
        ----------
        labels
            Their labels; those that the filter hides are selected again when it shows them.
        """
        chosen = np.array(labels, np.int64)
        # Whoever is told of a selection may tell it back; Shift and an arrow key must still extend it.
        is_known = np.array_equal(np.unique(chosen), np.unique(self._chosen))
        if is_known and self._is_in_sight(self.view.currentIndex()):
            return
        self._chosen = chosen
        self._show_chosen()
        self._tell_count()

    def selection(self) -> list[int]:
        """Return the labels of the selected grains, those that the filter hides included."""
        return list(map(int, self._chosen))

    def copy(self) -> None:
        """Put the selected rows on the clipboard, with a head and exact numbers, separated by tabs."""
        header = self.view.horizontalHeader()
        order = [header.logicalIndex(place) for place in range(header.count())]
        columns = [section for section in order if not header.isSectionHidden(section)]
        lines = ["\t".join(self.model.fields[column].name for column in columns)]
        lines += [
            "\t".join(self.model.exact_text(row, column) for column in columns)
            for row in sorted(self.model.rows_of(self._chosen))
        ]
        QGuiApplication.clipboard().setText("\n".join(lines) + "\n")

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        self._take_colours()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Take the colours of the window that the table has come into."""
        super().showEvent(event)
        self._take_colours()

    def _lay_out(self) -> None:
        filters = QHBoxLayout()
        filters.setSpacing(4)
        for widget in (self.status_filter, self.flag_filter, self.text_filter):
            filters.addWidget(widget, 1 if widget is self.text_filter else 0)
        foot = QHBoxLayout()
        foot.addWidget(self.count_label, 1)
        foot.addWidget(self.column_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(filters)
        layout.addWidget(self.view, 1)
        layout.addLayout(foot)
        focus = (self.status_filter, self.flag_filter, self.text_filter, self.view, self.column_button)
        for before, after in pairwise(focus):
            QWidget.setTabOrder(before, after)

    def _take_colours(self) -> None:
        if hasattr(self, "count_label") and self.model.muted != ink(self.view, _REJECTED_INK):
            self.model.muted = ink(self.view, _REJECTED_INK)
            self.view.viewport().update()

    def _filter(self) -> None:
        self.model.set_filter(
            Filter(self.status_filter.currentData(), self.flag_filter.currentData(), self.text_filter.text())
        )
        self._tell_count()

    def _settle(self, anchor: tuple[int, int]) -> None:
        """Drop selected labels that are gone, and scroll back to where the view was."""
        self._chosen = self._chosen[self.model.has(self._chosen)]
        header = self.view.horizontalHeader()
        header.blockSignals(True)
        header.setSortIndicator(*self.model.sorted_by)
        header.blockSignals(False)
        label, offset = anchor
        if rows := self.model.rows_of([label]):
            bar = self.view.verticalScrollBar()
            bar.setValue(rows[0] * self.view.row_height + offset)
        self._tell_count()

    def _top_label(self) -> tuple[int, int]:
        """Return the label at the upper edge of the view, and by how many pixels it is scrolled out."""
        row, offset = divmod(self.view.verticalScrollBar().value(), self.view.row_height)
        shown = self.model.labels
        return (int(shown[row]) if row < len(shown) else 0), offset

    def _show_chosen(self) -> None:
        rows = self.model.rows_of(self._chosen)
        chosen = QItemSelection()
        last = self.model.columnCount() - 1
        for first_row, last_row in _runs(rows):
            chosen.select(self.model.index(first_row, 0), self.model.index(last_row, last))
        keeper, current = self.view.selectionModel(), self.view.currentIndex()
        self._is_quiet = True
        # To clear with the same call would compare each old run of rows with each new one.
        keeper.reset()
        keeper.select(chosen, QItemSelectionModel.SelectionFlag.Select)
        if rows:
            current = self.model.index(rows[0], max(current.column(), 0))
            if not self._is_in_sight(current):
                self.view.scrollTo(current, QAbstractItemView.ScrollHint.PositionAtCenter)
        keeper.setCurrentIndex(current, QItemSelectionModel.SelectionFlag.NoUpdate)
        self.view.viewport().update()
        self._is_quiet = False

    def _is_in_sight(self, index: QModelIndex) -> bool:
        return bool(self.view.viewport().rect().intersects(self.view.visualRect(index)))

    def _on_selection(self) -> None:
        if self._is_quiet:
            return
        rows = [np.arange(part.top(), part.bottom() + 1) for part in self.view.selectionModel().selection()]
        self._chosen = self.model.labels[np.unique(np.concatenate(rows))] if rows else np.empty(0, np.int64)
        self._tell_count()
        self.selected.emit(self.selection())

    def _activate(self, row: int) -> None:
        self.activated.emit(int(self.model.labels[row]))

    def _tell_count(self) -> None:
        n_shown, n_all = self.model.rowCount(), self.model.n_grains
        text = f"{n_shown:,} of {n_all:,} grains"
        if n_chosen := len(self._chosen):
            n_hidden = n_chosen - len(self.model.rows_of(self._chosen))
            text += f", {n_chosen:,} selected" + (f" ({n_hidden:,} of them hidden)" if n_hidden else "")
        self.count_label.setText(text)

    def _fill_column_menu(self) -> None:
        self.column_menu.clear()
        groups = {"": self.column_menu}
        for section, field in enumerate(self.model.fields):
            is_shown = field.name in self._shown
            self.view.setColumnHidden(section, not is_shown)
            if field.group not in groups:
                groups[field.group] = QMenu(field.group, self.column_menu)
            action = groups[field.group].addAction(field.title.replace("\n", " "))
            action.setCheckable(True)
            action.setChecked(is_shown)
            action.setToolTip(field.explanation)
            action.toggled.connect(lambda on, section=section: self._show_column(section, on))
        self.column_menu.addSeparator()
        for name, menu in groups.items():
            if name:
                self.column_menu.addMenu(menu)
        self.column_menu.addSeparator()
        self.column_menu.addAction("Usual columns").triggered.connect(self._show_usual_columns)

    def _show_usual_columns(self) -> None:
        self._shown = set(self._usual)
        self._fill_column_menu()

    def _show_column(self, section: int, is_shown: bool) -> None:
        name = self.model.fields[section].name
        self._shown = self._shown | {name} if is_shown else self._shown - {name}
        self.view.setColumnHidden(section, not is_shown)
        if is_shown:
            self._fit_column(section)

    def _pop_up_column_menu(self, place: QPoint) -> None:
        self.column_menu.popup(self.view.horizontalHeader().mapToGlobal(place))

    def _fit_columns_once(self) -> None:
        """Give columns the width of what they hold; later the user's own widths stay."""
        if self._is_fitted or not self.model.rowCount():
            return
        self._is_fitted = True
        for section, field in enumerate(self.model.fields):
            if field.name in self._shown:
                self._fit_column(section)

    def _fit_column(self, section: int) -> None:
        title = self.model.fields[section].title.split("\n")
        head = QFontMetrics(self.view.horizontalHeader().font())
        cells = QFontMetrics(self.view.font())
        step = max(1, self.model.rowCount() // _ROWS_MEASURED)
        texts = {self.model.index(row, section).data() for row in range(0, self.model.rowCount(), step)}
        widths = [head.horizontalAdvance(line) for line in title]
        widths += [cells.horizontalAdvance(text) for text in texts]
        width = max(widths) + _CELL_MARGIN_PX
        self.view.setColumnWidth(section, min(max(width, _NARROWEST_PX), _WIDEST_PX))


class _View(QTableView):
    """Rows of one height, selected as a whole; the letters stay free for the shortcuts of a panel."""

    entered_row = Signal(int)
    copied = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Grains")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setStyleSheet(_STYLE)
        self.verticalHeader().hide()
        self.row_height = self.fontMetrics().height() + 7
        self.verticalHeader().setMinimumSectionSize(self.row_height)
        self.verticalHeader().setDefaultSectionSize(self.row_height)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a dozen rows."""
        return QSize(380, 14 * self.row_height)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Copy rows, enter a grain, or leave a key to others."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copied.emit()
        elif event.key() in _ENTER and self.currentIndex().isValid():
            self.entered_row.emit(self.currentIndex().row())
        elif event.text().strip() and not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier:
            # Qt would look for a row that begins so, also with what Delete and Escape write.
            event.ignore()
        else:
            super().keyPressEvent(event)


def _choice(choices: dict[str, str], name: str, explanation: str) -> QComboBox:
    box = QComboBox()
    for words, value in choices.items():
        box.addItem(words, value)
    box.setAccessibleName(name)
    box.setToolTip(explanation)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return box


def _runs(rows: list[int]) -> list[tuple[int, int]]:
    """Return first and last of each run of neighbouring rows."""
    ordered = np.unique(rows)
    if not len(ordered):
        return []
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(ordered) - 1)
    return [(int(a), int(b)) for a, b in zip(ordered[firsts], ordered[lasts], strict=True)]
