"""A task at a time, which a button starts and another one stops."""

from qtpy.QtWidgets import QLabel, QPushButton

from napari_zircon_cnn.widgets.panel import button
from napari_zircon_cnn.widgets.tasks import Task


class OneTask:
    """Lets two buttons and a line of text follow a task.

    Parameters
    ----------
    start_button
        Cannot be pressed while the task runs.
    stop_text, stop_tooltip
        What stands on and beside the button that stops it.
    state
        Says what went wrong, and that a wish to stop was heard.

    Attributes
    ----------
    stop_button
        Can be pressed while the task runs.
    """

    def __init__(self, start_button: QPushButton, stop_text: str, stop_tooltip: str, state: QLabel) -> None:
        self._start_button, self._state = start_button, state
        self._task: Task | None = None
        self.stop_button = button(stop_text, stop_tooltip, self.stop)
        self.stop_button.setEnabled(False)

    @property
    def is_running(self) -> bool:
        """Whether a task runs."""
        return self._task is not None

    def follow(self, task: Task) -> None:
        """Follow a task that has begun, to its end."""
        self._task = task
        task.failed.connect(lambda sentence, _: self._state.setText(sentence))
        task.ended.connect(self._end)
        self._start_button.setEnabled(False)
        self.stop_button.setEnabled(True)

    def stop(self) -> None:
        """Ask the task to stop after its step."""
        if self._task is not None:
            self._task.cancel()
            self.stop_button.setEnabled(False)
            self._state.setText("Stopping after this step …")

    def _end(self) -> None:
        self._task = None
        self._start_button.setEnabled(True)
        self.stop_button.setEnabled(False)
