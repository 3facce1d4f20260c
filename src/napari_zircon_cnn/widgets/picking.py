"""The mouse over the mount: a click selects, a drag with Shift draws a box, the knife draws a line."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_zircon_cnn.actions import Split
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.trace import Trace, canvas_of

_STILL_PX = 4.0
_MORE = ("Control", "Shift", "Meta")

Position = NDArray[np.float64]


class Picking(QObject):
    """Selects grains and cuts them on the active sample; a session has one, whatever panels are open.

    Parameters
    ----------
    session
        The session.
    """

    knife_changed = Signal(bool)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.has_knife = False
        self._trace: Trace | None = None
        session.viewer.mouse_drag_callbacks.append(self.on_drag)
        session.active_changed.connect(lambda _: self.take_knife(taken=False))

    def take_knife(self, *, taken: bool) -> None:
        """Take the knife or put it away; with it in hand a drag cuts and does not move the view."""
        if taken == self.has_knife:
            return
        active = self._session.active
        self.has_knife = taken and active is not None
        if self.has_knife and active is not None:
            # In any other mode the mouse would go on drawing.
            self._session.viewer.layers.selection.active = active.grains
            active.grains.mode = "pan_zoom"
        self.knife_changed.emit(self.has_knife)

    def on_drag(self, viewer: Any, event: Any) -> Iterator[None]:  # noqa: ARG002 -- napari passes both
        """Follow one drag of the mouse, as napari calls it.

        Parameters
        ----------
        viewer
            The viewer.
        event
            The mouse's event, which changes from step to step.

        Yields
        ------
        None
            Until the mouse has moved or its button is released.
        """
        sample = self._session.active
        tool = self._session.viewer.layers.selection.active
        is_busy = tool is not None and str(tool.mode) != "pan_zoom"
        # A drag with Alt is napari's own, which zooms into a box.
        if sample is None or event.button != 1 or is_busy or "Alt" in event.modifiers:
            return
        # napari's modifiers are keys that only compare with their names.
        adds = any(name in event.modifiers for name in _MORE)
        start, pressed_at = np.asarray(event.position, float)[-2:], np.asarray(event.pos, float)
        is_box = "Shift" in event.modifiers and not self.has_knife
        draws = is_box or self.has_knife
        # What is handled does not move the view.
        event.handled = draws
        yield
        moved = False
        while event.type == "mouse_move":
            moved = moved or _is_away(event.pos, pressed_at)
            if moved and draws:
                self._draw(pressed_at, event.pos)
            event.handled = draws
            yield
        event.handled = draws
        # Moves that follow each other closely are not told of.
        moved = moved or _is_away(event.pos, pressed_at)
        stop = np.asarray(event.position, float)[-2:]
        self._clear()
        if self.has_knife and moved:
            self._cut(start, stop)
        elif is_box and moved:
            self._add(sample.labels_in(start, stop))
        elif not moved:
            label = sample.label_at(stop)
            if adds:
                self._toggle(label)
            else:
                sample.select([label] if label else [])

    def _cut(self, start: Position, stop: Position) -> None:
        """Cut the grain under a line in the world."""
        sample = self._session.active
        if sample is None:
            return
        sample.take_over_painting()
        um = sample.segmented.mount.pixel_size_um
        points = [np.asarray(sample.grains.world_to_data(end)[-2:], float) for end in (start, stop)]
        label = sample.label_on_line(*points)
        if label is None:
            self._session.say("The line meets no grain; draw it right through one.", wrong=True)
            return
        line = tuple((float(x * um), float(y * um)) for y, x in points)
        n_rows = len(sample.table)
        if self._session.perform(Split(label=label, line_um=line)):
            sample.select([label, *range(n_rows, len(sample.table))])

    def _add(self, labels: list[int]) -> None:
        sample = self._session.active
        if sample is not None:
            sample.select([*sample.selected, *labels])

    def _toggle(self, label: int) -> None:
        sample = self._session.active
        if sample is None or not label:
            return
        others = [other for other in sample.selected if other != label]
        sample.select(others if label in sample.selected else [*sample.selected, label])

    def _draw(self, start: Any, stop: Any) -> None:
        """Show the line or the box that the mouse draws, between two places of the canvas."""
        canvas = canvas_of(self._session.viewer)
        if self._trace is None and canvas is not None:
            self._trace = Trace(canvas)
        if self._trace is not None:
            ends = [(float(x), float(y)) for x, y in (start, stop)]
            self._trace.draw("line" if self.has_knife else "box", *ends)

    def _clear(self) -> None:
        if self._trace is not None:
            self._trace.hide()


def _is_away(pos: Any, pressed_at: NDArray[np.float64]) -> bool:
    return float(np.hypot(*(np.asarray(pos, float) - pressed_at))) > _STILL_PX


def picking_of(session: Session) -> Picking:
    """Return the session's picking, the same for all panels, so that a click is answered once."""
    known = session.findChild(Picking)
    return known if isinstance(known, Picking) else Picking(session)
