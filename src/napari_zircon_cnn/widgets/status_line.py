"""The lowest lines of a panel: what was said last, and the work under way with a way to stop it."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_zircon_cnn.widgets.left_work_offer import LeftWorkOffer
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.tasks import Task

_STEPS = 1000


class StatusLine(QWidget):
    """Shows what the session says and how far its work is.

    Parameters
    ----------
    session
        The session.
    parent
        The widget that it lies in.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.message = QLabel("")
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.message.setAccessibleName("Message")
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop the work under way; nothing is left half written.")
        self.cancel.clicked.connect(self._cancel)
        self._work = QWidget()
        row = QHBoxLayout(self._work)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(LeftWorkOffer(session))
        column.addWidget(self._work)
        column.addWidget(self.message)
        self._work.hide()
        self._task: Task | None = None
        session.said.connect(self.show_message)
        session.task_started.connect(self._follow)

    def show_message(self, sentence: str, wrong: bool = False) -> None:
        """Show a sentence, marked where it is about something that went wrong."""
        self.message.setText(f"⚠ {sentence}" if wrong else sentence)
        font = self.message.font()
        font.setBold(wrong)
        self.message.setFont(font)

    def _follow(self, task: Task) -> None:
        self._task = task
        self.cancel.setEnabled(True)
        self.bar.setRange(0, 0)
        self.message.setText(f"{task.name} …")
        self._work.show()
        task.progressed.connect(lambda fraction, message: self._progress(task, fraction, message))
        task.cancelled.connect(lambda: self.show_message(f"{task.name} was cancelled."))
        task.ended.connect(lambda: self._forget(task))

    def _progress(self, task: Task, fraction: float, message: str) -> None:
        if task is self._task:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(round(fraction * _STEPS))
            self.message.setText(f"{task.name}: {message}")

    def _forget(self, task: Task) -> None:
        if task is self._task:
            self._task = None
            self._work.hide()
            if self.message.text().startswith(task.name) and not self.message.text().endswith("cancelled."):
                self.message.setText("")

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self.cancel.setEnabled(False)
            self.message.setText(f"{self._task.name}: stopping …")
