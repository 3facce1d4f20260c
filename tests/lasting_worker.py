"""One worker process for the tests of a module, since Keras takes seconds to start for each."""

from napari_zircon_cnn.jobs.warm_up import warm_up
from napari_zircon_cnn.widgets.preferences import Preferences
from napari_zircon_cnn.worker import Worker


class LastingWorker(Worker):
    """A worker process that outlasts a session."""

    def __init__(self) -> None:
        super().__init__(Preferences().environment, warm_up)

    def close(self) -> None:
        """Go on."""

    def end(self) -> None:
        """Stop the process."""
        super().close()
