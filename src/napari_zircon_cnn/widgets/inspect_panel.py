"""The sixth panel: what a network's layers make of the chosen grain, and what moved its answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
)

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.feature_maps import MAPS_SHOWN, GrainMaps, LayerMaps, maps_of_crops
from napari_zircon_cnn.jobs.saliency import (
    Question,
    SaliencyMaps,
    SanityTest,
    saliency_of_crops,
    saliency_of_sample,
    sanity_test,
)
from napari_zircon_cnn.networks.layers import layers_in_file
from napari_zircon_cnn.progress import Progress
from napari_zircon_cnn.widgets.chosen_grain import ChosenGrain, chosen_grain, crops_to_compare
from napari_zircon_cnn.widgets.map_layers import (
    GRAIN_LAYER,
    SAMPLE_LAYER,
    MapLayers,
    map_look,
    saliency_look,
)
from napari_zircon_cnn.widgets.map_strip import MapStrip
from napari_zircon_cnn.widgets.panel import Panel, button, narrow
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.tasks import Task, of_worker

_WAIT_MS = 10
_METHODS = {
    "Grad-CAM": "gradcam",
    "Integrated gradients": "integrated-gradients",
    "Occlusion": "occlusion",
}
_OVER = {"the feature map": "map", "what moved the answer": "why", "nothing": ""}


class InspectPanel(Panel):
    """See what the model in use makes of the grain that is selected."""

    title = "Inspect"
    hint = "Click a grain to see what the network sees in it."

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__(napari_viewer, session)
        self.models = self.session.modelling
        self.layers = MapLayers(napari_viewer, self._on_layer_removed)
        self.grain: ChosenGrain | None = None
        """The grain whose maps are shown."""
        self._more: LayerMaps | None = None
        self._why: SaliencyMaps | None = None
        self._tasks: dict[str, Task] = {}
        self._last: tuple[str, int] | None = None
        self._is_open = True
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_WAIT_MS)
        self._soon.timeout.connect(self._look)
        self._lay_out_maps()
        self._lay_out_saliency()
        self.models.model_changed.connect(self._show_model)
        self.session.project_changed.connect(self._soon.start)
        self.session.active_changed.connect(lambda _: self._on_other_sample())
        self.session.selection_changed.connect(lambda _: self._soon.start())
        self.session.rows_changed.connect(lambda _: self._soon.start())
        self.destroyed.connect(self.layers.close)
        self._show_model()

    @property
    def is_done(self) -> bool:
        """Whether a grain's maps are shown."""
        return bool(self.strip.layers)

    @property
    def question(self) -> Question:
        """What is asked about the answer."""
        return Question(method=self.method.currentData(), class_name=self.class_name.currentText())

    def export_to(self, path: Path) -> None:
        """Write the maps of the grain shown to a picture (.png, .svg), or all of them as arrays (.npz)."""
        grain = self.grain
        if grain is None or self.models.model_path is None or not self.strip.layers:
            self.session.say("There are no maps to write; choose a grain first.", wrong=True)
            return

        def write(layers: list[LayerMaps]) -> None:
            task = self.session.run("Writing the maps", _write, grain.with_maps(layers), path)
            task.done.connect(lambda _: self.session.say(f"{path} is written."))

        if path.suffix.lower() != ".npz":
            write(list(self.strip.layers))
            return
        everything = self._of_worker("Reading all maps", maps_of_crops, grain.crops, n_maps=None)
        everything.done.connect(lambda found: write(found[0]))
        self.session.watch(everything)

    def test_sanity(self) -> None:
        """Ask whether shuffled weights give the same saliency maps, and show the answer."""
        active = self.session.active
        if active is None or self.models.card is None:
            self.answer.setText("This needs a model and a sample: choose a grain first.")
            return
        try:
            crops = crops_to_compare(active, self.models.card)
        except ZirconError as error:
            self.answer.setText(str(error))
            return
        task = self._of_worker(
            "Shuffling weights", sanity_test, crops, self.question, listeners=("progress",)
        )
        self.answer.setText("Comparing with shuffled weights …")
        self._keep("sanity", task, self._show_sanity)
        task.failed.connect(lambda sentence, _: self.answer.setText(sentence))
        task.cancelled.connect(lambda: self.answer.setText(""))
        self.session.watch(task)

    def event(self, event: QEvent | None) -> bool:
        """Remove the layers while the panel is away."""
        # A window that is made small for a while hides its panels too, by itself.
        if event is not None and not event.spontaneous():
            if event.type() in (QEvent.Type.HideToParent, QEvent.Type.Hide):
                self._turn(is_open=False)
            elif event.type() in (QEvent.Type.ShowToParent, QEvent.Type.Show):
                self._turn(is_open=True)
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
        self.strip.chosen.connect(self._choose)
        self.layer = narrow(QComboBox())
        self.layer.setToolTip("The layer whose map is laid over the grain.")
        self.map = QSpinBox()
        self.map.setMinimum(1)
        self.map.setToolTip("Which of the layer's maps is laid over the grain.")
        self.over = narrow(QComboBox())
        for text, value in _OVER.items():
            self.over.addItem(text, value)
        self.over.setToolTip("What is laid over the grain in the mount.")
        form = self.add_form()
        row = QHBoxLayout()
        row.addWidget(self.layer, 1)
        row.addWidget(QLabel("map"))
        row.addWidget(self.map)
        form.addRow("Layer", row)
        form.addRow("Over the grain", self.over)
        row = QHBoxLayout()
        self.exports: list[QPushButton] = []
        for text, suffix in (("PNG …", ".png"), ("SVG …", ".svg"), ("Arrays …", ".npz")):
            tooltip = f"Write the maps of this grain to a {suffix} file."
            self.exports.append(button(text, tooltip, self._ask_where(suffix)))
            row.addWidget(self.exports[-1])
        self.column.addLayout(row)
        self.layer.currentIndexChanged.connect(lambda _: self._on_layer())
        self.map.valueChanged.connect(lambda _: self._show_over())
        self.over.currentIndexChanged.connect(lambda _: self._show_over())

    def _lay_out_saliency(self) -> None:
        self.add_heading("What moved the answer")
        self.method = narrow(QComboBox())
        for text, value in _METHODS.items():
            self.method.addItem(text, value)
        self.method.setToolTip("How it is found; occlusion needs no gradients.")
        self.class_name = narrow(QComboBox())
        self.class_name.setToolTip("The class that it speaks for (red) or against (blue).")
        form = self.add_form()
        row = QHBoxLayout()
        row.addWidget(self.method, 1)
        row.addWidget(QLabel("for"))
        row.addWidget(self.class_name, 1)
        form.addRow("Method", row)
        self.all_grains = QCheckBox("On all grains of this sample")
        self.all_grains.setToolTip("Lay what moved the answer over all grains, as one image layer.")
        self.column.addWidget(self.all_grains)
        self.column.addWidget(
            button(
                "Is it an explanation?",
                "Shuffle the weights: a map that stays the same shows the grain, not what was learnt.",
                self.test_sanity,
            )
        )
        self.answer = QLabel("")
        self.answer.setWordWrap(True)
        self.column.addWidget(self.answer)
        for choice in (self.method, self.class_name):
            choice.currentIndexChanged.connect(lambda _: self._on_question())
        self.all_grains.toggled.connect(self._show_all_grains)

    def _show_model(self) -> None:
        """Offer the layers and the classes of the model in use."""
        path, card = self.models.model_path, self.models.card
        for choice in (self.layer, self.class_name):
            choice.blockSignals(True)
            choice.clear()
        if path is not None and card is not None:
            try:
                self.layer.addItems(layers_in_file(path).feature_maps)
            except ZirconError as error:
                self.session.say(str(error), wrong=True)
            self.class_name.addItems(card.classes)
            self.class_name.setCurrentText(card.target_class)
        for choice in (self.layer, self.class_name):
            choice.blockSignals(False)
        self.map.setValue(1)
        self._forget()
        self._on_question()
        self._soon.start()

    def _look(self) -> None:
        """Ask the network about the grain that is selected now."""
        if not self._is_open:
            return
        try:
            grain = chosen_grain(self.session.active, self.models.card, self._last)
        except ZirconError as error:
            self._forget()
            self.state.setText(str(error))
            return
        if self.grain is not None and grain.is_same_as(self.grain) and self.strip.layers:
            # It may have been turned back to before the answer about another came.
            self._drop("maps")
            self._tell_grain()
            self._draw()
            return
        self._last = grain.sample.name, grain.label
        if not self.layer.count():
            self._forget()
            self.grain = grain
            self.state.setText(
                "The network in use has no convolutions, so it makes no maps that could be shown; "
                "integrated gradients and occlusion tell what moved its answer."
            )
            self._show_over()
            return
        self.state.setText(f"Asking the network about {grain.name} …")
        task = self._of_worker("Reading maps", maps_of_crops, grain.crops, n_maps=MAPS_SHOWN)
        self._keep("maps", task, lambda found: self._show_maps(grain, found[0]))

    def _show_maps(self, grain: ChosenGrain, found: list[LayerMaps]) -> None:
        for slot in ("more", "why"):
            self._drop(slot)
        self.grain, self._more, self._why = grain, None, None
        self.strip.set_maps(grain.crops[0], found)
        self.strip_area.setFixedHeight(
            self.strip.height() + self.strip_area.horizontalScrollBar().sizeHint().height()
        )
        self._see_strip(is_there=True)
        self._fit_map()
        self._tell_grain()
        self._show_over()

    def _tell_grain(self) -> None:
        """Say which grain is shown, and what must be known of it."""
        grain, parts = self.grain, []
        if grain is not None:
            parts = [f"{grain.name}.", grain.note]
        if self.over.currentData() == "why" and self._why is not None and not self._why.maps.any():
            parts.append(f"Nothing on it speaks for or against {self._why.class_name} by this method.")
        self.state.setText(" ".join(part for part in parts if part))

    def _see_strip(self, *, is_there: bool) -> None:
        self.strip_area.setVisible(is_there)
        self.hint_label.setVisible(not is_there)
        for part in (self.layer, self.map, *self.exports):
            part.setEnabled(is_there)

    def _show_over(self) -> None:
        """Show over the grain what is chosen, asking for it where it is not there yet."""
        grain, what = self.grain, self.over.currentData()
        if grain is None:
            return
        index = self.map.value() - 1
        if what == "map" and self.strip.layers and self._map_shown() is None:
            layer = self.layer.currentText()
            task = self._of_worker("Reading a map", maps_of_crops, grain.crops, (layer,), n_maps=index + 1)
            self._keep("more", task, lambda found: self._take_more(found[0][0]))
        elif what == "why" and self._why is None:
            task = self._of_worker("Explaining", saliency_of_crops, grain.crops, self.question)
            self._keep("why", task, self._take_why)
        else:
            # An answer that is still awaited is about what was chosen before.
            self._drop("more")
            self._draw()

    def _take_more(self, found: LayerMaps) -> None:
        self._more = found
        self._draw()

    def _take_why(self, found: SaliencyMaps) -> None:
        self._why = found
        self._draw()
        if self.strip.layers:
            self._tell_grain()

    def _map_shown(self) -> LayerMaps | None:
        """Return the maps that hold the one chosen, if they are there."""
        name, index = self.layer.currentText(), self.map.value() - 1
        known = [*self.strip.layers, *([self._more] if self._more is not None else [])]
        return next((one for one in known if one.name == name and index < one.maps.shape[-1]), None)

    def _draw(self) -> None:
        """Lay over the grain what is there of what is chosen."""
        what, grain = self.over.currentData(), self.grain
        self.strip.mark(self.layer.currentText() if what == "map" else "", self.map.value() - 1)
        shown = self._map_shown() if what == "map" else None
        if grain is not None and shown is not None:
            values = shown.maps[..., self.map.value() - 1]
            self.layers.show_grain(grain.sample, values, grain.placement.of_map(shown.grid), map_look(values))
        elif grain is not None and what == "why" and self._why is not None:
            values = self._why.maps[0]
            self.layers.show_grain(
                grain.sample, values, grain.placement.of_map(self._why.grid), saliency_look(values)
            )
        else:
            self.layers.hide(GRAIN_LAYER)

    def _show_all_grains(self, wanted: bool) -> None:
        """Show what moved the answer on all grains of the sample, or no longer."""
        active, project, path = self.session.active, self.session.project, self.models.model_path
        if not wanted:
            self._drop("all")
            self.layers.hide(SAMPLE_LAYER)
            return
        if active is None or project is None or path is None:
            self.answer.setText("This needs a model and a sample: train or load one, and open a sample.")
            self.all_grains.setChecked(False)
            return
        task = self.models.run_job(
            "Explaining all grains",
            saliency_of_sample,
            project.folder,
            path,
            active.name,
            self.question,
            listeners=("progress",),
        )
        self._keep("all", task, lambda values: self.layers.show_sample(active, values, saliency_look(values)))
        for ended in (task.failed, task.cancelled):
            ended.connect(lambda *_: self._untick(task))

    def _untick(self, task: Task) -> None:
        if self._tasks.get("all") is task:
            self.all_grains.setChecked(False)

    def _show_sanity(self, test: SanityTest) -> None:
        self.answer.setText(f"{test.sentence} ({test.n_grains} grains compared.)")

    def _on_layer(self) -> None:
        self._fit_map()
        self._show_over()

    def _on_question(self) -> None:
        """Ask anew, since the method, the class or the model is another; old answers tell nothing now."""
        self._why = None
        self.answer.setText("")
        for slot in ("why", "sanity"):
            self._drop(slot)
        self.all_grains.setChecked(False)
        if self.over.currentData() == "why":
            self._show_over()

    def _on_other_sample(self) -> None:
        self.all_grains.setChecked(False)
        self._soon.start()

    def _on_layer_removed(self, name: str) -> None:
        """Take a layer that the user has removed for one that is not wanted."""
        if name == SAMPLE_LAYER:
            self.all_grains.setChecked(False)
        else:
            self.over.setCurrentIndex(self.over.findData(""))

    def _choose(self, layer: str, index: int) -> None:
        """Lay a map that was clicked over the grain."""
        self.over.blockSignals(True)
        self.over.setCurrentIndex(self.over.findData("map"))
        self.over.blockSignals(False)
        self.layer.setCurrentText(layer)
        self.map.setValue(index + 1)
        self._show_over()

    def _fit_map(self) -> None:
        """Let no map be chosen that the layer does not have."""
        name = self.layer.currentText()
        n_maps = next((one.n_maps for one in self.strip.layers if one.name == name), 1)
        self.map.blockSignals(True)
        self.map.setMaximum(n_maps)
        self.map.blockSignals(False)

    def _turn(self, *, is_open: bool) -> None:
        if is_open == self._is_open:
            return
        self._is_open = is_open
        if is_open:
            self._soon.start()
        else:
            self.all_grains.setChecked(False)
            self._forget()

    def _forget(self) -> None:
        """Show no grain."""
        for slot in ("maps", "more", "why"):
            self._drop(slot)
        self.grain, self._more, self._why = None, None, None
        self.strip.clear()
        self._see_strip(is_there=False)
        self.layers.hide(GRAIN_LAYER)

    def _of_worker(self, name: str, job: Callable[..., Any], *arguments: Any, **named: Any) -> Task:
        """Ask the model in use something about crops that were cut here, so that nothing is saved first."""
        return of_worker(
            name, self.models.worker, (), job, self.models.model_path, *arguments, parent=self, **named
        )

    def _keep(self, slot: str, task: Task, on_done: Callable[[Any], None]) -> None:
        """Wait for an answer; one that was asked for earlier in the same place comes too late."""
        self._drop(slot)
        self._tasks[slot] = task

        def take(found: Any) -> None:
            if self._tasks.get(slot) is task:
                on_done(found)

        def tell(sentence: str) -> None:
            if self._tasks.get(slot) is task and slot in ("maps", "more", "why"):
                self.layers.hide(GRAIN_LAYER)
                self.state.setText(sentence)

        task.done.connect(take)
        task.failed.connect(lambda sentence, _: tell(sentence))

    def _drop(self, slot: str) -> None:
        task = self._tasks.pop(slot, None)
        if task is not None and task.is_running:
            task.cancel()

    def _ask_where(self, suffix: str) -> Callable[[], None]:
        def ask() -> None:
            name = self.grain.name.replace(":", "-") if self.grain is not None else "maps"
            path, _ = QFileDialog.getSaveFileName(self, "Export", f"{name}{suffix}", f"*{suffix}")
            if path:
                self.export_to(Path(path))

        return ask


def _write(found: GrainMaps, path: Path, progress: Progress) -> None:
    progress(0.0, f"writing {path.name}")
    # At the top it would load matplotlib before a panel can be seen.
    from napari_zircon_cnn.figures import save_figure  # noqa: PLC0415
    from napari_zircon_cnn.files import atomic_path  # noqa: PLC0415
    from napari_zircon_cnn.map_figures import feature_map_figure  # noqa: PLC0415

    if path.suffix.lower() == ".npz":
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **found.arrays())  # type: ignore[arg-type]
        return
    name = f"{found.sample}:{found.label}"
    shown = {layer.name: layer.maps for layer in found.layers}
    words = f"The crop of {name} and its maps in {', '.join(shown)}"
    save_figure(feature_map_figure(found.crop, shown, name, found.note), path, words)
