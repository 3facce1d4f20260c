"""How the probabilities of each sample's grains are spread, a small row for each sample."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_zircon_cnn.widgets.tints import ink, is_dark

N_BINS = 20

_ROW_PX, _BARS_PX, _MARGIN_PX, _GAP_PX = 46, 34, 4, 8
_LEFT_SHARE, _RIGHT_SHARE = 0.24, 0.3
_WIDEST_LEFT_PX, _WIDEST_RIGHT_PX = 130, 150
_BAR_INK, _AXIS_INK, _HALF_INK, _NOTE_INK = 0.42, 0.5, 0.25, 0.75
# After Okabe and Ito (2008): on a dark and on a light ground.
_MEAN_COLOURS = ("#f0a830", "#9a4a00")
_INTERVAL_OPACITY = 0.3
_MARK_PX = 7
IN_TRAINING_NOTE = "The network was trained on grains of this sample, so this is no test of it."


@dataclass(frozen=True, eq=False)
class SampleHistogram:
    """The probabilities of one sample.

    Parameters
    ----------
    name
        The sample.
    probabilities
        Shape (n,), 0 to 1, of the grains that count; NaN, a grain that was not classified, is
        left out.
    mean
        Their mean, or NaN.
    low, high
        Its 95% interval; NaN where there is none.
    verdict
        What the sample is called, in a word or two.
    in_training
        Whether the network was trained on grains of this sample.
    n_unlike
        How many of the grains are unlike any seen in training.
    """

    name: str
    probabilities: NDArray[np.floating]
    mean: float
    low: float
    high: float
    verdict: str
    in_training: bool = False
    n_unlike: int = 0


def bin_counts(probabilities: ArrayLike) -> NDArray[np.int64]:
    """Return how many probabilities lie in each of `N_BINS` equal bins from 0 to 1, without NaN."""
    values = np.asarray(probabilities, np.float64)
    counts, _ = np.histogram(values[np.isfinite(values)], N_BINS, (0, 1))
    return counts.astype(np.int64)


class ProbabilityHistogram(QWidget):
    """Rows of small histograms over one axis; more than fit can be scrolled."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Probabilities by sample")
        self.rows: list[HistogramRow] = []
        self._stack = QWidget()
        self._list = QVBoxLayout(self._stack)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._list.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._stack)
        self._axis = _Axis(self._stack)
        self._note = QElidingLabel()
        self._note.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self._axis)
        layout.addWidget(self._note)
        self.set_samples([])

    def set_samples(self, rows: Sequence[SampleHistogram]) -> None:
        """Show other samples.

        Parameters
        ----------
        rows
            A row for each sample, in their order.
        """
        for row, sample in zip(self.rows, rows, strict=False):
            row.show_sample(sample)
        for sample in rows[len(self.rows) :]:
            self.rows.append(HistogramRow(sample))
            self._list.addWidget(self.rows[-1])
        for row in self.rows[len(rows) :]:
            self._list.removeWidget(row)
            row.deleteLater()
        del self.rows[len(rows) :]
        for part in (self._scroll, self._axis):
            part.setVisible(bool(rows))
        marks = [
            text
            for text, is_there in (
                ("▲ in the training, so no test", any(sample.in_training for sample in rows)),
                ("⚠ unlike any in the training", any(sample.n_unlike for sample in rows)),
            )
            if is_there
        ]
        self._note.setText(" · ".join(marks) if rows else "No sample has been classified yet.")
        self._note.setVisible(bool(marks) or not rows)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for up to six rows."""
        return QSize(380, min(max(len(self.rows), 1), 6) * _ROW_PX + 40)


class HistogramRow(QWidget):
    """The histogram of one sample, with its name on the left and its verdict on the right."""

    def __init__(self, sample: SampleHistogram) -> None:
        super().__init__()
        self.setFixedHeight(_ROW_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.show_sample(sample)

    def show_sample(self, sample: SampleHistogram) -> None:
        """Show another sample, or the same with other figures."""
        self.sample = sample
        self.counts = bin_counts(sample.probabilities)
        self.setAccessibleName(sample.name)
        self.setAccessibleDescription(self.in_words())
        self.setToolTip(f"<p>{escape(self.in_words()).replace(chr(10), '<br>')}</p>")
        self.update()

    def in_words(self) -> str:
        """Return all that the row shows, in words."""
        sample, n = self.sample, int(self.counts.sum())
        words = f"{sample.name}: {n:,} {'grain' if n == 1 else 'grains'}"
        if math.isfinite(sample.mean):
            words += f", mean probability {sample.mean:.2f}"
        if self.has_interval:
            words += f", 95% interval {sample.low:.2f} to {sample.high:.2f}"
        words += f"\nVerdict: {sample.verdict}" if sample.verdict else ""
        if sample.n_unlike:
            words += f"\n{sample.n_unlike:,} of the grains unlike any seen in training"
        return words + (f"\n{IN_TRAINING_NOTE}" if sample.in_training else "")

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval to shade."""
        return math.isfinite(self.sample.low) and math.isfinite(self.sample.high)

    def bars_place(self) -> QRect:
        """Return where the bars are drawn."""
        left, right = _sides(self)
        return QRect(left, _ROW_PX - _MARGIN_PX - _BARS_PX, self.width() - left - right, _BARS_PX)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw the row."""
        painter = QPainter(self)
        place = self.bars_place()
        self._paint_bars(painter, place)
        self._paint_mean(painter, place)
        self._paint_words(painter, place)
        painter.end()

    def _paint_bars(self, painter: QPainter, place: QRect) -> None:
        foot = place.bottom() + 1
        middle = place.left() + place.width() / 2
        painter.setPen(QPen(ink(self, _HALF_INK), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(middle, place.top()), QPointF(middle, foot))
        edges = np.round(place.left() + np.arange(N_BINS + 1) * place.width() / N_BINS).astype(int)
        heights = self.counts / max(1, int(self.counts.max())) * place.height()
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            if height:
                tall = max(1, round(height))
                painter.fillRect(
                    QRect(int(left), foot - tall, int(right - left) - 1, tall), ink(self, _BAR_INK)
                )
        painter.setPen(ink(self, _AXIS_INK))
        painter.drawLine(place.left(), foot, place.right(), foot)

    def _paint_mean(self, painter: QPainter, place: QRect) -> None:
        sample = self.sample
        colour = QColor(_MEAN_COLOURS[0 if is_dark(self) else 1])
        if self.has_interval:
            low, high = (place.left() + end * place.width() for end in (sample.low, sample.high))
            shade = QColor(colour)
            shade.setAlphaF(_INTERVAL_OPACITY)
            painter.fillRect(QRectF(low, place.top(), max(high - low, 1), place.height()), shade)
        if math.isfinite(sample.mean):
            x = round(place.left() + sample.mean * place.width())
            painter.fillRect(QRect(x - 1, place.top() - 2, 2, place.height() + 3), colour)

    def _paint_words(self, painter: QPainter, place: QRect) -> None:
        sample, n = self.sample, int(self.counts.sum())
        mean = f"{sample.mean:.2f}" if math.isfinite(sample.mean) else ""
        if mean and self.has_interval:
            mean += f" ({sample.low:.2f}–{sample.high:.2f})"  # noqa: RUF001
        indent = _MARK_PX + 4 if sample.in_training else 0
        count = f"{n:,} {'grain' if n == 1 else 'grains'}"
        if sample.n_unlike:
            count += f" ⚠{sample.n_unlike:,}"
        left = QRect(0, place.top(), place.left() - _GAP_PX, place.height())
        right = QRect(place.right() + 1 + _GAP_PX, place.top(), 0, place.height())
        right.setRight(self.width() - 1)
        self._paint_two_lines(painter, left, sample.name, count, indent)
        self._paint_two_lines(painter, right, sample.verdict, mean, 0)
        if sample.in_training:
            middle = left.top() + self.fontMetrics().height() / 2
            half = _MARK_PX / 2
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink(self))
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF(0, middle + half),
                        QPointF(_MARK_PX, middle + half),
                        QPointF(half, middle - half),
                    ]
                )
            )

    def _paint_two_lines(self, painter: QPainter, place: QRect, upper: str, lower: str, indent: int) -> None:
        metrics = self.fontMetrics()
        for words, strength, first, rest in (
            (upper, 1.0, indent, place.top()),
            (lower, _NOTE_INK, 0, place.top() + metrics.height() + 1),
        ):
            room = QRect(place.left() + first, rest, place.width() - first, metrics.height())
            painter.setPen(ink(self, strength))
            painter.drawText(
                room,
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                metrics.elidedText(words, Qt.TextElideMode.ElideRight, room.width()),
            )


class _Axis(QWidget):
    """The numbers under the bars of all rows."""

    def __init__(self, rows: QWidget) -> None:
        super().__init__()
        self._rows = rows
        self.setFixedHeight(self.fontMetrics().height() + 8)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002
        """Draw the numbers as wide as the rows are beside their scroll bar."""
        painter = QPainter(self)
        left, right = _sides(self._rows)
        width = self._rows.width() - left - right
        painter.setPen(ink(self, _NOTE_INK))
        for value, number in ((0.0, "0"), (0.5, "0.5"), (1.0, "1")):
            x = round(left + value * width)
            painter.drawLine(x, 0, x, 2)
            room = QRect(x - 20, 3, 40, self.fontMetrics().height())
            painter.drawText(room, Qt.AlignmentFlag.AlignHCenter, number)
        room = QRect(left + width + _GAP_PX, 3, right, self.fontMetrics().height())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft, "probability")
        painter.end()


def _sides(widget: QWidget) -> tuple[int, int]:
    """Return the room in px for the name on the left and for the verdict on the right."""
    width = widget.width()
    # The verdict's interval is read to its end, and the bars have what is left.
    interval = widget.fontMetrics().horizontalAdvance("0.00 (0.00–0.00)") + _GAP_PX + 2  # noqa: RUF001
    right = max(min(int(_RIGHT_SHARE * width), _WIDEST_RIGHT_PX), interval)
    return min(int(_LEFT_SHARE * width), _WIDEST_LEFT_PX), right
