"""Keys for the active sample: they work whichever layer is active, and are given back when it closes."""

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QObject

from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.session import Session

Commands = Mapping[str, Callable[[], object]]


class Keys(QObject):
    """Binds keys to commands as long as a sample is active.

    Parameters
    ----------
    session
        The session.
    commands
        The command by its key, as napari writes keys: `Control-Z`.
    """

    def __init__(self, session: Session, commands: Commands) -> None:
        super().__init__(session)
        self._session, self._commands = session, commands
        self._bound: list[Any] = []
        session.active_changed.connect(self._follow)
        self._follow(session.active)

    def _follow(self, sample: OpenSample | None) -> None:
        for target in self._bound:
            for key in self._commands:
                target.bind_key(key, None)
        # A layer's own keys go before the viewer's, and these before napari's.
        self._bound = [] if sample is None else [self._session.viewer, *sample.layers]
        for target in self._bound:
            for key, command in self._commands.items():
                target.bind_key(key, _called(command), overwrite=True)


def _called(command: Callable[[], object]) -> Callable[[Any], None]:
    """Return a function for napari, which calls with the viewer or layer."""

    def call(target: Any) -> None:  # noqa: ARG001 -- napari passes one
        command()

    return call
