"""A grain's crop and the maps of all layers side by side, as in figure 11 of the paper."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QToolTip, QWidget

from napari_zircon_cnn.jobs.feature_maps import MAPS_SHOWN, LayerMaps

_EDGE_PX, _GAP_PX, _FRAME_PX = 46, 4, 2
_STEP_PX = _EDGE_PX + _GAP_PX


class MapStrip(QWidget):
    """The crop on the left, then a column for each layer with its first maps one below the other.

    A click on a map chooses it.
    """

    chosen = Signal(str, int)
    """The layer and the index of a map that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Feature maps of all layers")
        self.layers: tuple[LayerMaps, ...] = ()
        self._crop: QImage | None = None
        self._pictures: list[list[QImage]] = []
        self._marked = ("", -1)
        self._fit()

    @property
    def n_pictures(self) -> int:
        """How many maps are seen."""
        return sum(len(column) for column in self._pictures)

    def set_maps(self, crop: NDArray[np.float32], layers: Sequence[LayerMaps]) -> None:
        """Show a grain.

        Parameters
        ----------
        crop
            What the network was given, shape (size, size, 1).
        layers
            The maps of each layer, from the input on; the first five of each are shown.
        """
        self.layers = tuple(layers)
        self._crop = _picture(crop[..., 0])
        self._pictures = [
            [_picture(layer.maps[..., n]) for n in range(min(layer.maps.shape[-1], MAPS_SHOWN))]
            for layer in layers
        ]
        self._fit()
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.layers, self._crop, self._pictures = (), None, []
        self._fit()
        self.update()

    def mark(self, layer: str, index: int) -> None:
        """Frame a map, that which lies over the grain."""
        self._marked = (layer, index)
        self.update()

    def place_of(self, layer: str, index: int) -> QPoint:
        """Return the middle of a map in the strip."""
        names = [one.name for one in self.layers]
        return self._cell(names.index(layer) + 1, index).center()

    def sizeHint(self) -> QSize:  # noqa: N802 -- Qt's name
        """Return the room that all maps take."""
        n_rows = max((len(column) for column in self._pictures), default=1)
        return QSize((len(self._pictures) + 1) * _STEP_PX, self._title_px + n_rows * _STEP_PX)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802 -- Qt's name
        """Draw the crop and the maps."""
        painter = QPainter(self)
        if self._crop is None:
            return
        for column, title in enumerate(["crop", *(layer.name for layer in self.layers)]):
            room = QRect(column * _STEP_PX, 0, _EDGE_PX, self._title_px)
            words = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, _EDGE_PX)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, words)
        painter.drawImage(self._cell(0, 0), self._crop)
        for column, (layer, pictures) in enumerate(zip(self.layers, self._pictures, strict=True), 1):
            for row, picture in enumerate(pictures):
                cell = self._cell(column, row)
                painter.drawImage(cell, picture)
                if (layer.name, row) == self._marked:
                    painter.setPen(QPen(self.palette().highlight().color(), _FRAME_PX))
                    painter.drawRect(cell)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 -- Qt's name
        """Choose the map that is clicked."""
        found = self._at(event.pos()) if event is not None else None
        if event is not None and found is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(found[0].name, found[1])

    def event(self, event: QEvent | None) -> bool:
        """Say of the map under the mouse which it is."""
        if isinstance(event, QHelpEvent):
            found = self._at(event.pos())
            words = ""
            if found is not None:
                layer, n = found
                rows, columns = layer.grid.shape
                words = f"{layer.name}, map {n + 1} of {layer.n_maps}: {rows} x {columns}"
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    @property
    def _title_px(self) -> int:
        return self.fontMetrics().height() + _GAP_PX

    def _cell(self, column: int, row: int) -> QRect:
        return QRect(column * _STEP_PX, self._title_px + row * _STEP_PX, _EDGE_PX, _EDGE_PX)

    def _at(self, place: QPoint) -> tuple[LayerMaps, int] | None:
        """Return the layer and the index of the map at a place."""
        column, row = place.x() // _STEP_PX - 1, (place.y() - self._title_px) // _STEP_PX
        if not 0 <= column < len(self._pictures) or not 0 <= row < len(self._pictures[column]):
            return None
        return self.layers[column], row

    def _fit(self) -> None:
        self.setFixedSize(self.sizeHint())
        self.updateGeometry()


@cache
def _colours() -> NDArray[np.uint8]:
    """Return viridis as bytes, shape (256, 4)."""
    table: NDArray[np.uint8] = np.rint(ensure_colormap("viridis").map(np.linspace(0, 1, 256)) * 255).astype(
        np.uint8
    )
    return table


def _picture(values: NDArray[np.float32]) -> QImage:
    """Return a map as a picture, stretched to its own full range."""
    low, high = float(values.min()), float(values.max())
    places = np.rint((values - low) / (high - low or 1.0) * 255).astype(np.uint8)
    pixels = np.ascontiguousarray(_colours()[places])
    rows, columns = values.shape
    # A copy, since the picture does not keep the array.
    return QImage(pixels.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()
