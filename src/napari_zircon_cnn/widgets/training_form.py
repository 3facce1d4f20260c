"""What is seldom touched of a training: all settings that the chosen network heeds, with their defaults."""

import dataclasses
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.networks.registry import network_spec
from napari_zircon_cnn.networks.settings import IMAGENET, NO_WEIGHTS, NetworkSettings, TrainSettings
from napari_zircon_cnn.networks.spec import NetworkSpec
from napari_zircon_cnn.widgets.panel import button
from napari_zircon_cnn.widgets.parameter_form import ParameterForm

_TRAINING = {
    "Regularisation": ("dropout", "augmentation", "early_stopping", "keep_best"),
    "Classes of unequal size": ("class_weights", "balanced_batches"),
    "Network": ("kernel_size", "stride", "padding", "activation", "batch_normalisation", "value_range"),
    "Trained beforehand": ("weights", "fine_tuning_epochs", "cached_features"),
    "Training": ("optimiser", "learning_rate", "batch_size", "mixed_precision", "seed"),
}
_CROPS = {"Crops": ("size_px", "box_um", "masked")}
_TITLES = {
    "early_stopping": "Early stop (epochs)",
    "keep_best": "Keep the best epoch",
    "value_range": "Grey values",
    "fine_tuning_epochs": "Epochs of stage 2",
    "cached_features": "Cache frozen features",
    "weights": "Weights",
    "mixed_precision": "Mixed precision",
    "kernel_size": "Kernel size (px)",
    "stride": "Stride (px)",
    "size_px": "Size",
    "box_um": "Edge of box",
    "masked": "Grain alone, masked",
}
_WORDS: dict[str, dict[Any, str]] = {
    "augmentation": {
        "paper": "As in the paper",
        "notebook": "As in its notebook",
        "session": "Light as between sessions",
        "none": "None",
    },
    "value_range": {
        "zero_to_one": "0 to 1 (paper)",
        "minus_one_to_one": "−1 to 1 (its notebook)",  # noqa: RUF001 -- a minus
    },
    "weights": {IMAGENET: "ImageNet (download)", NO_WEIGHTS: "None: random"},
}
_OF_FROZEN_LAYERS = {"fine_tuning_epochs", "cached_features"}
_OF_PRETRAINED = {"weights"}
_WEIGHTS = "Weights (*.h5 *.keras);;All files (*)"
_PADDING_PX = 8
_EXCLUSIVE = ("class_weights", "balanced_batches")


class TrainingForm(QWidget):
    """Settings of a training and of its crops; those that the network does not heed are hidden."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.training = ParameterForm(TrainSettings, _TRAINING, _TITLES, _WORDS)
        self.crop = ParameterForm(CropSettings, _CROPS, _TITLES)
        self.weights_button = button(
            "From a file …", "A file of ImageNet's weights, for a computer off the net.", self._ask_weights
        )
        self._spec = network_spec(TrainSettings.network)
        place, _ = self.training.form.getWidgetPosition(self.training.fields["weights"].native)
        self.training.form.insertRow(place + 1, "", self.weights_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.training)
        column.addWidget(self.crop)
        row = QHBoxLayout()
        row.addWidget(button("Defaults", "Set all of these to the paper's settings.", self.reset))
        column.addLayout(row)
        for name, other in (_EXCLUSIVE, _EXCLUSIVE[::-1]):
            self._uncheck_with(self.training.fields[name], self.training.fields[other])
        for form in (self.training, self.crop):
            form.changed.connect(self.changed)
        self._line_up()
        self.show_network(TrainSettings.network)

    def show_network(self, name: str) -> None:
        """Show what a network heeds; a `ZirconError` says where another package's network is no good."""
        before, self._spec = self._spec, network_spec(name)
        heeded = _heeded_by(self._spec)
        self.training.show_only(heeded)
        self.weights_button.setVisible("weights" in heeded)
        size, smallest = self.crop.fields["size_px"], self._spec.smallest_px
        is_own = size.value != before.size_px and size.value >= smallest
        size.min = min(size.min, smallest)
        size.value = size.value if is_own else self._spec.size_px
        size.min = smallest
        self.changed.emit()

    def training_values(self) -> dict[str, Any]:
        """Return those of the `TrainSettings` that differ from their defaults."""
        return self.training.values()

    def crop_values(self) -> dict[str, Any]:
        """Return those of the `CropSettings` that differ from what the network usually takes."""
        values = self.crop.values()
        size = values.pop("size_px", CropSettings.size_px)
        return values if size == self._spec.size_px else values | {"size_px": size}

    def n_changed(self) -> int:
        """Return how many settings differ from their defaults."""
        return len(self.training_values()) + len(self.crop_values())

    def reset(self) -> None:
        """Set all to the defaults."""
        self.training.reset()
        self.crop.reset()
        self.crop.fields["size_px"].value = self._spec.size_px

    def use_weights(self, path: Path) -> None:
        """Choose a file of weights."""
        field = self.training.fields["weights"]
        words = _WORDS["weights"] | {str(path): path.name}
        field.choices = [(word, value) for value, word in words.items()]
        field.value = str(path)

    def _ask_weights(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Weights from ImageNet", "", _WEIGHTS)
        if path:
            self.use_weights(Path(path))

    def _uncheck_with(self, one: CheckBox, other: CheckBox) -> None:
        """Let one switch turn another off, since both do the same in two ways."""

        def follow(is_on: bool) -> None:
            if is_on:
                other.value = False

        one.changed.connect(follow)

    def _line_up(self) -> None:
        """Let the fields of both forms begin at the same place."""
        labels = [
            label
            for form in (self.training, self.crop)
            for field in form.fields.values()
            if isinstance(label := form.form.labelForField(field.native), QLabel)
        ]
        width = max(label.sizeHint().width() for label in labels)
        for label in labels:
            label.setMinimumWidth(width + _PADDING_PX)


def _heeded_by(spec: NetworkSpec) -> set[str]:
    """Return the settings that mean something for a network."""
    of_networks = {field.name for field in dataclasses.fields(NetworkSettings)}
    heeded = {field.name for field in dataclasses.fields(TrainSettings)} - of_networks
    if not spec.frozen_until:
        heeded -= _OF_FROZEN_LAYERS
    if not spec.pretrained:
        heeded -= _OF_PRETRAINED
    return heeded | set(spec.options)
