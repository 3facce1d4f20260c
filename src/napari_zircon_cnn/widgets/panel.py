"""What all panels share: a session, a column to lay things out in, and the status line when alone."""

from collections.abc import Callable
from typing import ClassVar

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_zircon_cnn.widgets.session import Session, session_of
from napari_zircon_cnn.widgets.status_line import StatusLine

_PADDING_PX = 14
_SHORTEST_TEXT = 6


class Panel(QWidget):
    """One step of the work.

    Parameters
    ----------
    napari_viewer
        The viewer that the panel is docked in.
    session
        The session that it shares with the other panels of a workbench, which shows its status line;
        by default that of the viewer's other panels, and the panel has a status line of its own.
    """

    title: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    """What is done here, in a sentence."""

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__()
        self.session = session or session_of(napari_viewer)
        self.viewer = napari_viewer
        self.setAccessibleName(self.title)
        content = QWidget()
        above = QVBoxLayout(content)
        above.setContentsMargins(6, 6, 6, 6)
        self.column = QVBoxLayout()
        above.addLayout(self.column)
        above.addStretch(1)
        self.hint_label = QLabel(self.hint)
        self.hint_label.setWordWrap(True)
        self.column.addWidget(self.hint_label)
        # A label that is shown before it has its place is a window of its own.
        self.hint_label.setVisible(bool(self.hint))
        self.scroll_area = scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll, 1)
        if session is None:
            outer.addWidget(StatusLine(self.session))

    @property
    def is_done(self) -> bool:
        """Whether this step is done, so that the next can be begun."""
        return False

    def add_form(self) -> QFormLayout:
        """Add a form whose fields take the width that the labels leave."""
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self.column.addLayout(form)
        return form

    def give_height_to(self, widget: QWidget | None) -> None:
        """Let a widget of the column have the height that is left; by default it is left empty below."""
        content = self.column.parentWidget()
        above = content.layout() if content is not None else None
        if isinstance(above, QVBoxLayout):
            above.setStretchFactor(self.column, int(widget is not None))
            above.setStretch(above.count() - 1, int(widget is None))
        if widget is not None:
            self.column.setStretchFactor(widget, 1)

    def add_heading(self, text: str) -> QLabel:
        """Add a heading above what comes next."""
        heading = QLabel(text)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        heading.setContentsMargins(0, 8, 0, 0)
        self.column.addWidget(heading)
        return heading


def button(text: str, tooltip: str, clicked: Callable[[], object]) -> QPushButton:
    """Return a push button with a tooltip that calls a function without arguments."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    # Buttons side by side share the width that there is, however narrow the dock.
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setMinimumWidth(made.fontMetrics().horizontalAdvance(text) + _PADDING_PX)
    made.clicked.connect(lambda _: clicked())
    return made


def narrow(choice: QComboBox) -> QComboBox:
    """Let a choice be narrower than the longest text in it, and return it."""
    choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.setMinimumContentsLength(_SHORTEST_TEXT)
    choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return choice


def menu_button(text: str, tooltip: str, fill: Callable[[QMenu], None]) -> QPushButton:
    """Return a push button with a menu, which a function fills each time before it is shown."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    menu = QMenu(made)
    menu.setToolTipsVisible(True)

    def refill() -> None:
        menu.clear()
        fill(menu)

    menu.aboutToShow.connect(refill)
    made.setMenu(menu)
    return made
