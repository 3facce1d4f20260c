"""Fit a network to crops, with its figures of merit after each epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from napari_zircon_cnn.inference import outputs
from napari_zircon_cnn.networks.registry import build_network, check_training, function_named, network_spec
from napari_zircon_cnn.networks.settings import NO_WEIGHTS, TrainSettings
from napari_zircon_cnn.progress import Cancelled, Progress, silent
from napari_zircon_cnn.training.batches import Epochs, Features
from napari_zircon_cnn.training.checkpoint import Checkpoint, State, fingerprint_of
from napari_zircon_cnn.training.devices import computing, n_sharing
from napari_zircon_cnn.training.figures import Figures
from napari_zircon_cnn.training.lesson import Lesson
from napari_zircon_cnn.training.record import Epoch, History, Record, Values
from napari_zircon_cnn.training.seeding import Seeding
from napari_zircon_cnn.training.stages import Stage, learning_layers, split_at, stages_of

_SMALL_NETWORK = 1_000_000  # parameters below which starting a step costs as much as the step
_CACHED_VALUES = 2**28  # features kept between epochs at most: 1 GiB


def _unheard(epoch: Epoch) -> None:
    """Ignore an epoch's figures."""


@dataclass(frozen=True, eq=False)
class TrainResult:
    """A trained network.

    Parameters
    ----------
    model
        Uncompiled, without augmentation; see `registry.build_network` for what goes in and out.
    history
        Figures per epoch.
    epoch
        The epoch, from 1, whose weights the model has.
    was_stopped
        Whether `Cancelled` ended the training; the history then ends with the last whole epoch.
    """

    model: keras.Model
    history: History
    epoch: int
    was_stopped: bool


