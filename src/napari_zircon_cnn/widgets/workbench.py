"""The workbench: all panels in the order of the work, with the step that comes next."""

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_zircon_cnn.widgets.classify_panel import ClassifyPanel
from napari_zircon_cnn.widgets.collecting import put_off
from napari_zircon_cnn.widgets.curate_panel import CuratePanel
from napari_zircon_cnn.widgets.mount_panel import MountPanel
from napari_zircon_cnn.widgets.panel import Panel
from napari_zircon_cnn.widgets.segment_panel import SegmentPanel
from napari_zircon_cnn.widgets.session import Session, session_of
from napari_zircon_cnn.widgets.status_line import StatusLine
from napari_zircon_cnn.widgets.train_panel import TrainPanel

_WIDTH_PX = 390
# napari's style shows no difference between the step that is shown and the others; the blue suits each theme.
_STEP_STYLE = """
QToolButton {border: none; border-bottom: 3px solid transparent; padding: 2px 0px;}
QToolButton:checked {border-bottom-color: #5B7FE8;}
QToolButton:focus {text-decoration: underline;}
"""


class Workbench(QWidget):
    """The panels one after the other; the marked step is the one that comes next.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session: Session = session_of(napari_viewer)
        with put_off():
            self.mount = MountPanel(napari_viewer, self.session)
            self.segment = SegmentPanel(napari_viewer, self.session, self.mount.mount)
            self.curate = CuratePanel(napari_viewer, self.session)
            self.train = TrainPanel(napari_viewer, self.session)
            self.classify = ClassifyPanel(napari_viewer, self.session)
        self.panels: tuple[Panel, ...] = (self.mount, self.segment, self.curate, self.train, self.classify)
        self.setMinimumWidth(_WIDTH_PX)
        self.stack = QStackedWidget()
        self.steps = QButtonGroup(self)
        self._buttons: list[QToolButton] = []
        row = QHBoxLayout()
        row.setSpacing(2)
        for n, panel in enumerate(self.panels):
            step = QToolButton()
            step.setText(f"{n + 1} {panel.title}")
            step.setToolTip(panel.hint)
            step.setCheckable(True)
            step.setAutoRaise(True)
            step.setStyleSheet(_STEP_STYLE)
            step.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.steps.addButton(step, n)
            self._buttons.append(step)
            row.addWidget(step, 1)
            self.stack.addWidget(panel)
        self.status = StatusLine(self.session)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(row)
        column.addWidget(self.stack, 1)
        column.addWidget(self.status)
        self.steps.idClicked.connect(self.stack.setCurrentIndex)
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

    def show_panel(self, panel: Panel) -> None:
        """Turn to a panel."""
        self.stack.setCurrentWidget(panel)

    def _check(self, index: int) -> None:
        self._buttons[index].setChecked(True)

    def _mark_next(self) -> None:
        """Mark the step that comes next, and those that are done."""
        for n, (step, panel) in enumerate(zip(self._buttons, self.panels, strict=True)):
            step.setText(f"✓ {panel.title}" if panel.is_done else f"{n + 1} {panel.title}")
        following = next((n for n, panel in enumerate(self.panels) if not panel.is_done), None)
        for n, step in enumerate(self._buttons):
            font = step.font()
            font.setBold(n == following)
            step.setFont(font)
