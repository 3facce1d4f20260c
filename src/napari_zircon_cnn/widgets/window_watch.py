"""What happens when napari's window closes: a question while work is under way, and an orderly end."""

from collections.abc import Callable, Sequence

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMessageBox, QWidget


class WindowWatch(QObject):
    """Watches a window until it is gone.

    Parameters
    ----------
    window
        The window.
    under_way
        Called for the names of the work under way; while there is any, the user is asked before the
        window closes.
    closed
        Called when the window has closed.
    parent
        The object whose end is the watch's end.
    """

    def __init__(
        self,
        window: QWidget,
        under_way: Callable[[], Sequence[str]],
        closed: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._under_way = under_way
        self._closed = closed
        self._closing = QTimer(self)
        """Runs from the wish to close until Qt has heard all who may refuse."""
        self._closing.setSingleShot(True)
        window.installEventFilter(self)
        window.destroyed.connect(closed)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 -- Qt's name
        """Ask before the window is closed while work is under way, and notice when it has."""
        # A reference to the window kept here would keep it alive.
        if isinstance(watched, QWidget) and event is not None:
            if event.type() == QEvent.Type.Close:
                if self._under_way() and not watched.isHidden() and not self._may_close(watched):
                    event.ignore()
                    return True
                # A window that is not on the screen has nobody who could refuse.
                if watched.isHidden():
                    self._closed()
                else:
                    self._closing.start(0)
            elif event.type() == QEvent.Type.Hide and self._closing.isActive():
                self._closed()
        return bool(super().eventFilter(watched, event))

    def _may_close(self, window: QWidget) -> bool:
        names = " and ".join(name.lower() for name in self._under_way())
        answer = QMessageBox.question(
            window,
            "Close napari?",
            f"Zircon CNN is still {names}. It stops if you close; what is done until now is kept.",
            QMessageBox.StandardButton.Close | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return bool(answer == QMessageBox.StandardButton.Close)