def train(  # noqa: PLR0917 -- crops and classes come in pairs
    x_train: NDArray[np.float32],
    y_train: NDArray[np.integer[Any]],
    x_val: NDArray[np.float32],
    y_val: NDArray[np.integer[Any]],
    classes: tuple[str, ...],
    settings: TrainSettings | None = None,
    progress: Progress = silent,
    *,
    on_epoch: Callable[[Epoch], None] = _unheard,
    keep_best_on_cancel: bool = False,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> TrainResult:
    """Train a network with cross-entropy, from fresh weights or in stages from pretrained ones.

    Parameters
    ----------
    x_train
        Training crops, shape (n, size, size, 1), 0 to 1.
    y_train
        Their classes, shape (n,), indices into `classes`.
    x_val, y_val
        Validation crops and classes; may be empty, and the validation figures are NaN then.
    classes
        Names of the classes, class 0 first.
    settings
        How to train; the paper's way by default.
    progress
        Called after each epoch, and after each step of a large network; may raise `Cancelled`.
    on_epoch
        Called with the figures of each epoch when it is over; may raise `Cancelled`.
    keep_best_on_cancel
        Whether a training that `Cancelled` ends after one whole epoch or more gives back the best
        weights so far instead of raising.
    checkpoint
        A file .npz to keep the state in between epochs, as often as it takes a twentieth of the
        time at most. It stays where the training is over.
    resume
        Whether to go on from that file, if it is there, to the numbers that a training without a
        break would have given. Epochs that are done are not told again.

    Returns
    -------
    TrainResult
        The network and the figures per epoch. The network is that of the last epoch or, where
        the settings say `keep_best` or `early_stopping` or the training was stopped, that of the
        best one: the first with the lowest loss on the validation crops, or on the training crops
        where there are no others. Figures of the training crops are taken while training, with
        augmentation and dropout, as Keras reports them (the loss with class weights where they are
        asked for); ROC-AUC is exact, and NaN where only one class is present.

    Raises
    ------
    ZirconError
        Where the settings do not fit together, pretrained weights cannot be had, or the checkpoint
        is damaged or of another training.
    Cancelled
        Where a callback raises it and no weights are kept.

    Notes
    -----
    The same input and seed give the same numbers on one machine. Keras, Python's `random` and
    NumPy's global generator are seeded for that.
    """
    settings = settings or TrainSettings()
    check_training(settings, x_train.shape[1])
    samples = _Samples(x_train, y_train, x_val, y_val)
    file = None
    if checkpoint is not None:
        file = Checkpoint(checkpoint, fingerprint_of(vars(samples).values(), classes, settings))
    with computing(settings.mixed_precision):
        training = _Training(samples, len(classes), settings, file)
        if file is not None and resume:
            training.restore(file.read())
        was_stopped = False
        try:
            training.run(progress, on_epoch, is_best_kept=keep_best_on_cancel)
        except Cancelled:
            if not keep_best_on_cancel or not training.record.best:
                raise
            was_stopped = True
    return training.result(was_stopped)


@dataclass(frozen=True, eq=False)
class _Samples:
    """The crops and classes to train on and to validate with."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.integer[Any]]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class _Shown:
    """What a stage's learning layers are shown: crops, or what the frozen layers make of them."""

    learning: keras.Model
    x_train: NDArray[np.float32]
    features: Features | None
    validated: keras.Model
    x_val: NDArray[np.float32]


class _Training:
    """A network in training: its stages one after the other, with what they have come to."""

    def __init__(
        self, samples: _Samples, n_classes: int, settings: TrainSettings, file: Checkpoint | None
    ) -> None:
        keras.utils.set_random_seed(settings.seed)
        self._samples, self._n_classes, self._settings, self._file = samples, n_classes, settings, file
        spec = network_spec(settings.network)
        self._network_settings = settings.network_settings(samples.x_train.shape[1], n_classes)
        self._network = build_network(self._network_settings)
        if spec.pretrained and settings.weights != NO_WEIGHTS:
            function_named(spec.pretrained)(self._network, settings.weights)
        self._stages = stages_of(spec, settings)
        self._n_epochs = sum(stage.epochs for stage in self._stages)
        learning = learning_layers(self._network, self._stages)
        self._variables = [variable for layer in learning for variable in layer.variables]
        self._restored: State | None = None
        self.record = Record()

    def restore(self, state: State | None) -> None:
        """Go on from a state that was kept."""
        if state is not None:
            self._restored, self.record = state, state.record
            _put(self._variables, state.values)

    def run(self, progress: Progress, on_epoch: Callable[[Epoch], None], *, is_best_kept: bool) -> None:
        """Run the stages that are left."""
        state = self._restored
        if state is not None and state.is_over:
            return
        for stage in self._stages:
            begun = state is not None and stage.number == state.stage
            if state is not None and (stage.number < state.stage or (begun and state.is_stage_over)):
                continue
            if not begun:
                self.record.begin_stage()
                if self.record.best and self._settings.keeps_best:
                    _put(self._variables, self.record.best)
            kept = state.optimiser if state is not None and begun else []
            self._run_stage(stage, kept, progress, on_epoch, is_best_kept=is_best_kept)

    def result(self, was_stopped: bool) -> TrainResult:
        """Return the network, as a copy with neither the optimiser nor our metric in it."""
        is_best = was_stopped or self._settings.keeps_best
        if is_best and self.record.best:
            _put(self._variables, self.record.best)
        was_over = self._restored is not None and self._restored.is_over
        if self._file is not None and not was_stopped and not was_over:
            self.record.best = []
            self._file.write(State(self.record, len(self._stages), True, True, _values(self._variables), []))
        trained = build_network(self._network_settings)
        trained.set_weights(self._network.get_weights())
        epoch = self.record.best_epoch if is_best else len(self.record.history)
        return TrainResult(trained, self.record.history, epoch, was_stopped)

    def _run_stage(
        self,
        stage: Stage,
        kept: Values,
        progress: Progress,
        on_epoch: Callable[[Epoch], None],
        *,
        is_best_kept: bool,
    ) -> None:
        settings, y_val = self._settings, self._samples.y_val
        done = len(self.record.history)
        last = stage.epochs + sum(epoch["stage"] < stage.number for epoch in self.record.history)
        shown = self._shown(stage, progress)
        epochs = Epochs(
            shown.x_train,
            self._samples.y_train,
            n_classes=self._n_classes,
            settings=settings,
            augmentation=settings.augmentation if stage.is_augmented else "none",
            features=shown.features,
            n_sharing=n_sharing(),
        )
        lesson = Lesson(shown.learning, epochs)
        # PyTorch takes one step at a time.
        is_quick = shown.learning.count_params() < _SMALL_NETWORK and keras.backend.backend() != "torch"
        lesson.compile(
            optimizer=_optimiser(settings, stage.learning_rate),
            steps_per_execution=epochs.steps_per_portion if is_quick else 1,
        )
        lesson.optimizer.build(lesson.trainable_variables)
        if kept:
            _put(lesson.optimizer.variables, kept)

        def add(epoch: Epoch) -> bool:
            is_best = self.record.add(epoch, has_validation=len(y_val) > 0)
            if is_best and (is_best_kept or settings.keeps_best):
                self.record.best = _values(self._variables)
            is_over = epoch["epoch"] == last or 0 < settings.early_stopping <= self.record.waited
            if self._file is not None and (is_over or self._file.is_due):
                values, of_optimiser = _values(self._variables), _values(lesson.optimizer.variables)
                self._file.write(State(self.record, stage.number, is_over, False, values, of_optimiser))
            on_epoch(dict(epoch))
            return is_over

        figures = Figures(
            lesson.seen,
            epochs,
            validated=shown.validated,
            x_val=shown.x_val,
            y_val=y_val,
            stage=stage,
            n_epochs=self._n_epochs,
            progress=progress,
            on_epoch=add,
        )
        lesson.learn(done, last, [Seeding(settings.seed), figures])

    def _shown(self, stage: Stage, progress: Progress) -> _Shown:
        """Return what a stage is shown; features that stay the same in each epoch are computed here, once."""
        x_train, x_val = self._samples.x_train, self._samples.x_val
        frozen, learning = split_at(self._network, stage.frozen_until)
        if frozen is None:
            return _Shown(learning, x_train, None, learning, x_val)
        done, n_epochs = len(self.record.history), self._n_epochs

        def tell(fraction: float, _: str) -> None:
            progress(done / n_epochs, f"epoch {done + 1} of {n_epochs}: features {fraction:.0%} computed")

        values_per_crop = math.prod(frozen.output_shape[1:])
        features: Features | None = partial(outputs, frozen)
        validated: keras.Model = self._network
        if len(x_val) * values_per_crop <= _CACHED_VALUES:
            x_val, validated = outputs(frozen, x_val, progress=tell), learning
        if not stage.is_augmented and len(x_train) * values_per_crop <= _CACHED_VALUES:
            x_train, features = outputs(frozen, x_train, progress=tell), None
        return _Shown(learning, x_train, features, validated, x_val)


def _optimiser(settings: TrainSettings, learning_rate: float) -> keras.optimizers.Optimizer:
    optimiser = keras.optimizers.get(settings.optimiser)
    optimiser.learning_rate = learning_rate
    return optimiser


def _values(variables: list[Any]) -> Values:
    return [np.array(ops.convert_to_numpy(variable)) for variable in variables]


def _put(variables: list[Any], values: Values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
