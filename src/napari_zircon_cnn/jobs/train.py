"""The job that trains a network on a project's grains."""

import dataclasses
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.files import check_can_write, sha256_of
from napari_zircon_cnn.jobs.loading import known_grains
from napari_zircon_cnn.jobs.validation import Validation
from napari_zircon_cnn.networks.card import ModelCard, TrainingSample, check_model_path
from napari_zircon_cnn.networks.registry import check_training, network_spec
from napari_zircon_cnn.networks.settings import IMAGENET, NO_WEIGHTS, TrainSettings
from napari_zircon_cnn.networks.start import start_keras
from napari_zircon_cnn.progress import Cancelled, Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.settings import validated

if TYPE_CHECKING:
    from napari_zircon_cnn.asked import Asked
    from napari_zircon_cnn.dataset import ClassSource, Dataset, Fold
    from napari_zircon_cnn.training import Epoch, TrainResult

OnEpoch = Callable[[str, "Epoch"], None]
"""Called with the name of the fold, empty for the network that is saved, and an epoch's figures."""

_CUTTING, _SAVING = 0.05, 0.98


def _unheard(fold: str, epoch: "Epoch") -> None:
    """Ignore an epoch's figures."""


def train_model(
    project_folder: Path | str,
    classes: "ClassSource",
    model_file: Path | str,
    *,
    training: Mapping[str, Any] | None = None,
    crop: Mapping[str, Any] | None = None,
    hold_out: Sequence[str] = (),
    validation: Validation = "split",
    progress: Progress = silent,
    on_epoch: OnEpoch = _unheard,
    keep_best_on_cancel: bool = False,
    resume: bool = False,
) -> ModelCard:
    """Train a network on a project's grains and save it with its card.

    Until it is saved, the state of the training is kept beside it; see `partial_folder`.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it, and it may be worked on meanwhile.
    classes
        The class of each sample: CLASSES.csv, or a mapping; see `dataset.sample_classes`.
    model_file
        The .keras file to write.
    training
        Those of the `TrainSettings` that differ from the defaults.
    crop
        Those of the `CropSettings` that differ from the defaults; `size_px` is the network's own
        unless told.
    hold_out
        Samples that take no part in the training; the network is tested on them at the end.
    validation
        How the network is validated beside that. `split` is 80:20 over grains, as in the
        paper; with `kfold` and `leave-one-sample-out` one network more is trained for each
        fold, after the saved one, which is trained on a split. What is held out of a fold never
        chooses the epoch whose weights count; that is the last one of all `epochs`, also with
        `keep_best` or `early_stopping`.
    progress
        Told of each epoch; may raise `Cancelled`. Only the state of the training is left then.
    on_epoch
        Called when an epoch is over with the name of the fold, empty for the network that is
        saved, and its figures, those of `training.Epoch`; may raise `Cancelled` as well.
    keep_best_on_cancel
        Whether `Cancelled` only ends the training once the saved network has a whole epoch
        behind it: the weights of its best epoch so far are saved, with the folds that are done.
    resume
        Whether to go on with a training that was killed or cancelled, where its state is there: to
        the numbers that it would have given without a break. What is done is not told again.

    Returns
    -------
    ModelCard
        The card, whose `metrics` hold the figures of merit of the `validation`, of each of the
        `folds` and of the `hold_out` samples. Its `validation` says which is the `best_epoch`,
        where that one's weights were kept, and after which epoch, or how many folds, the training
        was stopped (`stopped_after_epoch`, `stopped_after_folds`), if it was.

    Raises
    ------
    ZirconError
        Where the classes do not fit the project, a class has too few grains, the settings do not
        fit the network, the model file cannot be written, or the state to resume is of another
        training.
    Cancelled
        Where a callback raises it and nothing is kept.
    """
    from napari_zircon_cnn.baseline import beside
    from napari_zircon_cnn.dataset import check_trainable, random_split
    from napari_zircon_cnn.seen import places_of

    model_file = Path(model_file)
    check_model_path(model_file)
    settings = validated(TrainSettings, training or {})
    crop_settings = validated(
        CropSettings, {"size_px": network_spec(settings.network).size_px, **(crop or {})}
    )
    check_training(settings, crop_settings.size_px)
    project = Project.read(project_folder)
    held_out_samples = project.chosen(hold_out) if hold_out else []
    progress(0.0, "cutting grains")
    everything = known_grains(project, classes, crop_settings, part_of(progress, 0.0, _CUTTING))
    is_held_out = np.isin(everything.samples, held_out_samples)
    grains, held_out = everything.take(~is_held_out), everything.take(is_held_out)
    check_trainable(grains)
    check_can_write(model_file)
    # Only now, since all that a user may have to mend is known before Keras has started.
    start_keras()
    from napari_zircon_cnn.asked import know_doubt
    from napari_zircon_cnn.networks import bundle

    folds = _folds(grains, validation, settings.seed)
    ends = np.linspace(_CUTTING, _SAVING, len(folds) + 2).tolist()
    steps = [part_of(progress, *span) for span in pairwise(ends)]
    split = random_split(grains, seed=settings.seed)
    kept = partial_folder(model_file)
    if not resume:
        shutil.rmtree(kept, ignore_errors=True)
    result = _fit(
        grains,
        split,
        settings,
        steps[0],
        partial(on_epoch, ""),
        state=kept / "network.npz",
        keep_best_on_cancel=keep_best_on_cancel,
    )
    priors = _priors_of(result, grains.take(split.train))
    tests = {"validation": grains.take(split.validation)} | ({"hold_out": held_out} if len(held_out) else {})
    asked = {name: _ask(result, test, priors) for name, test in tests.items()}
    of_folds: dict[str, Asked] = {}
    notes = _notes_on(result, settings)
    try:
        unfolded = [] if result.was_stopped else folds
        # What is done before a wish to stop counts.
        of_folds.update(_each_fold(grains, unfolded, settings, steps[1:], on_epoch=on_epoch, kept=kept))
    except Cancelled:
        if not keep_best_on_cancel:
            raise
        notes["stopped_after_folds"] = len(of_folds)
    metrics = _figures(asked, of_folds) | {"beside": beside(grains, split, folds[: len(of_folds)], held_out)}
    doubt = know_doubt(
        result.model,
        grains,
        split,
        asked,
        list(of_folds.values()),
        over_samples=validation == "leave-one-sample-out",
    )
    # A wish to stop has been granted, or comes too late to spare any work.
    progress = _never_cancelled(progress) if keep_best_on_cancel else progress

    progress(_SAVING, f"saving {model_file.name}")
    samples = np.unique(grains.samples).tolist()
    pixel_sizes = {name: project.record.samples[name].pixel_size_um for name in samples}
    card = ModelCard(
        network=settings.network_settings(crop_settings.size_px, len(grains.classes)),
        classes=grains.classes,
        crop=dataclasses.asdict(crop_settings),
        pixel_sizes_um=pixel_sizes,
        samples=_training_samples(grains, project),
        grain_hashes=tuple(grains.hashes()),
        grain_places=places_of(grains, pixel_sizes),
        validation={"kind": validation, "hold_out": list(held_out_samples), "split": split.name, **notes},
        training=dataclasses.replace(settings, weights=Path(settings.weights).name),
        weights_sha256=_weights_sha256(settings),
        versions=_versions(),
        history=tuple(result.history),
        metrics=metrics,
        calibration=doubt.calibration,
        held_out_samples=doubt.held_out_samples,
        familiar=doubt.familiar,
    )
    saved = bundle.save(bundle.ModelBundle(result.model, card), model_file)
    shutil.rmtree(kept, ignore_errors=True)
    progress(1.0, f"saved {model_file.name}")
    return saved.card


