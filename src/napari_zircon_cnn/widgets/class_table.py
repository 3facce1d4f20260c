"""The class of each sample of a project, and which samples are held out from training."""

from collections.abc import Collection, Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

_SAMPLE, _GRAINS, _CLASS, _HELD_OUT = range(4)
_ROW_PX, _MOST_ROWS = 30, 8


class ClassTable(QTableWidget):
    """One row a sample: its grains, its class, and whether it is held out.

    Parameters
    ----------
    parent
        The widget that it lies in.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setHorizontalHeaderLabels(["Sample", "Grains", "Class", "Hold out"])
        self.setAccessibleName("Class of each sample")
        self.setToolTip("What each sample is, and whether the network is tested on it rather than trained.")
        header, numbers = self.horizontalHeader(), self.verticalHeader()
        if header is not None and numbers is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(_CLASS, QHeaderView.ResizeMode.Stretch)
            numbers.hide()
            numbers.setDefaultSectionSize(_ROW_PX)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)

    def set_samples(
        self, counts: Mapping[str, int], classes: Mapping[str, str], held_out: Collection[str] = ()
    ) -> None:
        """Show samples with the number of their grains that count, their classes, and what is held out."""
        self.setRowCount(0)
        offered = sorted({name for name in classes.values() if name} | {"batholith", "porphyry"})
        for row, (sample, count) in enumerate(counts.items()):
            self.insertRow(row)
            for column, text in ((_SAMPLE, sample), (_GRAINS, str(count))):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.setItem(row, column, item)
            choice = QComboBox()
            choice.setEditable(True)
            choice.addItems(["", *offered])
            choice.setCurrentText(classes.get(sample, ""))
            choice.setToolTip(f"The class of {sample}; leave it empty where it is not known.")
            choice.setAccessibleName(f"Class of {sample}")
            choice.currentTextChanged.connect(lambda _: self.changed.emit())
            self.setCellWidget(row, _CLASS, choice)
            # napari draws a box of the table's own nearly as dark as what is behind it.
            check = QCheckBox()
            check.setChecked(sample in held_out)
            check.setToolTip("A sample that takes no part in the training; the network is tested on it.")
            check.setAccessibleName(f"Hold {sample} out")
            check.toggled.connect(lambda _: self.changed.emit())
            self.setCellWidget(row, _HELD_OUT, check)
        self.setFixedHeight(_ROW_PX * (min(max(len(counts), 1), _MOST_ROWS) + 1) + 4)

    def set_count(self, sample: str, count: int) -> None:
        """Show how many of a sample's grains count."""
        for row in range(self.rowCount()):
            name, number = self.item(row, _SAMPLE), self.item(row, _GRAINS)
            if name is not None and number is not None and name.text() == sample:
                number.setText(str(count))

    @property
    def classes(self) -> dict[str, str]:
        """The class by sample; empty where none was given."""
        found = {}
        for row in range(self.rowCount()):
            choice, item = self.cellWidget(row, _CLASS), self.item(row, _SAMPLE)
            if isinstance(choice, QComboBox) and item is not None:
                found[item.text()] = choice.currentText().strip()
        return found

    @property
    def held_out(self) -> list[str]:
        """The samples that are held out."""
        found = []
        for row in range(self.rowCount()):
            check, item = self.cellWidget(row, _HELD_OUT), self.item(row, _SAMPLE)
            if isinstance(check, QCheckBox) and item is not None and check.isChecked():
                found.append(item.text())
        return found
