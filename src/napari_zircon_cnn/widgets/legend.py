"""What the colours on the mount mean: a bar for the probability, or a swatch with a name for each colour."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_zircon_cnn.widgets.tints import ink

_BAR_PX, _TICK_PX, _GAP_PX = 12, 4, 6
_SWATCH_PX, _BETWEEN_PX = 12, 14
_BORDER_INK, _NUMBER_INK = 0.5, 0.85
_LONGEST_SHARE = 0.3
_ROUND_FROM = 100
_OF_PROBABILITY = ("0", "0.5", "1")


class ColourLegend(QWidget):
    """A legend that is as wide as its place and as high as it must be."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar: NDArray[np.uint8] | None = None
        self._ends = ("", "")
        self._numbers = _OF_PROBABILITY
        self._swatches: dict[str, QColor] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_probability(self, colours: ArrayLike, low: str, high: str) -> None:
        """Show a bar from 0 to 1.

        Parameters
        ----------
        colours
            Shape (n, 4), red, green, blue and opacity from 0 to 1; the first is that of 0.
        low, high
            What a probability of 0 and of 1 speaks for.
        """
        self._show_bar(colours, (low, high), _OF_PROBABILITY)
        self.setToolTip(f"Probability from 0 ({low}) to 1 ({high})")
        self._tell(f"Colours of the probability, from {low} at 0 to {high} at 1")

    def show_range(self, colours: ArrayLike, name: str, low: float, high: float) -> None:
        """Show a bar between two numbers.

        Parameters
        ----------
        colours
            Shape (n, 4), red, green, blue and opacity from 0 to 1; the first is that of the lower number.
        name
            What is told, with its unit.
        low, high
            The numbers; all below and above have the colours of the ends.
        """
        first, middle, last = (_short(number) for number in (low, (low + high) / 2, high))
        self._show_bar(colours, (name, ""), (first, middle, last))
        self.setToolTip(f"{name} from {first} to {last}")
        self._tell(f"Colours of {name}, from {first} to {last}")

    def show_swatches(self, colours: Mapping[str, str]) -> None:
        """Show a swatch for each name.

        Parameters
        ----------
        colours
            The names and their colours, such as `{"accepted": "#33C28A"}`.
        """
        self._bar, self._ends = None, ("", "")
        self._swatches = {name: QColor(colour) for name, colour in colours.items()}
        self.setToolTip("")
        self._tell(f"Colours of {', '.join(self._swatches)}")

    def height_for(self, width: int) -> int:
        """Return the height in px that the legend needs; swatches go on in a second line."""
        line = self.fontMetrics().height()
        if self._bar is not None:
            return 2 + max(_BAR_PX, line) + _TICK_PX + line
        places = self.swatch_places(width)
        return max((place.bottom() + 1 for place in places.values()), default=0)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a width that names and numbers fit in."""
        return QSize(300, self.height_for(max(self.width(), 120)))

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Take the height that goes with the width."""
        super().resizeEvent(event)
        # A layout asks a widget for its height at a width only where all around it do the same.
        self.setFixedHeight(self.height_for(self.width()))

    def bar_place(self) -> QRect:
        """Return where the bar is drawn, between the names of the two ends."""
        left, right = (
            min(self.fontMetrics().horizontalAdvance(name), int(_LONGEST_SHARE * self.width()))
            for name in self._ends
        )
        number = max(map(self.fontMetrics().horizontalAdvance, self._numbers)) // 2 + 1
        x = max(left + _GAP_PX if left else 0, number)
        end = self.width() - max(right + _GAP_PX if right else 0, number)
        y = 1 + max(0, self.fontMetrics().height() - _BAR_PX) // 2
        return QRect(x, y, end - x, _BAR_PX)

    def swatch_places(self, width: int) -> dict[str, QRect]:
        """Return where each swatch with its name is drawn in a widget of a width in px."""
        metrics = self.fontMetrics()
        line, x, y, places = metrics.height() + 4, 0, 0, {}
        for name in self._swatches:
            wide = _SWATCH_PX + _GAP_PX + metrics.horizontalAdvance(name)
            if x and x + wide > width:
                x, y = 0, y + line
            places[name] = QRect(x, y, min(wide, width), line)
            x += wide + _BETWEEN_PX
        return places

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw the legend."""
        painter = QPainter(self)
        if self._bar is not None:
            self._paint_bar(painter, self._bar)
        else:
            self._paint_swatches(painter)
        painter.end()

    def _paint_bar(self, painter: QPainter, pixels: NDArray[np.uint8]) -> None:
        place, metrics = self.bar_place(), self.fontMetrics()
        n = pixels.shape[1]
        image = QImage(pixels.tobytes(), n, 1, 4 * n, QImage.Format.Format_RGBA8888)
        painter.drawImage(place, image)
        painter.setPen(ink(self, _BORDER_INK))
        painter.drawRect(QRectF(place).adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.setPen(ink(self))
        low, high = self._ends
        top, line = place.center().y() - metrics.height() // 2, metrics.height()
        for name, left, right, side in (
            (low, 0, place.left() - _GAP_PX, Qt.AlignmentFlag.AlignRight),
            (high, place.right() + 1 + _GAP_PX, self.width(), Qt.AlignmentFlag.AlignLeft),
        ):
            room = QRect(left, top, right - left + 1, line)
            words = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, words)
        painter.setPen(ink(self, _NUMBER_INK))
        for value, number in zip((0.0, 0.5, 1.0), self._numbers, strict=True):
            x = place.left() + value * place.width()
            under = place.bottom() + 1
            painter.drawLine(QPointF(x, under), QPointF(x, under + _TICK_PX - 2))
            room = QRect(round(x) - 30, under + _TICK_PX, 60, line)
            painter.drawText(room, Qt.AlignmentFlag.AlignHCenter, number)

    def _paint_swatches(self, painter: QPainter) -> None:
        for name, place in self.swatch_places(self.width()).items():
            swatch = QRect(place.left(), place.center().y() - _SWATCH_PX // 2 + 1, _SWATCH_PX, _SWATCH_PX)
            painter.fillRect(swatch, self._swatches[name])
            painter.setPen(ink(self, _BORDER_INK))
            painter.drawRect(swatch.adjusted(0, 0, -1, -1))
            painter.setPen(ink(self))
            room = place.adjusted(_SWATCH_PX + _GAP_PX, 0, 0, 0)
            words = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, room.width() + 1)
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)

    def _show_bar(self, colours: ArrayLike, ends: tuple[str, str], numbers: tuple[str, str, str]) -> None:
        rgba = np.asarray(colours, np.float64)
        self._bar = np.ascontiguousarray(np.round(255 * rgba[None]).clip(0, 255).astype(np.uint8))
        self._ends, self._numbers, self._swatches = ends, numbers, {}

    def _tell(self, name: str) -> None:
        self.setAccessibleName(name)
        self.setFixedHeight(self.height_for(self.width()))
        self.update()


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= _ROUND_FROM else f"{number:.3g}"