def partial_folder(model_file: Path | str) -> Path:
    """Return the folder that holds the state of a training until its network is saved.

    Parameters
    ----------
    model_file
        The .keras file that the training is to write.

    Returns
    -------
    Path
        The folder beside it, its name with ``.partial`` behind. It is there after a training that
        was killed or cancelled, and may be removed.
    """
    model_file = Path(model_file)
    return model_file.with_name(f"{model_file.name}.partial")


def _folds(grains: "Dataset", validation: Validation, seed: int) -> list["Fold"]:
    from napari_zircon_cnn.dataset import leave_one_sample_out, stratified_folds

    if validation == "kfold":
        return stratified_folds(grains, seed=seed)
    return leave_one_sample_out(grains) if validation == "leave-one-sample-out" else []


def _each_fold(
    grains: "Dataset",
    folds: Sequence["Fold"],
    settings: TrainSettings,
    steps: Sequence[Progress],
    *,
    on_epoch: OnEpoch,
    kept: Path,
) -> Iterator[tuple[str, "Asked"]]:
    """Train a network for each fold, one after the other, and yield what it says of what it never saw."""
    # What a fold holds out tests its network, so it cannot choose the epoch as well.
    settings = dataclasses.replace(settings, keep_best=False, early_stopping=0)
    for n, (fold, step) in enumerate(zip(folds, steps, strict=False), start=1):
        state = kept / f"fold-{n}.npz"
        fitted = _fit(grains, fold, settings, step, partial(on_epoch, fold.name), state=state)
        priors = _priors_of(fitted, grains.take(fold.train))
        yield fold.name, _ask(fitted, grains.take(fold.validation), priors)


