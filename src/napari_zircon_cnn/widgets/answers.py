"""What a panel asks the model in use, and that an answer which comes too late is dropped."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject

from napari_zircon_cnn.widgets.modelling import Modelling
from napari_zircon_cnn.widgets.tasks import Task, of_worker


class Answers:
    """Waits for one answer of each kind, that which was asked for last.

    Parameters
    ----------
    models
        Which model is in use, and the worker process.
    parent
        The Qt object whose end is the end of the tasks.
    """

    def __init__(self, models: Modelling, parent: QObject) -> None:
        self._models = models
        self._parent = parent
        self._tasks: dict[str, Task] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether an answer has not come yet."""
        return any(task.is_running for task in self._tasks.values())

    def awaits(self, kind: str) -> bool:
        """Tell whether an answer of a kind has not come yet."""
        return kind in self._tasks and self._tasks[kind].is_running

    def task(self, name: str, job: Callable[..., Any], *arguments: Any, **named: Any) -> Task:
        """Ask something about crops that were cut already, so that nothing must be saved first.

        Parameters
        ----------
        name
            What the user reads that it is.
        job
            A job whose first argument is the model's file.
        *arguments
            The others.
        **named
            What it is called with by name.

        Returns
        -------
        Task
            The task.
        """
        models = self._models
        return of_worker(
            name, models.free_worker, (), job, models.model_path, *arguments, parent=self._parent, **named
        )

    def expect(
        self,
        kind: str,
        task: Task,
        on_done: Callable[[Any], None],
        on_failed: Callable[[str], None],
        on_cancelled: Callable[[], None] = lambda: None,
    ) -> None:
        """Wait for an answer in place of that of the same kind that was asked for before.

        Parameters
        ----------
        kind
            What kind of answer it is.
        task
            The task that gives it.
        on_done, on_failed, on_cancelled
            Called with the answer, with the sentence that says why there is none, or without anything;
            none is called once another answer of the kind is waited for, or none any more.
        """
        self.drop(kind)
        self._tasks[kind] = task

        def told(tell: Callable[..., None]) -> Callable[..., None]:
            def if_awaited(*what: Any) -> None:
                if self._tasks.get(kind) is task:
                    tell(*what)

            return if_awaited

        task.done.connect(told(on_done))
        task.failed.connect(told(lambda sentence, _: on_failed(sentence)))
        task.cancelled.connect(told(on_cancelled))

    def drop(self, *kinds: str) -> None:
        """Wait for answers of these kinds no more."""
        for kind in kinds:
            task = self._tasks.pop(kind, None)
            if task is not None and task.is_running:
                task.cancel()
