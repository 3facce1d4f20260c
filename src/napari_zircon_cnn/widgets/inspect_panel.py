"""The sixth panel: what a network's layers make of the chosen grain, and what moved its answer."""

from collections.abc import Sequence
from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtWidgets import QLabel, QScrollArea

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.jobs.feature_maps import MAPS_SHOWN, LayerMaps, maps_of_crops
from napari_zircon_cnn.jobs.saliency import SaliencyMaps, saliency_of_crops
from napari_zircon_cnn.networks.layers import layers_in_file
from napari_zircon_cnn.widgets.answers import Answers
from napari_zircon_cnn.widgets.chosen_grain import ChosenGrain, chosen_grain
from napari_zircon_cnn.widgets.keys import Keys
from napari_zircon_cnn.widgets.map_choices import MapChoices
from napari_zircon_cnn.widgets.map_exports import MapExports
from napari_zircon_cnn.widgets.map_layers import (
    GRAIN_LAYER,
    SAMPLE_LAYER,
    MapLayers,
    map_look,
    saliency_look,
)
from napari_zircon_cnn.widgets.map_strip import MapStrip
from napari_zircon_cnn.widgets.panel import Panel
from napari_zircon_cnn.widgets.review_order import BY_PLACE, in_order, step_from
from napari_zircon_cnn.widgets.saliency_box import SaliencyBox
from napari_zircon_cnn.widgets.session import Session

_WAIT_MS, _SLOW_MS = 10, 200
_AT_ONCE_S = 0.05


