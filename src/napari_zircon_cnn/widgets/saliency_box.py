"""The lower part of the inspect panel: how it is asked what moved the answer, and whether to believe it."""

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.saliency import Method, Question, SanityTest, saliency_of_sample, sanity_test
from napari_zircon_cnn.widgets.answers import Answers
from napari_zircon_cnn.widgets.chosen_grain import crops_to_compare
from napari_zircon_cnn.widgets.map_layers import SAMPLE_LAYER, MapLayers, saliency_look
from napari_zircon_cnn.widgets.panel import button, narrow
from napari_zircon_cnn.widgets.session import Session

_METHODS: dict[str, Method] = {
    "Grad-CAM": "gradcam",
    "Integrated gradients": "integrated-gradients",
    "Occlusion": "occlusion",
}
_NEEDS = "This needs a model and a sample: train or load one, and open a sample."


class SaliencyBox(QWidget):
    """Choose method and class, lay saliency over all grains, and test it with shuffled weights.

    Parameters
    ----------
    session
        The session.
    layers
        The layers over the mount.
    """

    question_changed = Signal()
    """Method or class are others, so that the answers before tell nothing any more."""

    def __init__(self, session: Session, layers: MapLayers) -> None:
        super().__init__()
        self._session = session
        self._models = session.modelling
        self._layers = layers
        self._answers = Answers(session.modelling, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.method = narrow(QComboBox())
        for text, value in _METHODS.items():
            self.method.addItem(text, value)
        self.method.setToolTip("How it is found; occlusion needs no gradients.")
        self.class_name = narrow(QComboBox())
        self.class_name.setToolTip("The class that it speaks for (red) or against (blue).")
        row = QHBoxLayout()
        row.addWidget(self.method, 3)
        row.addWidget(QLabel("for"))
        row.addWidget(self.class_name, 2)
        column.addLayout(row)
        self.all_grains = QCheckBox("On all grains of this sample")
        self.all_grains.setToolTip("Lay what moved the answer over all grains, as one image layer.")
        column.addWidget(self.all_grains)
        self.test_button = button(
            "Is it an explanation?",
            "Shuffle the weights: a map that stays the same shows the grain, not what was learnt.",
            self.test_sanity,
        )
        column.addWidget(self.test_button)
        self.answer = QLabel("")
        self.answer.setWordWrap(True)
        column.addWidget(self.answer)
        for choice in (self.method, self.class_name):
            choice.currentIndexChanged.connect(lambda _: self._on_choice())
        self.all_grains.toggled.connect(self._show_all_grains)

    @property
    def question(self) -> Question:
        """What is asked about the answer."""
        return Question(method=self.method.currentData(), class_name=self.class_name.currentText())

    def offer_classes(self) -> None:
        """Offer the classes of the model in use, its target class first chosen."""
        card = self._models.card
        self.class_name.blockSignals(True)
        self.class_name.clear()
        if card is not None:
            self.class_name.addItems(card.classes)
            self.class_name.setCurrentText(card.target_class)
        self.class_name.blockSignals(False)
        self._on_choice()

    def test_sanity(self) -> None:
        """Ask whether shuffled weights give the same maps, and show the answer."""
        active, card = self._session.active, self._models.card
        if active is None or card is None:
            self.answer.setText(_NEEDS)
            return
        try:
            crops = crops_to_compare(active, card)
        except ZirconError as error:
            self.answer.setText(str(error))
            return
        task = self._answers.task(
            "Shuffling weights", sanity_test, crops, self.question, listeners=("progress",)
        )
        self.answer.setText("Comparing with shuffled weights …")
        self._answers.expect(
            "sanity", task, self._show_sanity, self.answer.setText, lambda: self.answer.setText("")
        )
        self._session.watch(task)

    def leave_sample(self) -> None:
        """Show nothing about the sample any more."""
        self.all_grains.setChecked(False)
        self._answers.drop("sanity")
        self.answer.setText("")

    def on_rows(self) -> None:
        """Show no image of all grains any more that was made before some of them changed."""
        if self.all_grains.isChecked() and self._layers.sample is not None:
            self.leave_sample()
            self.answer.setText("The grains have changed; tick again to see what moved the answer on all.")

    def _on_choice(self) -> None:
        self.leave_sample()
        self.question_changed.emit()

    def _show_sanity(self, test: SanityTest) -> None:
        self.answer.setText(f"{test.sentence} ({test.n_grains} grains compared.)")

    def _show_all_grains(self, wanted: bool) -> None:
        """Show what moved the answer on all grains of the sample, or no longer."""
        if not wanted:
            self._answers.drop("all")
            self._layers.hide(SAMPLE_LAYER)
            return
        active, project, path = self._session.active, self._session.project, self._models.model_path
        if active is None or project is None or path is None:
            self.all_grains.setChecked(False)
            self.answer.setText(_NEEDS)
            return

        def show(values: Any) -> None:
            self._layers.show_sample(active, values, saliency_look(values))

        def give_up(sentence: str = "") -> None:
            self.all_grains.setChecked(False)
            self.answer.setText(sentence)

        task = self._models.run_job(
            "Explaining all grains",
            saliency_of_sample,
            project.folder,
            path,
            active.name,
            self.question,
            listeners=("progress",),
        )
        self._answers.expect("all", task, show, give_up, give_up)
