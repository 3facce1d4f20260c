"""The buttons that write the maps of the grain shown to a file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton

from napari_zircon_cnn.jobs.feature_maps import LayerMaps, maps_of_crops
from napari_zircon_cnn.widgets.answers import Answers
from napari_zircon_cnn.widgets.chosen_grain import ChosenGrain
from napari_zircon_cnn.widgets.map_export import write_maps
from napari_zircon_cnn.widgets.panel import button
from napari_zircon_cnn.widgets.session import Session

Shown = tuple[ChosenGrain, Sequence[LayerMaps]]

_KINDS = (("PNG …", ".png"), ("SVG …", ".svg"), ("Arrays …", ".npz"))


class MapExports(QObject):
    """A row of buttons that a panel takes into its column.

    Parameters
    ----------
    session
        The session.
    answers
        Where the network is asked for the maps that are not shown.
    shown
        Gives the grain that is shown with its maps, or None.
    """

    def __init__(self, session: Session, answers: Answers, shown: Callable[[], Shown | None]) -> None:
        super().__init__()
        self._session, self._answers, self._shown = session, answers, shown
        self.row = QHBoxLayout()
        self._buttons: list[QPushButton] = []
        for text, suffix in _KINDS:
            tooltip = f"Write the maps of this grain to a {suffix} file."
            self._buttons.append(button(text, tooltip, self._ask_where(suffix)))
            self.row.addWidget(self._buttons[-1])

    def allow(self, *, allowed: bool) -> None:
        """Let the buttons be pressed, or not."""
        for each in self._buttons:
            each.setEnabled(allowed)

    def write(self, path: Path) -> None:
        """Write the maps that are shown to a picture (.png, .svg), or all of them as arrays (.npz)."""
        shown = self._shown()
        if shown is None:
            self._session.say("There are no maps to write; choose a grain first.", wrong=True)
            return
        grain, maps = shown

        def write(layers: Sequence[LayerMaps]) -> None:
            task = self._session.run("Writing the maps", write_maps, grain.with_maps(list(layers)), path)
            task.done.connect(lambda _: self._session.say(f"{path} is written."))

        if path.suffix.lower() != ".npz":
            write(maps)
            return
        everything = self._answers.task("Reading all maps", maps_of_crops, grain.crops, n_maps=None)
        everything.done.connect(lambda found: write(found[0]))
        self._session.watch(everything)

    def _ask_where(self, suffix: str) -> Callable[[], None]:
        def ask() -> None:
            shown, parent = self._shown(), self._buttons[0].window()
            name = shown[0].name.replace(":", "-") if shown is not None else "maps"
            path, _ = QFileDialog.getSaveFileName(parent, "Export", f"{name}{suffix}", f"*{suffix}")
            if path:
                self.write(Path(path))

        return ask
