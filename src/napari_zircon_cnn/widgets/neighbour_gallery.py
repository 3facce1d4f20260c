"""A gallery of grains by their crops: those most like one grain, or those unlike all others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

from napari_zircon_cnn.jobs.neighbours import NearGrain

_ICON_PX, _CELL_PX, _LINES = 56, 80, 3
_PEEP_PX = 24
_GRAIN = Qt.ItemDataRole.UserRole


class NeighbourGallery(QListWidget):
    """Crops with probability and distance; one that is clicked is gone to."""

    went_to = Signal(str, int)
    """The sample and the label of the grain that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Grains alike")
        self.setToolTip("Click a crop to go to its grain; p is its probability, d its distance.")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.setUniformItemSizes(True)
        self.setWordWrap(True)
        self._cell = QSize(_CELL_PX, _ICON_PX + 4 + _LINES * self.fontMetrics().height())
        self.setGridSize(self._cell)
        # The next line of crops peeps out, so that one sees that there are more.
        self.setFixedHeight(self._cell.height() + _PEEP_PX)
        self.itemClicked.connect(self._go)
        self.itemActivated.connect(self._go)

    @property
    def grains(self) -> list[tuple[str, int]]:
        """Sample and label of each grain shown, in their order."""
        return [self.item(row).data(_GRAIN) for row in range(self.count())]

    def show_grains(
        self, grains: Sequence[NearGrain], crops: Sequence[NDArray[np.float32] | None], target: str
    ) -> None:
        """Show grains in place of those before.

        Parameters
        ----------
        grains
            The grains.
        crops
            The crop of each, shape (size, size, 1), 0 to 1, or None where there is none to show.
        target
            The class whose probability is told.
        """
        self.clear()
        for grain, crop in zip(grains, crops, strict=True):
            note = "; the network was trained on it" if grain.in_training else ""
            item = QListWidgetItem(
                f"{grain.sample}:{grain.label}\np {grain.probability:.2f}\nd {grain.distance:.2f}"
            )
            item.setIcon(QIcon(_picture(crop)))
            item.setData(_GRAIN, (grain.sample, grain.label))
            item.setSizeHint(self._cell)
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
            item.setToolTip(
                f"Grain {grain.label} of {grain.sample}: probability of {target} {grain.probability:.2f}, "
                f"distance {grain.distance:.2f}{note}."
            )
            self.addItem(item)

    def _go(self, item: QListWidgetItem) -> None:
        self.went_to.emit(*item.data(_GRAIN))


def _picture(crop: NDArray[np.float32] | None) -> QPixmap:
    """Return a crop as a picture, black where there is none."""
    if crop is None:
        picture = QPixmap(_ICON_PX, _ICON_PX)
        picture.fill(Qt.GlobalColor.black)
        return picture
    grey = np.ascontiguousarray((255 * crop[..., 0]).round().clip(0, 255).astype(np.uint8))
    height, width = grey.shape
    image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image).scaled(
        _ICON_PX, _ICON_PX, transformMode=Qt.TransformationMode.SmoothTransformation
    )
