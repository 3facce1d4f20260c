"""The line or the box that the mouse draws over the canvas, while it does."""

from collections.abc import Sequence
from typing import Literal

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

Shape = Literal["line", "box"]

_COLOUR, _WIDTH_PX = QColor("#FFE04A"), 2
# Grains are bright and mounts are dark, and the trace must be seen on both.
_RIM_COLOUR, _RIM_WIDTH_PX = QColor(0, 0, 0, 150), 4


class Trace(QWidget):
    """Lies over a canvas and lets the mouse through.

    A layer would do as well, but napari takes a second to add and remove one beside a large mosaic.

    Parameters
    ----------
    canvas
        The widget that the layers are drawn on.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._shape: Shape = "line"
        self._corners: list[QPointF] = []
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.hide()

    def draw(self, shape: Shape, corners: Sequence[tuple[float, float]]) -> None:
        """Show a line or a box.

        Parameters
        ----------
        shape
            Which.
        corners
            The line's corners, (x, y) in px of the canvas; a box reaches from the first to the last.
        """
        self._shape = shape
        self._corners = [QPointF(*corner) for corner in corners]
        canvas = self.parentWidget()
        if canvas is not None:
            self.setGeometry(canvas.rect())
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002 -- Qt's name, Qt passes one
        """Draw the line or the box."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((_RIM_COLOUR, _RIM_WIDTH_PX), (_COLOUR, _WIDTH_PX)):
            painter.setPen(QPen(colour, width))
            if self._shape == "line":
                painter.drawPolyline(QPolygonF(self._corners))
            elif self._corners:
                painter.drawRect(QRectF(self._corners[0], self._corners[-1]).normalized())
        painter.end()
