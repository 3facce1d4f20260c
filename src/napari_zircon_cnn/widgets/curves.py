"""Loss, accuracy and ROC-AUC of a training as it runs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QFontInfo, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_zircon_cnn.widgets.tints import ground, ink, is_dark

REDRAW_MS = 200
"""The curves are drawn no more often than this."""

_PANELS = {"loss": "loss", "accuracy": "accuracy", "roc_auc": "ROC-AUC"}
_SERIES = {"": "training", "val_": "validation"}
# After Okabe and Ito (2008), which colour-blind people can tell apart; darker on a light ground, where
# they also colour text. On dark ground first.
_COLOURS = {"": ("#56b4e9", "#00609a"), "val_": ("#f0a830", "#9a4a00")}
_STYLES: dict[str, dict[str, Any]] = {
    "": {"linewidth": 1.2, "linestyle": (0, (4, 1.5))},
    "val_": {"linewidth": 1.8, "linestyle": "-"},
}
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX, _GAP_PX = 40, 104, 20, 34, 28
_DPI = 100
# A first epoch far off would squeeze all that follows into a flat line.
_MOST_OF_MEDIAN = 4.0


class TrainingCurves(QWidget):
    """Three small panels with a line for the training and one for the validation data."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figure = Figure(dpi=_DPI)
        self._canvas = FigureCanvasQTAgg(self.figure)  # type: ignore[no-untyped-call]
        self._canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._canvas.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self.setAccessibleName("Training curves")
        self.setMinimumSize(240, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

        self._panels = [
            _Panel(axes, key, name)
            for axes, (key, name) in zip(
                self.figure.subplots(3, 1, sharex=True), _PANELS.items(), strict=True
            )
        ]
        self._panels[-1].axes.set_xlabel("epoch", labelpad=1)
        # Axes and their numbers take most of the time to draw and seldom change, so their picture is kept.
        self._empty_axes: Any = None
        self._canvas.mpl_connect("draw_event", self._on_drawn)
        self._rows: list[Mapping[str, float | None]] = []
        self._epochs = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        self.clear()

    def start(self, epochs: int) -> None:
        """Forget the last training and make room for another.

        Parameters
        ----------
        epochs
            How many epochs there will be at most; the axis reaches so far from the start.
        """
        self.clear()
        self._epochs = epochs
        self._redraw()

    def clear(self) -> None:
        """Show no training."""
        self._rows, self._epochs = [], 0
        self._redraw()

    def add_epoch(self, row: Mapping[str, float | None]) -> None:
        """Add the figures of one epoch; they are drawn within `REDRAW_MS`.

        Parameters
        ----------
        row
            A row of `training.History`: `epoch` from 1, `loss`, `accuracy`, `roc_auc` and these
            with `val_`. What is missing, None or NaN leaves a gap.
        """
        self._rows.append(dict(row))
        if not self._timer.isActive():
            self._timer.start()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for the size that it is drawn for."""
        return QSize(360, 320)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        changes = {QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.FontChange}
        if event is not None and event.type() in changes and self.isVisible():
            self._take_theme()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Draw what came while nobody saw it, in the theme of now."""
        super().showEvent(event)
        self._redraw()
        self._take_theme()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Keep margins of the size that the text needs."""
        super().resizeEvent(event)
        width, height = max(self.width(), 200), max(self.height(), 160)
        inner = (height - _TOP_PX - _BOTTOM_PX - 2 * _GAP_PX) / 3
        self.figure.subplots_adjust(
            left=_LEFT_PX / width,
            right=1 - _RIGHT_PX / width,
            top=1 - _TOP_PX / height,
            bottom=_BOTTOM_PX / height,
            hspace=_GAP_PX / inner,
        )
        for panel in self._panels:
            panel.height_px = inner

    def _redraw(self) -> None:
        limits = self._limits()
        epochs = np.array([_number(row.get("epoch")) for row in self._rows])
        last = max(self._epochs, int(np.nanmax(epochs, initial=2)))
        for panel in self._panels:
            panel.axes.set_xlim(1, last)
            panel.show(epochs, self._rows)
        self.setAccessibleDescription(self._in_words())
        if self._empty_axes is None or self._limits() != limits:
            self._draw_all()
        elif self.isVisible():
            self._canvas.restore_region(self._empty_axes)  # type: ignore[no-untyped-call]
            self._draw_lines()
            self._canvas.blit(self.figure.bbox)  # type: ignore[no-untyped-call]

    def _limits(self) -> list[tuple[float, float]]:
        return [limits for panel in self._panels for limits in (panel.axes.get_xlim(), panel.axes.get_ylim())]

    def _draw_all(self) -> None:
        self._empty_axes = None
        if self.isVisible():
            self._canvas.draw_idle()  # type: ignore[no-untyped-call]

    def _on_drawn(self, _event: object) -> None:
        self._empty_axes = self._canvas.copy_from_bbox(self.figure.bbox)  # type: ignore[no-untyped-call]
        self._draw_lines()

    def _draw_lines(self) -> None:
        for panel in self._panels:
            for artist in panel.changing:
                panel.axes.draw_artist(artist)

    def _in_words(self) -> str:
        if not self._rows:
            return "No epoch yet"
        row = self._rows[-1]
        figures = [
            f"{name} of the {which} data {value:.3f}"
            for key, name in _PANELS.items()
            for prefix, which in _SERIES.items()
            if not math.isnan(value := _number(row.get(prefix + key)))
        ]
        return ", ".join([f"Epoch {_number(row.get('epoch')):.0f}", *figures])

    def _take_theme(self) -> None:
        self.figure.set_facecolor(ground(self).name())
        family = QFontInfo(self.font()).family()
        known = {font.name for font in fontManager.ttflist}
        size = QFontInfo(self.font()).pixelSize() * 72 / _DPI
        for panel in self._panels:
            panel.dress(
                text=ink(self).name(),
                line=ink(self, 0.45).name(),
                guide=ink(self, 0.22).name(),
                is_dark=is_dark(self),
                family=family if family in known else "DejaVu Sans",
                size=size,
            )
        self._draw_all()


class _Panel:
    """One figure of merit."""

    def __init__(self, axes: Axes, key: str, name: str) -> None:
        self.axes, self.height_px = axes, 80.0
        self._key = key
        self._title = axes.set_title(name, loc="left", pad=4)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=3, width=0.8, pad=2)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
        if key != "loss":
            axes.set_ylim(0.4, 1.0)
        self._guide = axes.axhline(0.5, linestyle=":", linewidth=1.0, visible=key == "roc_auc", zorder=1)
        self._lines: dict[str, Line2D] = {}
        self._ends: dict[str, Annotation] = {}
        for prefix in _SERIES:
            (line,) = axes.plot([], [], marker="o", markersize=3.5, label=prefix + key, **_STYLES[prefix])
            self._lines[prefix] = line
            self._ends[prefix] = axes.annotate(
                "",
                (1.0, 0.5),
                xycoords=axes.transAxes,
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            )
        self._note = axes.text(0.5, 0.5, "", transform=axes.transAxes, ha="center")
        self.changing: list[Artist] = [*self._lines.values(), *self._ends.values(), self._note]
        for artist in self.changing:
            artist.set_animated(True)

    def show(self, epochs: NDArray[np.float64], rows: Sequence[Mapping[str, float | None]]) -> None:
        """Draw the figures of all epochs."""
        curves = {
            prefix: np.array([_number(row.get(prefix + self._key)) for row in rows]) for prefix in _SERIES
        }
        known = np.concatenate([values[np.isfinite(values)] for values in curves.values()])
        note = "not defined for these data" if rows else "no epoch yet" if self._key == "accuracy" else ""
        self._note.set_text("" if len(known) else note)
        self._scale(known)
        for prefix, values in curves.items():
            finite = np.flatnonzero(np.isfinite(values))
            self._lines[prefix].set_data(epochs, values)
            self._lines[prefix].set_markevery(finite[-1:].tolist())
        self._label({prefix: values[np.isfinite(values)][-1:] for prefix, values in curves.items()})

    def dress(self, *, text: str, line: str, guide: str, is_dark: bool, family: str, size: float) -> None:
        """Give the panel the theme's colours and font."""
        axes = self.axes
        axes.set_facecolor("none")
        axes.spines[["left", "bottom"]].set_color(line)
        axes.tick_params(color=line, labelcolor=text, labelsize=0.9 * size, labelfontfamily=family)
        for words in (self._title, axes.xaxis.label, self._note, *self._ends.values()):
            words.set_fontfamily(family)
            words.set_fontsize(size)
            words.set_color(text)
        self._guide.set_color(guide)
        for prefix, (on_dark, on_light) in _COLOURS.items():
            colour = on_dark if is_dark else on_light
            self._lines[prefix].set_color(colour)
            self._ends[prefix].set_color(colour)
        self._line_height_px = 1.25 * size * _DPI / 72

    _line_height_px = 16.0

    def _scale(self, known: NDArray[np.float64]) -> None:
        if self._key == "loss":
            top = min(float(known.max()), _MOST_OF_MEDIAN * float(np.median(known))) if len(known) else 1.0
            self.axes.set_ylim(0, _round_up(1.02 * top))
        else:
            self.axes.set_ylim(math.floor(10 * float(known.min(initial=0.4))) / 10, 1.0)

    def _label(self, last: Mapping[str, NDArray[np.float64]]) -> None:
        """Write each line's name and last value at its height, apart from the other's."""
        low, high = self.axes.get_ylim()
        heights = {
            prefix: float(np.clip((values[0] - low) / (high - low), 0, 1))
            for prefix, values in last.items()
            if len(values)
        }
        apart = self._line_height_px / self.height_px
        if len(heights) == 2 and abs(heights[""] - heights["val_"]) < apart:
            middle = float(np.clip(sum(heights.values()) / 2, apart / 2, 1 - apart / 2))
            up = 1 if heights[""] >= heights["val_"] else -1
            heights = {"": middle + up * apart / 2, "val_": middle - up * apart / 2}
        for prefix, which in _SERIES.items():
            self._ends[prefix].set_visible(prefix in heights)
            if prefix in heights:
                self._ends[prefix].set_text(f"{which} {last[prefix][0]:.2f}")
                self._ends[prefix].xy = (1.0, heights[prefix])


def _round_up(value: float) -> float:
    """Return the next round number, so that the axis stays the same for many epochs."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(
        step for step in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10) if value <= step * power * 1.0001
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
