"""The first panel: mosaics, their pixel size and sample name, and the project with its samples."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
)

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.mount import PAPER_PIXEL_SIZE_UM, Mount
from napari_zircon_cnn.project_record import PROJECT_FILE
from napari_zircon_cnn.recent_projects import recent_projects
from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.layers import METADATA, check_is_mosaic, mount_of, pixel_size_of
from napari_zircon_cnn.widgets.panel import Panel, button, menu_button, narrow
from napari_zircon_cnn.widgets.preferences import preferences
from napari_zircon_cnn.widgets.session import Session

_IMAGES = "Mosaics (*.png *.tif *.tiff *.jpg *.jpeg);;All files (*)"


class MountPanel(Panel):
    """Open mosaics, give them a pixel size and a name, and choose the project."""

    title = "Mount"
    mount_changed = Signal()
    """Another mosaic is chosen, or its name or pixel size has changed."""

    hint = "Open the CL mosaic of a grain mount, or a project with samples."

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__(napari_viewer, session)
        self.open_button = button(
            "Open mosaics …",
            "PNG, TIFF, OME-TIFF or JPEG; you can also drop files on this panel.",
            self._ask_mosaics,
        )
        self.sample_button = menu_button("Sample data", "Mosaics to try things out.", self._list_sample_data)
        first = QHBoxLayout()
        first.addWidget(self.open_button)
        first.addWidget(self.sample_button)
        self.column.addLayout(first)
        form = self.add_form()
        self.layer = narrow(QComboBox())
        self.layer.setToolTip("The image layer with the mosaic.")
        self.sample = QLineEdit()
        self.sample.setToolTip("The name of the sample; its grains are kept under this name.")
        self.pixel_size = QDoubleSpinBox()
        self.pixel_size.setRange(0.0, 1000.0)
        self.pixel_size.setDecimals(4)
        self.pixel_size.setSingleStep(0.1)
        self.pixel_size.setSuffix(" µm")
        self.pixel_size.setSpecialValueText("not known")
        self.pixel_size.setToolTip(
            f"Edge of a pixel in µm. The mosaics of Nathwani et al. (2023) have {PAPER_PIXEL_SIZE_UM:g} µm."
        )
        for text, field in (
            ("Mosaic", self.layer),
            ("Sample", self.sample),
            ("Pixel size", self.pixel_size),
        ):
            form.addRow(text, field)
        self.facts = QLabel("")
        self.facts.setWordWrap(True)
        self.column.addWidget(self.facts)
        self.confirm_button = button("", "Take the proposed pixel size.", self._confirm)
        self.column.addWidget(self.confirm_button)

        self._add_project()
        self.setAcceptDrops(True)
        self.layer.currentIndexChanged.connect(self._show_layer)
        self.pixel_size.editingFinished.connect(self._scale_layer)
        self.sample.editingFinished.connect(self._name_sample)
        for signal in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            signal.connect(self._list_layers)
        napari_viewer.layers.selection.events.active.connect(self._follow_selection)
        self.session.project_changed.connect(self._list_samples)
        self.session.active_changed.connect(lambda _: self._follow_sample())
        self.session.rows_changed.connect(lambda _: self._list_samples())
        self._list_layers()
        self._list_samples()

    def _add_project(self) -> None:
        """Add what is about the project and its samples."""
        self.add_heading("Project")
        self.where = QLabel("")
        self.where.setWordWrap(True)
        self.where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.column.addWidget(self.where)
        row = QHBoxLayout()
        row.addWidget(button("Open …", "Open a project folder, or an empty one.", self._ask_project))
        self.recent_button = menu_button("Recent", "Projects that were opened last.", self._list_recent)
        row.addWidget(self.recent_button)
        self.column.addLayout(row)
        row = QHBoxLayout()
        self.save_button = button(
            "Save", "Write all samples to the project as they are now.", self.session.save
        )
        row.addWidget(self.save_button)
        row.addWidget(
            button("Save as …", "Copy the project to an empty folder and go on there.", self._ask_new_folder)
        )
        self.column.addLayout(row)
        self.samples = QListWidget()
        self.samples.setToolTip("The project's samples; double-click one to see it.")
        self.samples.setAccessibleName("Samples of the project")
        self.samples.setMaximumHeight(180)
        self.samples.itemActivated.connect(self._show_sample)
        self.column.addWidget(self.samples)

    @property
    def is_done(self) -> bool:
        """Whether a mosaic with a pixel size is chosen."""
        return self.chosen is not None and self.pixel_size.value() > 0

    @property
    def chosen(self) -> Image | None:
        """The image layer that is chosen as the mosaic."""
        layer = self.layer.currentData()
        return layer if layer is not None and layer in self.viewer.layers else None

    def mount(self) -> Mount:
        """Return the mount as it is described here; a `ZirconError` says what is missing."""
        if self.chosen is None:
            active = self.viewer.layers.selection.active
            if active is not None:
                # It may be meant; this says why it is not offered.
                check_is_mosaic(active)
            raise ZirconError("There is no mosaic yet; open one, or choose the image layer that shows it.")
        return mount_of(
            self.chosen,
            pixel_size_um=self.pixel_size.value() or None,
            sample=self.sample.text().strip() or None,
        )

    def choose(self, layer: Image) -> None:
        """Make an image layer the mosaic that this panel is about."""
        self.layer.setCurrentIndex(self._index_of(layer))

    def _index_of(self, layer: Image | None) -> int:
        # Qt compares what it keeps with C++ pointers; a layer is compared in Python.
        return next((n for n in range(self.layer.count()) if self.layer.itemData(n) == layer), -1)

    def _list_layers(self, event: Any = None) -> None:
        """Offer the layers that there are; one that has just come is meant."""
        before = self.layer.currentData()
        new = getattr(event, "value", None) if getattr(event, "type", "") == "inserted" else None
        self.layer.blockSignals(True)
        self.layer.clear()
        for layer in self.session.mosaic_layers:
            self.layer.addItem(layer.name, layer)
        wanted = self._index_of(new) if isinstance(new, Image) else -1
        if wanted < 0:
            wanted = self._index_of(before)
        self.layer.setCurrentIndex(wanted if wanted >= 0 else self.layer.count() - 1)
        self.layer.blockSignals(False)
        self._show_layer()

    def _follow_selection(self, event: Any = None) -> None:  # noqa: ARG002 -- napari passes one
        active = self.viewer.layers.selection.active
        if active is not None and self._index_of(active) >= 0:
            self.choose(active)

    def _follow_sample(self) -> None:
        """Take the mosaic of the sample that is shown, or the next layer that comes would turn back."""
        self._list_samples()
        active = self.session.active
        if active is not None and self._index_of(active.image) >= 0:
            self.choose(active.image)

    def _show_layer(self) -> None:
        """Show what is known of the chosen layer."""
        layer = self.chosen
        for field in (self.sample, self.pixel_size):
            field.setEnabled(layer is not None)
        if layer is None:
            self.facts.setText("No mosaic is open.")
            self.confirm_button.hide()
            self.mount_changed.emit()
            return
        self.sample.setText(layer.metadata.get(METADATA, {}).get("sample") or layer.name)
        try:
            self.pixel_size.setValue(pixel_size_of(layer) or 0.0)
        except ZirconError as error:
            self.session.say(str(error), wrong=True)
        self._show_facts()
        self._show_its_sample()

    def _show_facts(self) -> None:
        layer, um = self.chosen, self.pixel_size.value()
        if layer is None:
            return
        shape = layer.data[0].shape if layer.multiscale else layer.data.shape
        size = "x".join(str(length) for length in shape)
        if len(shape) == 2:
            size = f"{shape[1]} x {shape[0]} px"
        extent = f", {shape[-1] * um / 1e3:.2f} x {shape[-2] * um / 1e3:.2f} mm" if um else ""
        missing = "" if um else " Give the pixel size in µm."
        if um and self._is_assumed:
            missing = f" The file does not say its pixel size; {um:g} µm is assumed. Correct it if it is not."
        proposed = um or preferences().default_pixel_size_um
        self.confirm_button.setText(f"{proposed:g} µm is right")
        self.confirm_button.setVisible(bool(proposed) and (self._is_assumed or not um))
        self.facts.setText(f"{size}{extent}, {layer.dtype}.{missing}")
        self.viewer.canvas.overlays.scale_bar.visible = bool(um)
        self.mount_changed.emit()

    @property
    def _is_assumed(self) -> bool:
        layer = self.chosen
        return layer is not None and bool(layer.metadata.get(METADATA, {}).get("is_assumed"))

    def _confirm(self) -> None:
        """Take the pixel size that is proposed for the one that is."""
        layer = self.chosen
        if layer is None:
            return
        if not self.pixel_size.value():
            self.pixel_size.setValue(preferences().default_pixel_size_um)
        layer.metadata[METADATA] = layer.metadata.get(METADATA, {}) | {"is_assumed": False}
        self._scale_layer()
        self._show_facts()

    def _scale_layer(self) -> None:
        """Give the chosen layer, and the grains over it, the pixel size in µm."""
        layer, um = self.chosen, self.pixel_size.value()
        if layer is None or not um:
            return
        try:
            if math.isclose(pixel_size_of(layer) or 0.0, um, rel_tol=1e-6):
                return
        except ZirconError:
            pass
        over = [sample for sample in self.session.samples.values() if sample.image == layer]
        if over:
            self._show_layer()
            self.session.say(
                f"The grains of {over[0].name} are measured with another pixel size; "
                "find them anew after a change of it: remove the grains' layer first.",
                wrong=True,
            )
            return
        layer.metadata[METADATA] = layer.metadata.get(METADATA, {}) | {"is_assumed": False}
        layer.scale = (um, um)
        layer.units = ("um", "um")
        self._show_facts()

    def _name_sample(self) -> None:
        layer = self.chosen
        if layer is not None:
            known = layer.metadata.get(METADATA, {})
            layer.metadata[METADATA] = known | {"sample": self.sample.text().strip()}
            self.mount_changed.emit()

    def _show_its_sample(self) -> None:
        """Turn to the sample whose mosaic was chosen, where its grains are on the screen."""
        for name, sample in self.session.samples.items():
            if sample.image == self.chosen and sample is not self.session.active:
                self.session.activate(name)

    def _ask_mosaics(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Open mosaics", "", _IMAGES)
        if paths:
            self.session.open_mosaics(paths)

    def _ask_project(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open or make a project folder")
        if folder:
            self.session.open_project(folder)

    def _ask_new_folder(self) -> None:
        folder, _ = QFileDialog.getSaveFileName(self, "Copy the project to a new folder")
        if folder:
            self.session.save_as(folder)

    def _list_recent(self, menu: QMenu) -> None:
        here = self.session.project.folder.resolve() if self.session.project else None
        for folder in recent_projects():
            action = menu.addAction(folder.name)
            action.setToolTip(str(folder))
            action.setEnabled(folder != here)
            action.triggered.connect(partial(_call, self.session.open_project, folder))
        if menu.isEmpty():
            menu.addAction("None yet").setEnabled(False)

    def _list_sample_data(self, menu: QMenu) -> None:
        synthetic = menu.addAction("Synthetic mount")
        synthetic.triggered.connect(lambda _: self.session.show_mount(synthetic_mount().mount))
        menu.addSeparator()
        for sample in quellaveco.SAMPLES:
            action = menu.addAction(f"{sample.name}, {sample.class_name}")
            action.setToolTip("From the paper's repository, downloaded once.")
            action.triggered.connect(partial(_call, self.session.open_quellaveco, sample.name))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 -- Qt's name
        """Take files and folders."""
        if event is not None and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 -- Qt's name
        """Open a dropped project, or dropped mosaics."""
        if event is None:
            return
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        folders = [path for path in paths if path.is_dir()]
        if folders:
            if (folders[0] / PROJECT_FILE).is_file():
                self.session.open_project(folders[0])
            else:
                self.session.say(f"{folders[0]} is no project; drop mosaics or a project folder.", wrong=True)
        elif paths:
            self.session.open_mosaics(paths)
        event.acceptProposedAction()

    def _show_sample(self, item: QListWidgetItem) -> None:
        name = item.data(Qt.ItemDataRole.UserRole)
        if name in self.session.samples:
            self.session.activate(name)
            self.choose(self.session.samples[name].image)
        else:
            self.session.open_sample(name)

    def _list_samples(self) -> None:
        project = self.session.project
        self.where.setText(
            str(project.folder)
            if project
            else "None yet; one is made in your data folder with the first grains, and each step is kept."
        )
        self.samples.clear()
        for name in project.samples if project else ():
            item = QListWidgetItem(self._line_for(name))
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.samples.addItem(item)
            if self.session.active is not None and self.session.active.name == name:
                self.samples.setCurrentItem(item)
        self.samples.setVisible(self.samples.count() > 0)

    def _line_for(self, name: str) -> str:
        sample = self.session.samples.get(name)
        if sample is None:
            return f"{name} (not on the screen)"
        return f"{name}: {len(usable(sample.table))} of {len(existing(sample.table))} grains count"


def _call(wanted: Callable[[Any], object], argument: Any, _: bool = False) -> None:
    """Call a function without what Qt tells of a menu's entry."""
    wanted(argument)