def _fit(
    grains: "Dataset",
    fold: "Fold",
    settings: TrainSettings,
    progress: Progress,
    on_epoch: Callable[["Epoch"], None],
    *,
    state: Path,
    keep_best_on_cancel: bool = False,
) -> "TrainResult":
    from napari_zircon_cnn.training import train

    learnt, held = grains.take(fold.train), grains.take(fold.validation)
    return train(
        learnt.crops,
        learnt.y,
        held.crops,
        held.y,
        grains.classes,
        settings,
        progress,
        on_epoch=on_epoch,
        keep_best_on_cancel=keep_best_on_cancel,
        checkpoint=state,
        resume=True,
    )


def _notes_on(result: "TrainResult", settings: TrainSettings) -> dict[str, int]:
    """Return what the card says of a training that did not just give the last epoch's weights."""
    notes = {}
    if result.was_stopped or settings.keeps_best:
        notes["best_epoch"] = result.epoch
    if result.was_stopped:
        notes["stopped_after_epoch"] = len(result.history)
    return notes


def _never_cancelled(progress: Progress) -> Progress:
    def report(fraction: float, message: str) -> None:
        with suppress(Cancelled):
            progress(fraction, message)

    return report


def _priors_of(result: "TrainResult", learnt: "Dataset") -> tuple[float, ...]:
    """Return the class frequencies that a network assumes, by what it says of the grains it learnt from."""
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.priors import leaning

    return leaning(predict(result.model, learnt.crops), learnt.y)


def _ask(result: "TrainResult", grains: "Dataset", priors: tuple[float, ...]) -> "Asked":
    from napari_zircon_cnn.asked import Asked
    from napari_zircon_cnn.inference import predict

    return Asked(grains, predict(result.model, grains.crops), priors)


def _figures(asked: Mapping[str, "Asked"], of_folds: Mapping[str, "Asked"]) -> dict[str, Any]:
    """Return the figures of merit as the card's metrics hold them."""
    found: dict[str, Any] = {name: answer.figures() for name, answer in asked.items()}
    if of_folds:
        found["folds"] = [{"held_out": name, **answer.figures()} for name, answer in of_folds.items()]
    return found


def _training_samples(grains: "Dataset", project: Project) -> tuple[TrainingSample, ...]:
    parts = []
    for sample in np.unique(grains.samples):
        counts = np.bincount(grains.y[grains.samples == sample], minlength=len(grains.classes))
        parts += [
            TrainingSample(
                sample=str(sample),
                class_name=name,
                n_grains=int(n),
                mosaic_sha256=project.record.samples[sample].sha256,
            )
            for name, n in zip(grains.classes, counts, strict=True)
            if n
        ]
    return tuple(parts)


def _weights_sha256(settings: TrainSettings) -> str:
    return "" if settings.weights in {IMAGENET, NO_WEIGHTS} else sha256_of(Path(settings.weights))


def _versions() -> dict[str, str]:
    import keras

    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: version(backend),
        "napari-zircon-cnn": version("napari-zircon-cnn"),
    }
