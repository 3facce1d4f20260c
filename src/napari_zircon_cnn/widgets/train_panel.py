"""The fourth panel: classes, network and validation; the training live, and a way to stop it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QSpinBox, QVBoxLayout

from napari_zircon_cnn.class_file import names_in
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.jobs.validation import warning_about
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.networks.registry import check_training, network_names, network_spec, total_epochs
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.settings import validated
from napari_zircon_cnn.widgets.class_table import ClassTable
from napari_zircon_cnn.widgets.figures_of_merit import figures_of_card
from napari_zircon_cnn.widgets.figures_table import FiguresTable
from napari_zircon_cnn.widgets.one_task import OneTask
from napari_zircon_cnn.widgets.panel import Panel, button, narrow
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.time_spans import duration
from napari_zircon_cnn.widgets.training_form import TrainingForm
from napari_zircon_cnn.widgets.validation_box import Chosen, ValidationBox

if TYPE_CHECKING:
    from napari_zircon_cnn.widgets.curves import TrainingCurves

_VALIDATIONS = {
    "leave-one-sample-out": "Leave one sample out",
    "kfold": "Five folds over grains",
    "split": "One split of grains (paper)",
}
_USUAL_TARGET = "porphyry"
_LAID_OUT_MS = 200
_COUNT_MS = 300
_SMOOTHED = 5
"""Epochs whose time is averaged to tell how long the rest takes."""


class TrainPanel(Panel):
    """Train a network on the grains of the project."""

    title = "Train"
    hint = "Say what each sample is, then train a network to tell the classes apart."

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__(napari_viewer, session)
        self.models = self.session.modelling
        self._add_classes()
        self.target = QComboBox()
        self.target.setToolTip("The class whose probability is shown on the grains.")
        self._add_choices()
        self._add_more()
        self._add_training()
        self._total = 0
        self._seconds: list[float] = []
        self._count_soon = QTimer(self)
        self._count_soon.setSingleShot(True)
        self._count_soon.setInterval(_COUNT_MS)
        self._count_soon.timeout.connect(self._count)
        self.target.textActivated.connect(self._choose_target)
        self.network.currentIndexChanged.connect(lambda _: self._show_network())
        self.more.changed.connect(self._show_more)
        self.table.changed.connect(self._on_classes)
        self.validation.currentIndexChanged.connect(lambda _: self._warn())
        self.session.project_changed.connect(self._list_samples)
        self.session.rows_changed.connect(lambda _: self._count_soon.start())
        self.models.model_changed.connect(self._show_model)
        self.models.choices_changed.connect(self._on_choices)
        self._show_network()
        self._list_samples()

    def _add_more(self) -> None:
        self.more = TrainingForm()
        self.devices = QLabel("The device is chosen in Preferences > Zircon CNN.")
        self.devices.setWordWrap(True)
        self.models.devices_found.connect(self._show_devices)
        self.more_button = button(
            "",
            "All that can be chosen of network and training; the defaults are the paper's.",
            self._show_more,
        )
        self.more_button.setCheckable(True)
        self._show_more()
        self.column.addWidget(self.more_button)
        self.column.addWidget(self.more)
        self.column.addWidget(self.devices)

    def _add_training(self) -> None:
        self.warning = QLabel("")
        self.warning.setWordWrap(True)
        self.column.addWidget(self.warning)
        row = QHBoxLayout()
        self.train_button = button(
            "Train", "Train beside the window; you can go on curating meanwhile.", self.train
        )
        self.state = QLabel("")
        self.state.setWordWrap(True)
        self.state.setMinimumHeight(3 * self.fontMetrics().height())
        self._training = OneTask(
            self.train_button,
            "Stop, keep the best",
            "Stop and keep the weights of the best epoch so far.",
            self.state,
        )
        self.stop_button = self._training.stop_button
        row.addWidget(self.train_button)
        row.addWidget(self.stop_button)
        self.column.addLayout(row)
        self.column.addWidget(self.state)
        self.figures = FiguresTable("Figures of merit of the model in use")
        self.column.addWidget(self.figures)
        self._place_of_curves = QVBoxLayout()
        self.column.addLayout(self._place_of_curves)
        self.curves: TrainingCurves | None = None
        self.add_heading("How does it do on what it has never seen?")
        self.validated = ValidationBox(self.session, self._chosen)
        self.column.addWidget(self.validated)

    def _add_classes(self) -> None:
        self.table = ClassTable()
        self.column.addWidget(self.table)
        self.own_classes = QLabel("")
        self.own_classes.setWordWrap(True)
        self.column.addWidget(self.own_classes)
        self.column.addWidget(
            button("Classes from a file …", "Read CLASSES.csv: sample,class.", self._ask_classes)
        )

    def _add_choices(self) -> None:
        form = self.add_form()
        self.network = QComboBox()
        for name in network_names():
            self.network.addItem(_title_of(name), name)
        self.network.setCurrentIndex(self.network.findData(TrainSettings.network))
        self.network.setToolTip("The network that is trained from fresh weights.")
        self.epochs = QSpinBox()
        self.epochs.setRange(1, 100_000)
        self.epochs.setValue(TrainSettings.epochs)
        self.epochs.setToolTip("How many times all training grains are shown; the paper takes 200.")
        self.validation = narrow(QComboBox())
        for name, text in _VALIDATIONS.items():
            self.validation.addItem(text, name)
        self.validation.setToolTip("How the figures of merit come about.")
        self.validation.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        form.addRow("Probability of", self.target)
        form.addRow("Network", self.network)
        form.addRow("Validation", self.validation)
        form.addRow("Epochs", self.epochs)
        self.about = QLabel("")
        self.about.setWordWrap(True)
        self.column.addWidget(self.about)

    @property
    def is_done(self) -> bool:
        """Whether there is a model."""
        return self.models.card is not None

    def train(self) -> None:
        """Write the samples to the project and train on them in the worker process."""
        project = self.session.project
        if project is None or not project.samples:
            self.session.say("There are no grains to train on yet; find them first.", wrong=True)
            return
        try:
            chosen = self._chosen()
        except ZirconError as error:
            self.session.say(str(error), wrong=True)
            return
        self._total = total_epochs(validated(TrainSettings, chosen.training))
        model_file = self.models.new_model_path(chosen.network)
        self._show_curves().start(self._total)
        self._seconds.clear()
        self.state.setText("The first epoch follows once the training has started.")
        task = self.models.run_training(
            train_model,
            project.folder,
            self.models.classes,
            model_file,
            training=chosen.training,
            crop=chosen.crop,
            hold_out=self.models.held_out,
            validation=self.validation.currentData(),
            keep_best_on_cancel=True,
            listeners=("progress", "on_epoch"),
        )
        task.heard.connect(self._on_epoch)
        task.done.connect(lambda card: self.models.use_model(model_file, card))
        task.cancelled.connect(self._show_model)
        self._training.follow(task)

    def _chosen(self) -> Chosen:
        """Return network and settings; a `ZirconError` says where they do not fit."""
        network, crop = self.network.currentData(), self.more.crop_values()
        training = self.more.training_values() | {"network": network, "epochs": self.epochs.value()}
        check_training(validated(TrainSettings, training), crop.get("size_px", network_spec(network).size_px))
        return Chosen(network, training, crop)

    def _on_epoch(self, listener: str, arguments: tuple[Any, ...]) -> None:
        if listener != "on_epoch":
            return
        fold, row = arguments
        if fold:
            self.state.setText(f"Validating: epoch {int(row['epoch'])} without {fold}.")
            return
        self._show_curves().add_epoch(row)
        self._seconds.append(float(row["seconds"]))
        done, epochs = int(row["epoch"]), self._total
        if done == 1:
            # On a busy computer the curves had no place yet when they came.
            self.scroll_area.ensureWidgetVisible(self.curves)
        recent = self._seconds[-_SMOOTHED:]
        left = (epochs - done) * sum(recent) / len(recent)
        self.state.setText(f"Epoch {done} of {epochs}, {duration(left)} left.")

    def _show_curves(self) -> "TrainingCurves":
        """Return the curves, which come with the first training: matplotlib takes its time to load."""
        if self.curves is None:
            from napari_zircon_cnn.widgets.curves import TrainingCurves  # noqa: PLC0415

            self.curves = TrainingCurves()
            self._place_of_curves.addWidget(self.curves)
            # Once it has its place, further down than a small window reaches.
            QTimer.singleShot(_LAID_OUT_MS, partial(self.scroll_area.ensureWidgetVisible, self.curves))
        return self.curves

    def _show_devices(self, names: list[str]) -> None:
        self.devices.setText(f"Found {', '.join(names)}; the device is chosen in Preferences > Zircon CNN.")

    def _show_model(self) -> None:
        card = self.models.card
        self.figures.show_figures(None if card is None else figures_of_card(card))
        if card is not None and self.models.model_path is not None:
            self.state.setText(f"{self.models.model_path.name}: {in_words(card)}")
        elif not self._training.is_running:
            self.state.setText("")

    def _list_samples(self) -> None:
        project = self.session.project
        counts = {
            name: len(usable(self.models.table_of(name))) for name in (project.samples if project else ())
        }
        self.table.set_samples(counts, self.models.classes, self.models.held_out)
        self._on_classes()
        self._count()

    def _count(self) -> None:
        """Tell how many grains count now, and how many have a class of their own."""
        n_own = 0
        for sample in self.table.classes:
            table = self.models.table_of(sample)
            chosen = usable(table)
            self.table.set_count(sample, len(chosen))
            n_own += int((table["class"].iloc[chosen] != "").sum())
        self.own_classes.setText(
            f"{n_own} of the grains {'has' if n_own == 1 else 'have'} a class of their own, set in Curate, "
            "which goes before that of their sample."
        )
        self.own_classes.setVisible(n_own > 0)

    def _show_more(self) -> None:
        """Show or hide the settings that are seldom touched, and tell how many are others than usual."""
        is_open, n_changed = self.more_button.isChecked(), self.more.n_changed()
        self.more.setVisible(is_open)
        self.more_button.setText(
            f"{'▾' if is_open else '▸'} More settings{f' ({n_changed} changed)' if n_changed else ''}"
        )

    def _show_network(self) -> None:
        """Show what the chosen network is, and the settings that it heeds."""
        name = self.network.currentData()
        try:
            self.more.show_network(name)
            self.about.setText(network_spec(name).about)
        except ZirconError as error:
            self.about.setText(str(error))

    def _on_classes(self) -> None:
        names = sorted(names_in(self.table.classes))
        usual = [name for name in (self.models.target, _USUAL_TARGET, *names[-1:]) if name in names]
        self.target.blockSignals(True)
        self.target.clear()
        self.target.addItems(names)
        self.target.setCurrentText(usual[0] if usual else "")
        self.target.blockSignals(False)
        self.models.choose(self.table.classes, self.table.held_out, self.target.currentText())
        self._warn()

    def _choose_target(self, name: str) -> None:
        self.models.target = name
        self._on_classes()

    def _on_choices(self) -> None:
        """Show what was chosen elsewhere; a row that is being edited here stays as it is."""
        if self.table.classes != self.models.classes or tuple(self.table.held_out) != self.models.held_out:
            self._list_samples()

    def _warn(self) -> None:
        sentence = warning_about(self.table.classes, self.table.held_out, self.validation.currentData())
        self.warning.setText(f"⚠ {sentence}" if sentence else "")

    def _ask_classes(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Read classes", "", "Tables (*.csv);;All files (*)")
        if path:
            try:
                self.models.read_classes(Path(path))
            except ZirconError as error:
                self.session.say(str(error), wrong=True)
            self._list_samples()


def _title_of(network: str) -> str:
    """Return what a network is called; its own name where its package is no good."""
    try:
        return network_spec(network).title or network
    except ZirconError:
        return network


def in_words(card: ModelCard) -> str:
    """Return what a model can do, in a sentence or two."""
    parts = [f"{card.network.network} for {' and '.join(card.classes)}"]
    for key, text in (
        ("validation", "on grains of the same samples"),
        ("hold_out", "on held-out samples"),
    ):
        figures = card.metrics.get(key)
        if isinstance(figures, dict) and figures.get("roc_auc") is not None:
            parts.append(f"ROC-AUC {figures['roc_auc']:.2f} {text}")
    return "; ".join(parts) + "."