class InspectPanel(Panel):
    """See what the model in use makes of the grain that is selected."""

    title = "Inspect"
    hint = "Click a grain to see what the network sees in it; the arrow keys turn to the next."

    _asked = Signal(object)

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__(napari_viewer, session)
        # Before the window is drawn, but after all else that follows from what was selected.
        self._asked.connect(lambda task: task.wait(_AT_ONCE_S), Qt.ConnectionType.QueuedConnection)
        self.models = self.session.modelling
        self.layers = MapLayers(napari_viewer, self._on_layer_removed)
        self.grain: ChosenGrain | None = None
        """The grain whose maps are shown."""
        self._more: LayerMaps | None = None
        self.why: SaliencyMaps | None = None
        """What moved the answer on it, once that is known."""
        self._answers = Answers(self.models, self)
        self._followed: Image | None = None
        self._last: tuple[str, int] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT_MS)
        self._soon.timeout.connect(self._look)
        self._asked_about = ""
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(_SLOW_MS)
        self._slow.timeout.connect(self._tell_asking)
        self._lay_out_maps()
        self.add_heading("What moved the answer")
        self.saliency = SaliencyBox(self.session, self.layers)
        self.column.addWidget(self.saliency)
        self.saliency.question_changed.connect(self._on_question)
        self.keys = Keys(self.session, {"Right": lambda: self.go(1), "Left": lambda: self.go(-1)})
        self.models.model_changed.connect(self._show_model)
        self.session.project_changed.connect(self._soon.start)
        self.session.active_changed.connect(lambda _: self._on_other_sample())
        # At once, so that the network answers while the window draws what is selected.
        self.session.selection_changed.connect(lambda _: self._look())
        self.session.rows_changed.connect(lambda _: self._on_rows())
        self.destroyed.connect(self.layers.close)
        self._show_model()
        self._on_other_sample()

    @property
    def is_done(self) -> bool:
        """Whether a grain's maps are shown."""
        return bool(self.strip.layers)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is awaited."""
        return self._soon.isActive() or self._answers.is_waiting

    def go(self, step: int) -> None:
        """Turn to the grain so many places on, from top to bottom; rejected ones are passed over."""
        active = self.session.active
        if active is None:
            return
        labels = in_order(active.table, usable(active.table), BY_PLACE)
        label = step_from(labels, active.selected[0] if active.selected else None, step)
        if label is not None:
            active.select([label])
            self.session.bring_into_view(label)

    def event(self, event: QEvent | None) -> bool:
        """Remove the layers while the panel is away."""
        # A window that is made small for a while hides its panels too, by itself.
        if event is not None and not event.spontaneous():
            if event.type() in (QEvent.Type.HideToParent, QEvent.Type.Hide):
                self._leave()
            elif event.type() in (QEvent.Type.ShowToParent, QEvent.Type.Show):
                self._soon.start()
        return super().event(event)

    def _lay_out_maps(self) -> None:
        self.state = QLabel("")
        self.state.setWordWrap(True)
        self.column.addWidget(self.state)
        self.strip = MapStrip()
        self.strip_area = QScrollArea()
        self.strip_area.setWidget(self.strip)
        self.strip_area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.strip_area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.column.addWidget(self.strip_area)
        self.choices = MapChoices(self.add_form())
        self.strip.chosen.connect(self.choices.choose)
        self.choices.changed.connect(self._show_over)
        self.exports = MapExports(self.session, self._answers, self._shown)
        self.column.addLayout(self.exports.row)

    def _show_model(self) -> None:
        """Offer the layers and the classes of the model in use."""
        path, card = self.models.model_path, self.models.card
        layers: Sequence[str] = ()
        if path is not None and card is not None:
            try:
                layers = layers_in_file(path).feature_maps
            except ZirconError as error:
                self.session.say(str(error), wrong=True)
        self.choices.offer(layers)
        self._forget()
        self.saliency.offer_classes()
        self._soon.start()

    def _look(self) -> None:
        """Ask the network about the grain that is selected now."""
        if not self.isVisibleTo(self.window()):
            return
        self._soon.stop()
        try:
            grain = chosen_grain(self.session.active, self.models.card, self._last)
        except ZirconError as error:
            self._forget()
            self.state.setText(str(error))
            return
        if self.grain is not None and grain.is_same_as(self.grain) and self.strip.layers:
            # It may have been turned back to before the answer about another came.
            self._answers.drop("maps")
            self._tell_grain()
            self._draw()
            return
        self._last = grain.sample.name, grain.label
        if not self.choices.is_offered:
            self._forget()
            self.grain = grain
            self.state.setText(
                "The network in use has no convolutions, so it makes no maps that could be shown; "
                "integrated gradients and occlusion tell what moved its answer."
            )
            self._show_over()
            return
        self._asked_about = grain.name
        self._slow.start()
        task = self._answers.task("Reading maps", maps_of_crops, grain.crops, n_maps=MAPS_SHOWN)
        self._answers.expect("maps", task, lambda found: self._show_maps(grain, found[0]), self._tell_failure)
        self._asked.emit(task)

    def _tell_asking(self) -> None:
        """Say what is waited for, once it is; each word costs a window with a mount in it a new picture."""
        if self._answers.awaits("maps"):
            beside = ", in a process beside the training; its first answer takes some seconds"
            self.state.setText(
                f"Asking the network about {self._asked_about}{beside if self.models.is_training else ''} …"
            )

    def _show_maps(self, grain: ChosenGrain, found: list[LayerMaps]) -> None:
        self._answers.drop("more", "why")
        self.grain, self._more, self.why = grain, None, None
        self.strip.set_maps(grain.crops[0], found)
        self.strip_area.setFixedHeight(
            self.strip.height() + self.strip_area.horizontalScrollBar().sizeHint().height()
        )
        self._see_strip(is_there=True)
        self.choices.fit(found)
        self._tell_grain()
        self._show_over()

    def _tell_grain(self) -> None:
        """Say which grain is shown, and what must be known of it."""
        grain, parts = self.grain, []
        if grain is not None:
            parts = [f"{grain.name}.", grain.note]
        if self.choices.what == "why" and self.why is not None and not self.why.maps.any():
            parts.append(f"Nothing on it speaks for or against {self.why.class_name} by this method.")
        self.state.setText(" ".join(part for part in parts if part))

    def _see_strip(self, *, is_there: bool) -> None:
        self.strip_area.setVisible(is_there)
        self.hint_label.setVisible(not is_there)
        for part in (self.choices, self.exports):
            part.allow(allowed=is_there)

    def _show_over(self) -> None:
        """Show over the grain what is chosen, asking for it where it is not there yet."""
        grain, what = self.grain, self.choices.what
        if grain is None:
            return
        if what == "map" and self.strip.layers and self._map_shown() is None:
            layer, index = self.choices.place
            task = self._answers.task("Reading a map", maps_of_crops, grain.crops, (layer,), n_maps=index + 1)
            self._answers.expect("more", task, lambda found: self._take_more(found[0][0]), self._tell_failure)
        elif what == "why" and self.why is None:
            task = self._answers.task("Explaining", saliency_of_crops, grain.crops, self.saliency.question)
            self._answers.expect("why", task, self._take_why, self._tell_failure)
        else:
            # An answer that is still awaited is about what was chosen before.
            self._answers.drop("more")
            self._draw()

    def _take_more(self, found: LayerMaps) -> None:
        self._more = found
        self._draw()

    def _take_why(self, found: SaliencyMaps) -> None:
        self.why = found
        self._draw()
        if self.strip.layers:
            self._tell_grain()

    def _tell_failure(self, sentence: str) -> None:
        self.layers.hide(GRAIN_LAYER)
        self.state.setText(sentence)

    def _shown(self) -> tuple[ChosenGrain, list[LayerMaps]] | None:
        """Return the grain whose maps are shown, with them."""
        if self.grain is None or self.models.model_path is None or not self.strip.layers:
            return None
        return self.grain, list(self.strip.layers)

    def _map_shown(self) -> LayerMaps | None:
        """Return the maps that hold the one chosen, if they are there."""
        name, index = self.choices.place
        known = [*self.strip.layers, *([self._more] if self._more is not None else [])]
        return next((one for one in known if one.name == name and index < one.maps.shape[-1]), None)

    def _draw(self) -> None:
        """Lay over the grain what is there of what is chosen."""
        what, grain = self.choices.what, self.grain
        layer, index = self.choices.place
        self.strip.mark(layer if what == "map" else "", index)
        shown = self._map_shown() if what == "map" else None
        if grain is not None and shown is not None:
            values = shown.maps[..., index]
            self.layers.show_grain(grain.sample, values, grain.placement.of_map(shown.grid), map_look(values))
        elif grain is not None and what == "why" and self.why is not None:
            values = self.why.maps[0]
            self.layers.show_grain(
                grain.sample, values, grain.placement.of_map(self.why.grid), saliency_look(values)
            )
        else:
            self.layers.hide(GRAIN_LAYER)

    def _on_question(self) -> None:
        """Ask anew, since the method, the class or the model is another; the old answer tells nothing now."""
        self.why = None
        self._answers.drop("why")
        if self.choices.what == "why":
            self._show_over()

    def _on_other_sample(self) -> None:
        self.saliency.leave_sample()
        active = self.session.active
        self._follow(active.image if active is not None else None)
        self._soon.start()

    def _follow(self, image: Image | None) -> None:
        """Keep the map over the mount when that is moved."""
        if image is self._followed:
            return
        for layer, heed in ((self._followed, "disconnect"), (image, "connect")):
            if layer is not None:
                for change in ("scale", "translate", "rotate", "shear", "affine", "units"):
                    getattr(getattr(layer.events, change), heed)(self._on_moved)
        self._followed = image

    def _on_moved(self, event: Any = None) -> None:  # noqa: ARG002 -- napari passes one
        self._soon.start()

    def _on_rows(self) -> None:
        self.saliency.on_rows()
        self._soon.start()

    def _on_layer_removed(self, name: str) -> None:
        """Take a layer that the user has removed for one that is not wanted."""
        if name == SAMPLE_LAYER:
            self.saliency.all_grains.setChecked(False)
        else:
            self.choices.leave_out()

    def _leave(self) -> None:
        """Take everything off the mount again."""
        self.saliency.leave_sample()
        self._forget()

    def _forget(self) -> None:
        """Show no grain."""
        self._answers.drop("maps", "more", "why")
        self.grain, self._more, self.why = None, None, None
        self.strip.clear()
        self._see_strip(is_there=False)
        self.layers.hide(GRAIN_LAYER)
