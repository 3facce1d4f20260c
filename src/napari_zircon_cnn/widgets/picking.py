"""The mouse over the mount: a click selects, a drag with Shift draws a box, the knife draws a line."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_zircon_cnn.widgets.session import Session

_STILL_PX = 4.0
_LINE_COLOUR = "#FFE04A"
_MORE = frozenset({"Control", "Shift", "Meta"})

Position = NDArray[np.float64]


class Picking(QObject):
    """Selects grains and draws cuts on the active sample.

    Parameters
    ----------
    session
        The session.
    """

    cut = Signal(object)
    """Two positions in the world, the ends of a line that was drawn with the knife."""
    knife_changed = Signal(bool)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.has_knife = False
        self._drawing: Shapes | None = None
        session.viewer.mouse_drag_callbacks.append(self.on_drag)
        session.active_changed.connect(lambda _: self.take_knife(taken=False))

    def take_knife(self, *, taken: bool) -> None:
        """Take the knife or put it away; with it in hand a drag cuts and does not move the view."""
        if taken == self.has_knife:
            return
        self.has_knife = taken and self._session.active is not None
        active = self._session.active
        if active is not None:
            for layer in active.layers:
                layer.mouse_pan = not self.has_knife
        self.knife_changed.emit(self.has_knife)

    def on_drag(self, viewer: Any, event: Any) -> Iterator[None]:  # noqa: ARG002 -- napari passes both
        """Follow one drag of the mouse, as napari calls it."""
        sample = self._session.active
        if sample is None or event.button != 1 or str(sample.grains.mode) != "pan_zoom":
            return
        modifiers = {str(modifier) for modifier in event.modifiers}
        start, pressed_at = np.asarray(event.position, float)[-2:], np.asarray(event.pos, float)
        is_box = "Shift" in modifiers and not self.has_knife
        yield
        moved = False
        while event.type == "mouse_move":
            moved = moved or float(np.hypot(*(np.asarray(event.pos, float) - pressed_at))) > _STILL_PX
            if moved and (is_box or self.has_knife):
                self._draw(start, np.asarray(event.position, float)[-2:])
            yield
        stop = np.asarray(event.position, float)[-2:]
        self._clear()
        if self.has_knife and moved:
            self.cut.emit((start, stop))
        elif is_box and moved:
            self._add(sample.labels_in(start, stop))
        elif not moved:
            label = sample.label_at(stop)
            if modifiers & _MORE:
                self._toggle(label)
            else:
                sample.select([label] if label else [])

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

    def _draw(self, start: Position, stop: Position) -> None:
        """Show the line or the box that the mouse draws."""
        viewer = self._session.viewer
        if self._drawing is None:
            active = viewer.layers.selection.active
            units = self._session.active.grains.units if self._session.active else None
            self._drawing = viewer.add_shapes(
                name="drawing", edge_color=_LINE_COLOUR, face_color="transparent", units=units
            )
            viewer.layers.selection.active = active
        shape = "line" if self.has_knife else "rectangle"
        corners = np.array([start, stop])
        if shape == "rectangle":
            (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
            corners = np.array([[top, left], [top, right], [bottom, right], [bottom, left]])
        width = 2.0 / viewer.scene.camera.zoom
        self._drawing.data = []
        self._drawing.add(
            [corners],
            shape_type=shape,
            edge_width=width,
            edge_color=_LINE_COLOUR,
            face_color="transparent",
        )

    def _clear(self) -> None:
        if self._drawing is not None and self._drawing in self._session.viewer.layers:
            self._session.viewer.layers.remove(self._drawing)
        self._drawing = None
