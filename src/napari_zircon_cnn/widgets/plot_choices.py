"""What is chosen about the plot of an embedding: method, fit, axes, colours, and the tool in hand."""

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout

from napari_zircon_cnn.widgets.embedding import column_name
from napari_zircon_cnn.widgets.grain_points import BY_CLASS, BY_PROBABILITY, BY_SAMPLE, NUMBERS
from napari_zircon_cnn.widgets.panel import narrow

_VIEWS = {"1 and 2": (1, 2), "1 and 3": (1, 3), "2 and 3": (2, 3), "3-D": (1, 2, 3)}
_TOOLS = {"Lasso": "lasso", "Box": "box", "Turn": "turn"}
_NARROW_PX = 100


class PlotChoices(QObject):
    """The boxes to choose in, in two rows that a panel takes into its column."""

    changed = Signal()
    """Something else is to be drawn."""
    tool_changed = Signal(str)
    """The tool that a drag in the plot uses now."""

    def __init__(self) -> None:
        super().__init__()
        self.upper, self.lower = QHBoxLayout(), QHBoxLayout()
        self.method = narrow(QComboBox())
        self.method.addItem("UMAP", "umap")
        self.method.addItem("PCA", "pca")
        self.method.setAccessibleName("Method")
        self.method.setToolTip("UMAP keeps neighbours together; PCA takes no time.")
        self.fit = narrow(QComboBox())
        self.fit.addItem("fit on training", "training")
        self.fit.addItem("fit on all", "all")
        self.fit.setAccessibleName("Fit")
        self.fit.setToolTip(
            "What the layout is fitted on: the training grains, among which the others are placed, or all, "
            "as in the paper."
        )
        self.upper.addWidget(self.method, 3)
        self.upper.addWidget(self.fit, 6)
        self.view = narrow(QComboBox())
        for text, axes in _VIEWS.items():
            self.view.addItem(text, axes)
        self.view.setAccessibleName("Axes")
        self.view.setToolTip("Which axes are shown; 3-D can be turned.")
        self.tool = narrow(QComboBox())
        for text, tool in _TOOLS.items():
            self.tool.addItem(text, tool)
        self.tool.setAccessibleName("Tool")
        self.tool.setToolTip("What a drag in the plot does; Turn is for 3-D.")
        self.colour = narrow(QComboBox())
        for by in (BY_SAMPLE, BY_CLASS, BY_PROBABILITY, *NUMBERS):
            self.colour.addItem(f"Colours: {column_name(by)}", by)
        self.colour.setAccessibleName("Colours of the points")
        self.colour.setToolTip("What the colours of the points tell; the marker is that of the sample.")
        for part in (self.view, self.tool):
            part.setMaximumWidth(_NARROW_PX)
            self.lower.addWidget(part)
        self.lower.addWidget(self.colour, 1)
        for part in (self.method, self.colour):
            part.activated.connect(lambda _: self.changed.emit())
        self.view.activated.connect(lambda _: self._on_view())
        self.tool.activated.connect(lambda _: self.tool_changed.emit(self.tool.currentData()))

    def _on_view(self) -> None:
        """Take the tool that goes with the view in hand."""
        is_solid = len(self.view.currentData()) == 3
        self.tool.setCurrentIndex(self.tool.findData("turn" if is_solid else "lasso"))
        self.tool_changed.emit(self.tool.currentData())
        self.changed.emit()
