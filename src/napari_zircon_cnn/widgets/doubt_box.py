"""The part of the classify panel that tells which grains not to trust, and goes from one to the next."""

import numpy as np
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_zircon_cnn.widgets.doubts import DOUBTS, Doubt, doubt_in_words, doubtful
from napari_zircon_cnn.widgets.keys import Keys
from napari_zircon_cnn.widgets.panel import button, narrow
from napari_zircon_cnn.widgets.review_order import step_from
from napari_zircon_cnn.widgets.session import Session


class DoubtBox(QWidget):
    """Count the grains of the sample shown that a doubt is about, and turn to them.

    Parameters
    ----------
    session
        The session.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.choice = narrow(QComboBox())
        self.choice.setToolTip("What speaks against trusting a grain's probability.")
        self.choice.setAccessibleName("Doubt")
        for doubt, words in DOUBTS.items():
            self.choice.addItem(words, doubt)
        self.sentence = QLabel("")
        self.sentence.setWordWrap(True)
        self.back_button = button("Back  ⇧U", "Turn to the grain before.", lambda: self.go(-1))
        self.next_button = button("Next  U", "Turn to the next of these grains.", lambda: self.go(1))
        self.all_button = button("Select", "Select all of these grains.", self.select_all)
        row = QHBoxLayout()
        row.addWidget(self.choice, 1)
        for part in (self.back_button, self.next_button, self.all_button):
            row.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.sentence)
        self.keys = Keys(session, {"U": lambda: self.go(1), "Shift-U": lambda: self.go(-1)})
        self.choice.currentIndexChanged.connect(lambda _: self.show_doubts())

    @property
    def doubt(self) -> Doubt:
        """What is asked."""
        chosen: Doubt = self.choice.currentData()
        return chosen

    def show_doubts(self) -> None:
        """Count the grains as they are now."""
        active = self._session.active
        if active is None:
            return
        for place, doubt in enumerate(DOUBTS):
            self.choice.setItemText(place, f"{DOUBTS[doubt]} ({len(doubtful(active.table, doubt))})")
        self.sentence.setText(doubt_in_words(active.table, self.doubt))
        there = len(doubtful(active.table, self.doubt)) > 0
        for part in (self.back_button, self.next_button, self.all_button):
            part.setEnabled(there)

    def go(self, step: int) -> None:
        """Turn to the next grain that the doubt is about, or to the one before."""
        active = self._session.active
        if active is None:
            return
        current = active.selected[0] if active.selected else None
        label = step_from(doubtful(active.table, self.doubt), current, step)
        if label is None:
            self._session.say(doubt_in_words(active.table, self.doubt))
            return
        active.select([label])
        self._session.bring_into_view(label)

    def select_all(self) -> None:
        """Select all grains of the sample shown that the doubt is about."""
        active = self._session.active
        if active is not None:
            active.select(np.sort(doubtful(active.table, self.doubt)).tolist())
