"""What is chosen to lie over a grain: a map of a layer, what moved the answer, or nothing."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QSpinBox, QWidget

from napari_zircon_cnn.jobs.feature_maps import LayerMaps
from napari_zircon_cnn.widgets.panel import narrow

_OVER = {"the feature map": "map", "what moved the answer": "why", "nothing": ""}


class MapChoices(QObject):
    """The boxes to choose in, in two rows that a panel takes into a form.

    Parameters
    ----------
    form
        The form.
    """

    changed = Signal()
    """Something else is to lie over the grain."""

    def __init__(self, form: QFormLayout) -> None:
        super().__init__()
        self.layer = narrow(QComboBox())
        self.layer.setToolTip("The layer whose map is laid over the grain.")
        self.map = QSpinBox()
        self.map.setMinimum(1)
        self.map.setToolTip("Which of the layer's maps is laid over the grain.")
        self.over = narrow(QComboBox())
        for text, value in _OVER.items():
            self.over.addItem(text, value)
        self.over.setToolTip("What is laid over the grain in the mount.")
        row = QHBoxLayout()
        row.addWidget(self.layer, 1)
        row.addWidget(QLabel("map"))
        row.addWidget(self.map)
        form.addRow("Layer", row)
        form.addRow("Over the grain", self.over)
        self._n_maps: dict[str, int] = {}
        self.layer.currentIndexChanged.connect(lambda _: self._on_layer())
        self.map.valueChanged.connect(lambda _: self.changed.emit())
        self.over.currentIndexChanged.connect(lambda _: self.changed.emit())

    @property
    def what(self) -> str:
        """What is to lie over the grain: "map", "why" or nothing."""
        return str(self.over.currentData())

    @property
    def place(self) -> tuple[str, int]:
        """The layer that is chosen, and the index of its map."""
        return self.layer.currentText(), self.map.value() - 1

    @property
    def is_offered(self) -> bool:
        """Whether there is a layer to choose."""
        return self.layer.count() > 0

    def offer(self, layers: Sequence[str]) -> None:
        """Offer the layers of a network, the first of which is chosen."""
        with _unheard(self.layer, self.map):
            self.layer.clear()
            self.layer.addItems(list(layers))
            self.map.setValue(1)

    def fit(self, layers: Iterable[LayerMaps]) -> None:
        """Let no map be chosen that its layer does not have."""
        self._n_maps = {layer.name: layer.n_maps for layer in layers}
        self._fit_map()

    def choose(self, layer: str, index: int) -> None:
        """Choose a map, to lie over the grain."""
        with _unheard(self.over, self.layer, self.map):
            self.over.setCurrentIndex(self.over.findData("map"))
            self.layer.setCurrentText(layer)
            self._fit_map()
            self.map.setValue(index + 1)
        self.changed.emit()

    def leave_out(self) -> None:
        """Have nothing over the grain."""
        self.over.setCurrentIndex(self.over.findData(""))

    def allow(self, *, allowed: bool) -> None:
        """Let a map be chosen, or not."""
        self.layer.setEnabled(allowed)
        self.map.setEnabled(allowed)

    def _on_layer(self) -> None:
        self._fit_map()
        self.changed.emit()

    def _fit_map(self) -> None:
        with _unheard(self.map):
            self.map.setMaximum(self._n_maps.get(self.layer.currentText(), 1))


@contextmanager
def _unheard(*widgets: QWidget) -> Iterator[None]:
    """Let nobody hear of what is chosen meanwhile."""
    before = [widget.blockSignals(True) for widget in widgets]
    try:
        yield
    finally:
        for widget, was_blocked in zip(widgets, before, strict=True):
            widget.blockSignals(was_blocked)
