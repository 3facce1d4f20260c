"""A small table of figures of merit, as high as its rows."""

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_zircon_cnn.widgets.figures_of_merit import Figures

_PADDING_PX = 6


class FiguresTable(QTableWidget):
    """A row for each classifier, a column for each way of testing it; hidden while there is nothing to say.

    Parameters
    ----------
    name
        What it shows.
    parent
        The widget that it lies in.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(f"{name}; each cell says more.")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.hide()

    def show_figures(self, figures: Figures | None) -> None:
        """Show figures, or nothing."""
        self.setVisible(figures is not None and bool(figures.tests))
        if figures is None:
            return
        self.setRowCount(len(figures.rows))
        self.setColumnCount(len(figures.tests))
        self.setHorizontalHeaderLabels(list(figures.tests))
        self.setVerticalHeaderLabels([name.replace(" ", "\n", 1) for name in figures.rows])
        line = self.fontMetrics().height()
        for row, cells in enumerate(figures.rows.values()):
            self.setRowHeight(row, 2 * line + _PADDING_PX)
            for column, cell in enumerate(cells):
                item = QTableWidgetItem(cell.text)
                item.setToolTip(f"<p>{escape(cell.explanation).replace(chr(10), '<br>')}</p>")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.setItem(row, column, item)
        header = 2 * line + 2 * _PADDING_PX
        self.horizontalHeader().setFixedHeight(header)
        self.setFixedHeight(header + len(figures.rows) * (2 * line + _PADDING_PX) + 4)

    def texts(self) -> dict[str, list[str]]:
        """Return what the cells of each row say."""
        return {
            self.verticalHeaderItem(row).text().replace("\n", " "): [
                self.item(row, column).text() for column in range(self.columnCount())
            ]
            for row in range(self.rowCount())
        }
