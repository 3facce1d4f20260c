"""The small pictures that a scatter is drawn with: markers, the ring around one, and the axes of a solid."""

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from napari_zircon_cnn.widgets.scatter_geometry import seen_from

N_MARKERS = 5
MARKER_PX, RING_PX = 8, 13

_RING_COLOURS = ("#000000", "#FFE04A")
_AXIS_PX, _NAME_PX = 24.0, 33.0


def sprite(marker: int, colour: QColor, rim: QColor, ratio: float) -> QPixmap:
    """Return a small picture of a marker.

    Parameters
    ----------
    marker
        Which of the `N_MARKERS` shapes.
    colour, rim
        Its colours.
    ratio
        How many px of the screen one px of the widget is.

    Returns
    -------
    QPixmap
        The picture.
    """
    side = MARKER_PX + 2
    picture, painter = _blank(side, ratio)
    painter.setPen(QPen(rim, 0.7))
    painter.setBrush(colour)
    low, middle, high = 1.5, side / 2, side - 1.5
    if marker == 0:
        painter.drawEllipse(QRectF(low, low, high - low, high - low))
    elif marker == 1:
        painter.drawRect(QRectF(low + 0.5, low + 0.5, high - low - 1, high - low - 1))
    else:
        corners = {
            2: [(middle, low), (high, high), (low, high)],
            3: [(middle, low), (high, middle), (middle, high), (low, middle)],
            4: [(low, low), (high, low), (middle, high)],
        }[marker]
        painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
    painter.end()
    return picture


def ring(ratio: float) -> QPixmap:
    """Return a small picture of the ring around a marked point."""
    picture, painter = _blank(RING_PX, ratio)
    for colour, width in zip(_RING_COLOURS, (3.0, 1.6), strict=True):
        painter.setPen(QPen(QColor(colour), width))
        painter.drawEllipse(QRectF(2, 2, RING_PX - 4, RING_PX - 4))
    painter.end()
    return picture


def _blank(side: int, ratio: float) -> tuple[QPixmap, QPainter]:
    picture = QPixmap(round(side * ratio), round(side * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return picture, painter


def draw_axes(painter: QPainter, middle: QPointF, view_deg: tuple[float, float], ink: QColor) -> None:
    """Draw which way the three axes of a solid point, with their numbers.

    Parameters
    ----------
    painter
        What it is drawn with.
    middle
        Where they meet.
    view_deg
        As for `seen_from`.
    ink
        The colour.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(ink, 1.2))
    for number, (right, up, _) in enumerate(seen_from(np.eye(3), view_deg).tolist(), start=1):
        painter.drawLine(middle, middle + QPointF(right, -up) * _AXIS_PX)
        at = middle + QPointF(right, -up) * _NAME_PX
        painter.drawText(QRectF(at.x() - 8, at.y() - 8, 16, 16), Qt.AlignmentFlag.AlignCenter, str(number))
