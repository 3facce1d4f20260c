"""The workbench: all panels in the order of the work, with the step that comes next."""

from typing import TypeVar, cast

from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_zircon_cnn.widgets.classify_panel import ClassifyPanel
from napari_zircon_cnn.widgets.collecting import put_off, put_off_for
from napari_zircon_cnn.widgets.curate_panel import CuratePanel
from napari_zircon_cnn.widgets.embed_panel import EmbedPanel
from napari_zircon_cnn.widgets.inspect_panel import InspectPanel
from napari_zircon_cnn.widgets.mount_panel import MountPanel
from napari_zircon_cnn.widgets.panel import Panel
from napari_zircon_cnn.widgets.segment_panel import SegmentPanel
from napari_zircon_cnn.widgets.session import Session, session_of
from napari_zircon_cnn.widgets.status_line import StatusLine
from napari_zircon_cnn.widgets.train_panel import TrainPanel

_Kind = TypeVar("_Kind", bound=Panel)
_KINDS: tuple[type[Panel], ...] = (
    MountPanel,
    SegmentPanel,
    CuratePanel,
    TrainPanel,
    ClassifyPanel,
    InspectPanel,
    EmbedPanel,
)
_WIDTH_PX = 390
_PAUSE_MS = 100
_UNTIL_SHOWN_MS = 500
# napari's style shows no difference between the step that is shown and the others; the blue suits each theme.
_STEP_STYLE = """
QToolButton {border: none; border-bottom: 3px solid transparent; padding: 2px 0px;}
QToolButton:checked {border-bottom-color: #5B7FE8;}
QToolButton:focus {text-decoration: underline;}
"""


class Workbench(QWidget):
    """The panels one after the other; the marked step is the one that comes next.

    The first panel is there at once; each other is built when it is turned to or, one at a time, once the
    first has been seen.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        # What was loaded for this has made a collection due, which would come before the first picture.
        put_off_for(_UNTIL_SHOWN_MS)
        self.viewer = napari_viewer
        self.session: Session = session_of(napari_viewer)
        self._built: dict[type[Panel], Panel] = {}
        self.setMinimumWidth(_WIDTH_PX)
        self.stack = QStackedWidget()
        self.steps = QButtonGroup(self)
        self._buttons: list[QToolButton] = []
        row = QHBoxLayout()
        row.setSpacing(2)
        for n, kind in enumerate(_KINDS):
            step = QToolButton()
            step.setText(f"{n + 1} {kind.title}")
            step.setToolTip(kind.hint)
            step.setCheckable(True)
            step.setAutoRaise(True)
            step.setStyleSheet(_STEP_STYLE)
            step.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.steps.addButton(step, n)
            self._buttons.append(step)
            row.addWidget(step, 1)
            self.stack.addWidget(QWidget())
        self.stack.setCurrentWidget(self.mount)
        self.status = StatusLine(self.session)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(row)
        column.addWidget(self.stack, 1)
        column.addWidget(self.status)
        self.steps.idClicked.connect(lambda n: self.show_panel(self._panel(_KINDS[n])))
        self.stack.currentChanged.connect(self._check)
        for signal in (self.session.active_changed, self.session.rows_changed):
            signal.connect(lambda _: self._mark_next())
        for signal in (
            self.session.project_changed,
            self.mount.mount_changed,
            self.session.modelling.model_changed,
            self.session.modelling.classified,
        ):
            signal.connect(self._mark_next)
        self._check(0)
        self._mark_next()
        self._builder = QTimer(self)
        self._builder.timeout.connect(self._build_one)
        self._builder.start(_PAUSE_MS)

    @property
    def mount(self) -> MountPanel:
        """The panel for mosaics and projects."""
        return self._panel(MountPanel)

    @property
    def segment(self) -> SegmentPanel:
        """The panel that finds grains."""
        return self._panel(SegmentPanel)

    @property
    def curate(self) -> CuratePanel:
        """The panel in which grains are looked through."""
        return self._panel(CuratePanel)

    @property
    def train(self) -> TrainPanel:
        """The panel that trains networks."""
        return self._panel(TrainPanel)

    @property
    def classify(self) -> ClassifyPanel:
        """The panel with probabilities and verdicts."""
        return self._panel(ClassifyPanel)

    @property
    def inspect(self) -> InspectPanel:
        """The panel that shows what a network sees in a grain."""
        return self._panel(InspectPanel)

    @property
    def embed(self) -> EmbedPanel:
        """The panel in which grains lie by what the network sees in them."""
        return self._panel(EmbedPanel)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels in the order of the work."""
        return tuple(self._panel(kind) for kind in _KINDS)

    def show_panel(self, panel: Panel) -> None:
        """Turn to a panel."""
        self.stack.setCurrentWidget(panel)

    def _panel(self, kind: type[_Kind]) -> _Kind:
        """Return a panel, built now if it is not there yet."""
        panel = self._built.get(kind)
        if panel is None:
            with put_off():
                if kind is SegmentPanel:
                    panel = SegmentPanel(self.viewer, self.session, self.mount.mount)
                else:
                    panel = kind(self.viewer, self.session)
            self._built[kind] = panel
            at = _KINDS.index(kind)
            place = self.stack.widget(at)
            self.stack.insertWidget(at, panel)
            self.stack.removeWidget(place)
            place.deleteLater()
            self._mark_next()
        return cast(_Kind, panel)

    def _build_one(self) -> None:
        """Build the next panel that is not there yet."""
        lacking = [kind for kind in _KINDS if kind not in self._built]
        if lacking:
            self._panel(lacking[0])
        if len(lacking) <= 1:
            self._builder.stop()

    def _check(self, index: int) -> None:
        self._buttons[index].setChecked(True)

    def _mark_next(self) -> None:
        """Mark the step that comes next, and those that are done."""
        done = [kind in self._built and self._built[kind].is_done for kind in _KINDS]
        for n, (step, kind) in enumerate(zip(self._buttons, _KINDS, strict=True)):
            step.setText(f"✓ {kind.title}" if done[n] else f"{n + 1} {kind.title}")
            font = step.font()
            font.setBold(False not in done[:n] and not done[n])
            step.setFont(font)
