"""The offer to go on with work whose window was killed."""

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_zircon_cnn.widgets.session import Session


class LeftWorkOffer(QWidget):
    """Shows itself while work of a killed window is there and no project is open.

    Parameters
    ----------
    session
        The session.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.sentence = QLabel("")
        self.sentence.setWordWrap(True)
        self.restore = QPushButton("Restore")
        self.restore.setToolTip("Open the project as it was at the last step.")
        self.restore.clicked.connect(self._restore)
        self.not_now = QPushButton("Not now")
        self.not_now.setToolTip("Nothing is lost; it is offered again at the next start.")
        self.not_now.clicked.connect(lambda _: session.not_now())
        row = QHBoxLayout()
        row.addWidget(self.restore)
        row.addWidget(self.not_now)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.sentence)
        column.addLayout(row)
        session.left_changed.connect(self._show_first)
        session.project_changed.connect(self._show_first)
        self._show_first()

    def _show_first(self) -> None:
        left = self._session.left
        if left:
            first = left[0]
            self.sentence.setText(
                f"Unsaved work of {first.folder.name} from {first.time:%d %B, %H:%M} was found."
            )
            self.sentence.setToolTip(str(first.folder))
        self.setVisible(bool(left) and self._session.project is None)

    def _restore(self) -> None:
        self._session.restore(self._session.left[0])
