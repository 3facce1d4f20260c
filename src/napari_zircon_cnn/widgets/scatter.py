"""A scatter of many points, of which some are chosen by a click, a box or a lasso."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_zircon_cnn.widgets.scatter_geometry import flat_places, inside_polygon, solid_places
from napari_zircon_cnn.widgets.scatter_marks import MARKER_PX, N_MARKERS, RING_PX, draw_axes, ring, sprite
from napari_zircon_cnn.widgets.tints import ground, ink

Tool = Literal["lasso", "box", "turn"]

_MARGIN_PX, _NEAR_PX, _STILL_PX, _CORNER_PX = 22, 9.0, 3.0, 42
_FRAME_INK, _NAME_INK, _RIM_INK = 0.35, 0.75, 0.6
_TRACE_COLOUR = "#FFE04A"
_DEGREES_PER_PX = 0.5
_FIRST_VIEW_DEG = (30.0, 20.0)
_MORE = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier


class Scatter(QWidget):
    """Points in two dimensions, or in three that can be turned.

    The points are drawn once into a picture; a choice among them draws but the rings of the chosen.
    """

    chosen = Signal(object, bool)
    """The points that a hand chose, indices of shape (k,), and whether they are added to those before."""
    rested_on = Signal(int)
    """The point that the mouse rests on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Scatter of the grains")
        # The height that it would like is more than a small window has.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.setMinimumHeight(160)
        # The keys are for the grains after a click here as after one on the mount.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.tool: Tool = "lasso"
        self._values: NDArray[np.float64] = np.empty((0, 2))
        self._colours: NDArray[np.uint8] = np.empty((0, 4), np.uint8)
        self._markers: NDArray[np.int64] = np.empty(0, np.int64)
        self._axes: tuple[str, ...] = ("", "")
        self._marked: NDArray[np.int64] = np.empty(0, np.int64)
        self._places: NDArray[np.float64] | None = None
        self._order: NDArray[np.int64] = np.empty(0, np.int64)
        self._picture: QPixmap | None = None
        self._view_deg = _FIRST_VIEW_DEG
        self._trace: list[QPointF] = []

    @property
    def is_solid(self) -> bool:
        """Whether there are three axes, so that the points can be turned."""
        return bool(self._values.shape[1] == 3)

    @property
    def marked(self) -> NDArray[np.int64]:
        """The marked points, indices of shape (k,)."""
        return self._marked

    def set_points(
        self, values: ArrayLike, colours: ArrayLike, markers: ArrayLike, axes: Sequence[str]
    ) -> None:
        """Show other points; none of them is marked.

        Parameters
        ----------
        values
            Shape (n, 2) or (n, 3), all finite.
        colours
            Shape (n, 4), red, green, blue and opacity from 0 to 255.
        markers
            Shape (n,), which of the `N_MARKERS` shapes each point has.
        axes
            The names of the two or three axes.
        """
        self._values = np.asarray(values, np.float64)
        self._colours = np.asarray(colours, np.uint8)
        self._markers = np.asarray(markers, np.int64) % N_MARKERS
        self._axes = tuple(axes)
        self._marked = np.empty(0, np.int64)
        self._redraw()

    def mark(self, points: ArrayLike) -> None:
        """Mark points, and no others.

        Parameters
        ----------
        points
            Their indices, shape (k,).
        """
        self._marked = np.asarray(points, np.int64)
        self.update()

    def places(self) -> NDArray[np.float64]:
        """Return where the points are drawn in the widget in px, (x, y), shape (n, 2)."""
        if self._places is None:
            if self.is_solid:
                self._places, self._order = solid_places(self._values, self._view_deg, self.plot_place())
            else:
                self._places = flat_places(self._values, self.plot_place())
                self._order = np.arange(len(self._values))
        return self._places

    def plot_place(self) -> QRect:
        """Return where the points are drawn."""
        return self.rect().adjusted(_MARGIN_PX, 6, -6, -_MARGIN_PX)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a plot a little wider than high."""
        return QSize(380, 280)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Lay the points out anew."""
        super().resizeEvent(event)
        self._redraw()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._redraw()

    def event(self, event: QEvent | None) -> bool:
        """Tell what the point is that the mouse rests on."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            point = self._nearest(QPointF(event.pos()))
            if point is None:
                QToolTip.hideText()
            else:
                self.rested_on.emit(point)
            return True
        return bool(super().event(event))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Begin a click or a drag."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._trace = [event.position()]

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Draw the lasso or the box on, or turn the points."""
        if event is None or not self._trace:
            return
        place = event.position()
        if self.tool == "turn" and self.is_solid:
            moved = place - self._trace[-1]
            across, up = self._view_deg
            up = min(max(up + moved.y() * _DEGREES_PER_PX, -90.0), 90.0)
            self._view_deg = (across + moved.x() * _DEGREES_PER_PX, up)
            self._redraw()
        self._trace.append(place)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Choose what was clicked or is inside the lasso or the box."""
        if event is None or event.button() != Qt.MouseButton.LeftButton or not self._trace:
            return
        trace = [*self._trace, event.position()]
        self._trace = []
        self.update()
        adds = bool(event.modifiers() & _MORE)
        reach = max(math.hypot(place.x() - trace[0].x(), place.y() - trace[0].y()) for place in trace)
        if reach <= _STILL_PX:
            point = self._nearest(trace[-1])
            self.chosen.emit(np.array([] if point is None else [point], np.int64), adds)
        elif self.tool == "box" or (self.tool == "lasso" and len(trace) > 2):
            corners = np.array([(place.x(), place.y()) for place in trace])
            if self.tool == "box":
                low, high = corners[[0, -1]].min(axis=0), corners[[0, -1]].max(axis=0)
                inside = ((self.places() >= low) & (self.places() <= high)).all(axis=1)
            else:
                inside = inside_polygon(self.places(), corners)
            self.chosen.emit(np.flatnonzero(inside), adds)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw the points, the rings of those that are marked, and what the mouse draws."""
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        if self._picture is None or self._picture.devicePixelRatioF() != ratio:
            self._picture = self._drawn(ratio)
        painter.drawPixmap(0, 0, self._picture)
        around, half = ring(ratio), RING_PX / 2
        for x, y in self.places()[self._marked[self._marked < len(self._values)]].tolist():
            painter.drawPixmap(QPointF(x - half, y - half), around)
        if len(self._trace) > 1 and self.tool != "turn":
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(_TRACE_COLOUR), 1.5))
            if self.tool == "box":
                painter.drawRect(QRectF(self._trace[0], self._trace[-1]).normalized())
            else:
                painter.drawPolygon(QPolygonF(self._trace))
        painter.end()

    def _redraw(self) -> None:
        self._places = self._picture = None
        self.update()

    def _nearest(self, place: QPointF) -> int | None:
        """Return the point nearest to a place of the widget, if one is near."""
        if not len(self._values):
            return None
        away = np.hypot(*(self.places() - (place.x(), place.y())).T)
        nearest = int(away.argmin())
        return nearest if away[nearest] <= _NEAR_PX else None

    def _drawn(self, ratio: float) -> QPixmap:
        """Return a picture of all points with frame and names."""
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(ground(self))
        painter = QPainter(picture)
        place, line = self.plot_place(), self.fontMetrics().height()
        painter.setPen(ink(self, _FRAME_INK))
        painter.drawRect(place)
        painter.setPen(ink(self, _NAME_INK))
        if self.is_solid:
            below = ", ".join(self._axes)
            corner = QPointF(place.left() + _CORNER_PX, place.bottom() - _CORNER_PX)
            draw_axes(painter, corner, self._view_deg, ink(self, _NAME_INK))
        else:
            below = self._axes[0]
            painter.save()
            painter.rotate(-90)
            painter.drawText(
                QRect(-place.bottom(), 2, place.height(), line), Qt.AlignmentFlag.AlignCenter, self._axes[1]
            )
            painter.restore()
        under = QRect(place.left(), place.bottom() + 3, place.width(), line)
        painter.drawText(under, Qt.AlignmentFlag.AlignCenter, below)
        rim, half = ink(self, _RIM_INK), MARKER_PX / 2 + 1
        sprites: dict[tuple[int, ...], QPixmap] = {}
        kinds = np.column_stack([self._markers, self._colours]).tolist()
        places = self.places().tolist()
        for point in self._order.tolist():
            (x, y), kind = places[point], tuple(kinds[point])
            if kind not in sprites:
                sprites[kind] = sprite(kind[0], QColor(*kind[1:]), rim, ratio)
            painter.drawPixmap(QPointF(x - half, y - half), sprites[kind])
        painter.end()
        return picture
