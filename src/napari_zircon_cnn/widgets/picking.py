"""The mouse over the mount: a click selects, a drag with Shift draws a box, the knife follows the hand."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_zircon_cnn.actions import Split
from napari_zircon_cnn.widgets.napari_window import canvas_of
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.trace import Trace

_STILL_PX = 4.0
_MORE = ("Control", "Shift", "Meta")
# Less than this away from a straight line, a pixel is cut as well as the next.
_TREMBLING_PX = 0.5

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
            active.grains.cursor = "cross"
        elif active is not None and str(active.grains.mode) == "pan_zoom":
            active.grains.cursor = "standard"
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
        has_shift = "Shift" in event.modifiers
        is_box = has_shift and not self.has_knife
        draws = is_box or self.has_knife
        line, places = [start], [pressed_at]
        # What is handled does not move the view.
        event.handled = draws
        yield
        moved = False
        while event.type == "mouse_move":
            moved = moved or _is_away(event.pos, pressed_at)
            _go_on_to(np.asarray(event.position, float)[-2:], line, is_straight=has_shift)
            _go_on_to(np.asarray(event.pos, float), places, is_straight=has_shift)
            if moved and draws:
                self._draw(places)
            event.handled = draws
            yield
        event.handled = draws
        # Moves that follow each other closely are not told of.
        moved = moved or _is_away(event.pos, pressed_at)
        stop = np.asarray(event.position, float)[-2:]
        self._clear()
        if self.has_knife and moved:
            _go_on_to(stop, line, is_straight=has_shift)
            self._cut(line)
        elif is_box and moved:
            self._add(sample.labels_in(start, stop))
        elif not moved:
            label = sample.label_at(stop)
            if adds:
                self._toggle(label)
            else:
                sample.select([label] if label else [])

    def _cut(self, line: list[Position]) -> None:
        """Cut the grain under a line in the world."""
        sample = self._session.active
        if sample is None:
            return
        sample.take_over_painting()
        um = sample.segmented.mount.pixel_size_um
        points = np.array([sample.grains.world_to_data(place)[-2:] for place in line], float)
        label = sample.label_on_line(points)
        if label is None:
            self._session.say("The line meets no grain; draw it right through one.", wrong=True)
            return
        corners = tuple((float(x * um), float(y * um)) for y, x in _without_trembling(points))
        n_rows = len(sample.table)
        if self._session.perform(Split(label=label, line_um=corners)):
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

    def _draw(self, places: list[Position]) -> None:
        """Show the line, or the box, that the mouse draws over places of the canvas."""
        canvas = canvas_of(self._session.viewer)
        if self._trace is None and canvas is not None:
            self._trace = Trace(canvas)
        if self._trace is not None:
            corners = [(float(x), float(y)) for x, y in places]
            self._trace.draw("line" if self.has_knife else "box", corners)

    def _clear(self) -> None:
        if self._trace is not None:
            self._trace.hide()


def _go_on_to(place: Position, line: list[Position], *, is_straight: bool) -> None:
    """Draw a line on to a place; a straight one has but its two ends."""
    if is_straight:
        line[1:] = [place]
    elif (line[-1] != place).any():
        line.append(place)


def _without_trembling(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the corners that matter of a line in px, shape (n, 2): Douglas and Peucker's, by OpenCV."""
    origin = line[0]
    # Far from the corner of a large mosaic a float has no room for parts of a pixel.
    kept = cv2.approxPolyDP((line - origin).astype(np.float32), _TREMBLING_PX, closed=False)
    corners: NDArray[np.float64] = np.asarray(kept, float).reshape(-1, 2) + origin
    return corners


def _is_away(pos: Any, pressed_at: NDArray[np.float64]) -> bool:
    return float(np.hypot(*(np.asarray(pos, float) - pressed_at))) > _STILL_PX


def picking_of(session: Session) -> Picking:
    """Return the session's picking, the same for all panels, so that a click is answered once."""
    known = session.findChild(Picking)
    return known if isinstance(known, Picking) else Picking(session)
