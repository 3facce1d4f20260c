"""The second panel: the method and its parameters, with a live preview of what is in view."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QMessageBox, QStackedWidget

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress
from napari_zircon_cnn.segmentation.methods import DEFAULT_METHOD, METHODS, parameters_for, segment
from napari_zircon_cnn.widgets.layers import check_is_mosaic, frame_of, mount_of
from napari_zircon_cnn.widgets.panel import Panel, button
from napari_zircon_cnn.widgets.parameter_form import ParameterForm
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.tasks import Task, in_thread

Region = tuple[slice, slice]

_WAIT_MS = 150
_LARGEST_PREVIEW_PX = 1500
_SUMMARIES = {
    "adaptive": "Outlines at half of each grain's brightness; touching grains are cut apart. Sizes in µm.",
    "nathwani2023": "The paper's Canny edges, for comparison with published work.",
}


class SegmentPanel(Panel):
    """Find the grains of the mosaic.

    Parameters
    ----------
    napari_viewer, session
        As of `Panel`.
    mount
        Called for the mount to work on; by default that of the highest mosaic in the layer list.
    """

    title = "Segment"
    hint = "Find every grain. The preview shows what is in view while you turn a knob."

    def __init__(
        self,
        napari_viewer: Viewer,
        session: Session | None = None,
        mount: Callable[[], Mount] | None = None,
    ) -> None:
        super().__init__(napari_viewer, session)
        self._mount = mount or self._highest_mosaic
        form = self.add_form()
        self.method = QComboBox()
        self.method.addItems(list(METHODS))
        self.method.setCurrentText(DEFAULT_METHOD)
        self.method.setToolTip("How grains are told from the mount; what it does is said below.")
        form.addRow("Method", self.method)
        self.summary = QLabel("")
        self.summary.setWordWrap(True)
        self.column.addWidget(self.summary)
        self.stack = QStackedWidget()
        self.forms = {name: ParameterForm(method.parameters) for name, method in METHODS.items()}
        for parameter_form in self.forms.values():
            self.stack.addWidget(parameter_form)
            parameter_form.changed.connect(self._preview_soon)
        self.column.addWidget(self.stack)
        self.column.addWidget(
            button("Defaults", "Set all parameters of this method to their defaults.", self._reset)
        )
        self.preview = QCheckBox("Live preview of what is in view")
        self.preview.setToolTip(
            f"Shown in magenta, up to {_LARGEST_PREVIEW_PX} x {_LARGEST_PREVIEW_PX} px around the middle "
            "of the view; nothing is kept of it."
        )
        self.column.addWidget(self.preview)
        self.run_button = button(
            "Find all grains", "Segment the whole mosaic and keep the result in the project.", self.run
        )
        self.column.addWidget(self.run_button)

        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._start_preview)
        self._task: Task | None = None
        self._stale = False
        self._layer: Labels | None = None
        self.method.currentTextChanged.connect(self._show_method)
        self.preview.toggled.connect(self._toggle_preview)
        napari_viewer.scene.camera.events.center.connect(self._preview_soon)
        napari_viewer.scene.camera.events.zoom.connect(self._preview_soon)
        self._show_method(self.method.currentText())

    @property
    def is_done(self) -> bool:
        """Whether the sample that is shown has grains."""
        return self.session.active is not None

    def run(self) -> None:
        """Segment the whole mosaic, after a question where curation would be set aside."""
        try:
            mount = self._mount()
            project = self.session.project
            overwrite = project is not None and mount.sample in project.samples
            if overwrite and not self._may_replace(mount.sample):
                return
        except ZirconError as error:
            self.session.say(str(error), wrong=True)
            return
        self.preview.setChecked(False)
        self.session.segment(mount, self.method.currentText(), self._values(), overwrite=overwrite)

    def _may_replace(self, sample: str) -> bool:
        """Ask before grains are replaced that were worked on."""
        project = self.session.project
        steps = len(project.ledger(sample)) if project else 0
        if not steps:
            return True
        answer = QMessageBox.question(
            self,
            f"Segment {sample} anew?",
            f"{sample} has been curated in {steps} steps. They do not carry over to new grains; "
            "their ledger stays in the project beside the new one.",
            QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return bool(answer == QMessageBox.StandardButton.Ok)

    def _highest_mosaic(self) -> Mount:
        layers = self.session.mosaic_layers
        if not layers:
            for layer in reversed(self.viewer.layers):
                check_is_mosaic(layer)
            raise ZirconError("There is no mosaic yet; open one first.")
        return mount_of(layers[-1])

    def _values(self) -> dict[str, Any]:
        return self.forms[self.method.currentText()].values()

    def _reset(self) -> None:
        self.forms[self.method.currentText()].reset()

    def _show_method(self, name: str) -> None:
        self.stack.setCurrentWidget(self.forms[name])
        self.summary.setText(_SUMMARIES.get(name, ""))
        self._preview_soon()

    def _toggle_preview(self, on: bool) -> None:
        if on:
            self._preview_soon()
        else:
            self._take_off()

    def _preview_soon(self, event: Any = None) -> None:  # noqa: ARG002 -- napari passes one
        if self.preview.isChecked():
            self._soon.start(_WAIT_MS)

    def _start_preview(self) -> None:
        if self._task is not None:
            # The one under way is for another view; the next begins when it has stopped.
            self._stale = True
            return
        try:
            mount = self._mount()
            method, values = self.method.currentText(), self._values()
            parameters_for(method, values)
        except ZirconError as error:
            self.session.say(str(error), wrong=True)
            self.preview.setChecked(False)
            return
        region = self._region_in_view(mount)
        if region is None:
            return
        self._stale = False
        self._task = in_thread(
            "Preview", _labels_in, parent=self, mount=mount, region=region, method=method, values=values
        )
        self._task.done.connect(lambda labels: self._show(labels, region))
        self._task.failed.connect(lambda sentence, _: self.session.say(sentence, wrong=True))
        self._task.ended.connect(self._preview_ended)

    def _preview_ended(self) -> None:
        self._task = None
        if self._stale:
            self._preview_soon()

    def _region_in_view(self, mount: Mount) -> Region | None:
        """Return the part of the mosaic in view, at most so large that the preview keeps up."""
        image = self._image_of(mount)
        if image is None:
            return None
        sides = []
        half = _LARGEST_PREVIEW_PX // 2
        for low, high, length in zip(*image.corner_pixels[:, -2:], mount.image.shape, strict=True):
            first, last = max(int(low), 0), min(int(high) + 1, length)
            middle = (first + last) // 2
            sides.append(slice(max(first, middle - half), min(last, middle + half)))
        rows, columns = sides
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None

    def _image_of(self, mount: Mount) -> Any:
        layers = [layer for layer in self.session.mosaic_layers if layer.data is mount.image]
        return layers[-1] if layers else None

    def _show(self, labels: NDArray[np.int32], region: Region) -> None:
        if not self.preview.isChecked():
            return
        mount = self._mount()
        image = self._image_of(mount)
        if image is None:
            return
        self._take_off()
        frame = frame_of(image)
        # The layer's own transform without its shift tells where the region's corner comes to lie.
        corner = np.array([side.start for side in region], float)
        origin = np.asarray(image.data_to_world(np.zeros(2)))
        shift = np.asarray(image.data_to_world(corner)) - origin
        inner = np.linalg.inv(image.affine.linear_matrix) @ shift
        frame["translate"] = np.asarray(image.translate) + inner
        active = self.viewer.layers.selection.active
        self._layer = self.viewer.add_labels(
            labels,
            name="preview",
            colormap={None: "magenta", 0: "transparent"},
            opacity=0.8,
            **frame,
        )
        self._layer.contour = 2
        self._layer.editable = False
        self.viewer.layers.selection.active = active
        self.session.say(f"{len(np.unique(labels)) - 1} grains in view.")

    def _take_off(self) -> None:
        if self._layer is not None and self._layer in self.viewer.layers:
            self.viewer.layers.remove(self._layer)
        self._layer = None


def _labels_in(
    *, mount: Mount, region: Region, method: str, values: dict[str, Any], progress: Progress
) -> NDArray[np.int32]:
    """Return the label image of a region, as the whole mount would have it where the method can tell."""
    if method == "adaptive":
        from napari_zircon_cnn.segmentation.adaptive import segment_region

        return segment_region(mount, region, parameters_for(method, values), progress)
    part = dataclasses.replace(mount, image=np.ascontiguousarray(mount.image[region]))
    return segment(part, method, values, progress)
