"""The grain table as Qt reads it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor

from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.grains import empty_rows
from napari_zircon_cnn.widgets.grain_rows import (
    LABEL,
    Field,
    Filter,
    decimals_of,
    exact_text_of,
    fields_of,
    in_order,
    matching,
    text_of,
    values_of,
)

_Role = Qt.ItemDataRole
_NO_PARENT = QModelIndex()


class _Values(Mapping[str, NDArray[Any]]):
    """The values of each field by label, taken out of the table when first asked for."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._taken: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._taken:
            self._taken[name] = values_of(self._table, name)
        return self._taken[name]

    def __iter__(self) -> Any:
        return iter(self._taken)

    def __len__(self) -> int:
        return len(self._taken)


class GrainModel(QAbstractTableModel):
    """The rows of a grain table that a filter lets through, sorted by one field."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.muted = QColor()
        """Text colour of rejected grains."""
        self._filter = Filter()
        self._sorted_by, self._descending = LABEL, False
        self._take(empty_rows(pd.RangeIndex(1)))

    @property
    def fields(self) -> list[Field]:
        """The fields, one for each column."""
        return self._fields

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels of the rows, in the order on the screen."""
        return self._labels

    @property
    def sorted_by(self) -> tuple[int, Qt.SortOrder]:
        """The column that the rows are sorted by, and the direction."""
        place = next(n for n, field in enumerate(self._fields) if field.name == self._sorted_by)
        return place, Qt.SortOrder.DescendingOrder if self._descending else Qt.SortOrder.AscendingOrder

    @property
    def n_grains(self) -> int:
        """How many grains there are with and without the filter."""
        return self._n_grains

    def set_table(self, table: pd.DataFrame) -> None:
        """Show another table."""
        self.beginResetModel()
        self._take(table)
        self.endResetModel()

    def update_rows(self, table: pd.DataFrame, labels: Iterable[int]) -> None:
        """Show a table of which only some rows differ from the one before."""
        fields, order = self._fields, self._labels
        self._take(table)
        if fields == self._fields and np.array_equal(order, self._labels):
            last = self.columnCount() - 1
            for row in self.rows_of(labels):
                self.dataChanged.emit(self.index(row, 0), self.index(row, last))
        else:
            self.beginResetModel()
            self.endResetModel()

    def set_filter(self, wanted: Filter) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._filter = wanted
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; Qt calls this when its header is clicked."""
        self.beginResetModel()
        self._sorted_by = self._fields[column].name
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._arrange()
        self.endResetModel()

    def rows_of(self, labels: Iterable[int]) -> list[int]:
        """Return the rows of labels, in the order of the labels; those that are not shown have none."""
        known = np.fromiter(labels, np.int64)
        known = known[(known > 0) & (known < len(self._row_of))]
        rows = self._row_of[known]
        return list(map(int, rows[rows >= 0]))

    def has(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each label whether the table has such a grain, shown or not."""
        areas = self._values["area_um2"]
        known = (labels > 0) & (labels < len(areas))
        known[known] = ~np.isnan(areas[labels[known]])
        return known

    def exact_text(self, row: int, column: int) -> str:
        """Return what is copied of a cell."""
        field = self._fields[column]
        return exact_text_of(field, self._values[field.name][self._labels[row]])

    def rowCount(self, parent: QModelIndex = _NO_PARENT) -> int:  # noqa: N802
        """Return how many grains are shown."""
        return 0 if parent.isValid() else len(self._labels)

    def columnCount(self, parent: QModelIndex = _NO_PARENT) -> int:  # noqa: N802
        """Return how many fields there are."""
        return 0 if parent.isValid() else len(self._fields)

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Return what Qt asks of a cell."""
        if role in {_Role.DisplayRole, _Role.ToolTipRole}:
            field = self._fields[index.column()]
            if role == _Role.ToolTipRole and field.kind != "text":
                return None
            value = self._values[field.name][self._labels[index.row()]]
            return text_of(field, value, self._decimals_of(field))
        if role == _Role.TextAlignmentRole:
            return self._alignment[index.column()]
        if role == _Role.ForegroundRole and self._values["status"][self._labels[index.row()]] == REJECTED:
            return self.muted
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole
    ) -> Any:
        """Return title, explanation or alignment of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        field = self._fields[section]
        if role == _Role.DisplayRole:
            return field.title
        if role == _Role.ToolTipRole:
            return field.explanation
        return self._alignment[section] if role == _Role.TextAlignmentRole else None

    def _take(self, table: pd.DataFrame) -> None:
        self._table = table
        self._values = _Values(table)
        self._decimals: dict[str, int] = {}
        self._fields = fields_of(table)
        sides = {"number": Qt.AlignmentFlag.AlignRight, "text": Qt.AlignmentFlag.AlignLeft}
        self._alignment = [sides[field.kind] | Qt.AlignmentFlag.AlignVCenter for field in self._fields]
        if all(field.name != self._sorted_by for field in self._fields):
            self._sorted_by, self._descending = LABEL, False
        self._n_grains = int(table["area_um2"].notna().sum())
        self._arrange()

    def _arrange(self) -> None:
        field = self._fields[self.sorted_by[0]]
        labels = matching(self._table, self._filter)
        self._labels = in_order(labels, self._values, field, descending=self._descending)
        self._row_of = np.full(len(self._table), -1, np.int64)
        self._row_of[self._labels] = np.arange(len(self._labels))

    def _decimals_of(self, field: Field) -> int:
        if field.name not in self._decimals:
            self._decimals[field.name] = decimals_of(field, self._values[field.name])
        return self._decimals[field.name]
