import math
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from district import CLASSES, EPOCHS, SAMPLES, District, Recorder, train_on, write_classes
from napari_zircon_cnn import dataset
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import sha256_of
from napari_zircon_cnn.jobs.classify import classify_project
from napari_zircon_cnn.jobs.train import partial_folder, train_model
from napari_zircon_cnn.networks import bundle
from napari_zircon_cnn.networks.card import ModelCard, read_card
from napari_zircon_cnn.networks.registry import network_spec
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project
from vgg_weights import write_vgg_weights

FIGURES = {"n", "loss", "accuracy", "accuracy_low", "accuracy_high", "roc_auc", "brier", "ece", "confusion"}


def numbers_of(card: ModelCard) -> str:
    history = [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in card.history]
    return repr((history, card.metrics, card.grain_hashes))


def test_card_says_all_about_the_training(trained: District) -> None:
    card = read_card(trained.model)
    project = Project.open(trained.project)

    assert card.classes == CLASSES
    assert card.target_class == "porphyry"
    assert (card.training.seed, card.training.epochs) == (0, EPOCHS)
    assert [epoch["epoch"] for epoch in card.history] == [1, 2]
    assert {"loss", "accuracy", "roc_auc", "val_loss", "val_accuracy", "val_roc_auc"} <= set(card.history[0])
    assert [sample.sample for sample in card.samples] == ["BAT-1", "BAT-2", "POR-1"]
    assert card.samples[0].mosaic_sha256 == sha256_of(trained.mosaics[0])
    assert set(card.pixel_sizes_um.values()) == {2.0}
    assert len(set(card.grain_hashes)) == sum(sample.n_grains for sample in card.samples)
    assert card.validation["hold_out"] == ["POR-2"]
    validation, hold_out = card.metrics["validation"], card.metrics["hold_out"]
    assert isinstance(validation, dict)
    assert isinstance(hold_out, dict)
    assert set(validation) == set(hold_out) == FIGURES
    assert validation["n"] == math.ceil(len(card.grain_hashes) / 5)
    assert hold_out["n"] == project.table("POR-2")["area_um2"].notna().sum()
    assert hold_out["roc_auc"] is None  # all of one class


def test_same_seed_gives_the_same_numbers(trained: District) -> None:
    first = read_card(trained.model)
    recorder = Recorder()
    again = train_on(trained, hold_out=["POR-2"], progress=recorder)
    other = train_on(trained, hold_out=["POR-2"], seed=1)

    assert numbers_of(again) == numbers_of(first) != numbers_of(other)
    recorder.assert_complete()


def test_each_sample_of_known_class_is_held_out_by_a_network_of_its_own(district: District) -> None:
    recorder = Recorder()
    write_classes(district.classes, {"POR-1": "por", "BAT-1": "bat", "BAT-2": "bat", "POR-2": ""})
    card = train_on(district, validation="leave-one-sample-out", progress=recorder)

    assert card.classes == ("por", "bat")
    assert [sample.sample for sample in card.samples] == ["BAT-1", "BAT-2", "POR-1"]
    folds = card.metrics["folds"]
    assert isinstance(folds, list)
    held_out = {fold["held_out"]: fold for fold in folds if isinstance(fold, dict)}
    # Without POR-2, POR-1 is the only one of its class.
    assert list(held_out) == ["BAT-1", "BAT-2"]
    assert all(set(fold) == FIGURES | {"held_out"} for fold in held_out.values())
    recorder.assert_complete()


def test_each_epoch_is_told_with_its_fold(district: District) -> None:
    told: list[tuple[str, int | float]] = []
    card = train_on(
        district,
        hold_out=["POR-2"],
        validation="leave-one-sample-out",
        on_epoch=lambda fold, epoch: told.append((fold, epoch["epoch"])),
    )
    assert told == [(fold, epoch) for fold in ("", "BAT-1", "BAT-2") for epoch in (1, 2)]
    assert [epoch["epoch"] for epoch in card.history] == [1, 2]
    assert set(card.validation) == {"kind", "hold_out", "split"}


def test_classes_may_be_given_without_a_file(trained: District) -> None:
    before = trained.contents()
    given = dict(zip(SAMPLES, [CLASSES[0]] * 2 + [CLASSES[1]] * 2, strict=True))
    options: dict[str, Any] = {"training": {"epochs": EPOCHS}, "hold_out": ["POR-2"]}
    card = train_model(trained.project, given, trained.model, **options)
    assert numbers_of(card) == numbers_of(ModelCard.model_validate(card))
    trained.model.write_bytes(before[trained.model.name])
    assert numbers_of(card) == numbers_of(read_card(trained.model))
    swapped = train_model(trained.project, dict(reversed(given.items())), trained.model, **options)
    assert swapped.classes == tuple(reversed(CLASSES))


def test_a_stopped_training_saves_its_best_epoch_and_says_so(district: District) -> None:
    """The wish to stop stands: once uttered, each callback raises."""
    stop = Stop(epoch=4)
    card = train_model(
        district.project,
        district.classes,
        district.model,
        training={"epochs": 50, "learning_rate": 0.02},
        hold_out=["POR-2"],
        validation="leave-one-sample-out",
        keep_best_on_cancel=True,
        progress=stop.progress,
        on_epoch=stop.on_epoch,
    )

    losses = [epoch["val_loss"] for epoch in card.history]
    assert len(losses) == 4
    assert card.validation["stopped_after_epoch"] == 4
    assert card.validation["best_epoch"] == 1 + losses.index(min(losses))
    validation = card.metrics["validation"]
    assert isinstance(validation, dict)
    assert validation["loss"] == pytest.approx(min(losses), rel=1e-5)
    assert "hold_out" in card.metrics
    assert "folds" not in card.metrics
    assert read_card(district.model).validation == card.validation
    classify_project(district.project, district.model, ["POR-2"])


def test_training_stopped_among_its_folds_saves_the_network_and_the_folds_done(district: District) -> None:
    stop = Stop(epoch=1, fold="BAT-2")
    options: dict[str, Any] = {"hold_out": ["POR-2"], "validation": "leave-one-sample-out"}
    card = train_on(
        district, keep_best_on_cancel=True, progress=stop.progress, on_epoch=stop.on_epoch, **options
    )
    whole = train_on(district, **options)

    assert card.validation == whole.validation | {"stopped_after_folds": 1}
    assert (card.history[-1]["loss"], card.grain_hashes) == (whole.history[-1]["loss"], whole.grain_hashes)
    folds = whole.metrics["folds"]
    assert isinstance(folds, list)
    assert card.metrics | {"beside": None} == whole.metrics | {"folds": folds[:1], "beside": None}


def test_best_epoch_is_kept_to_the_end_if_asked_but_not_chosen_by_what_a_fold_holds_out(
    district: District,
) -> None:
    settings = {"epochs": 6, "learning_rate": 0.02}
    cards = [
        train_model(
            district.project,
            district.classes,
            district.model,
            training=settings | {"keep_best": keep_best},
            validation="leave-one-sample-out",
        )
        for keep_best in (False, True)
    ]
    losses = [epoch["val_loss"] for epoch in cards[1].history]
    assert cards[1].validation["best_epoch"] == 1 + losses.index(min(losses)) < 6
    assert "stopped_after_epoch" not in cards[1].validation
    validation = cards[1].metrics["validation"]
    assert isinstance(validation, dict)
    assert validation["loss"] == pytest.approx(min(losses), rel=1e-5)
    assert repr(cards[0].metrics["folds"]) == repr(cards[1].metrics["folds"])


@pytest.mark.parametrize("keep_best_on_cancel", [False, True])
def test_training_stopped_without_anything_to_keep_leaves_everything_as_it_was(
    trained: District, keep_best_on_cancel: bool
) -> None:
    before = trained.contents()
    stop = Stop(epoch=1 if not keep_best_on_cancel else 0)
    with pytest.raises(Cancelled):
        train_on(
            trained, keep_best_on_cancel=keep_best_on_cancel, progress=stop.progress, on_epoch=stop.on_epoch
        )
    assert without_state(trained) == before


class Stop:
    """Two callbacks that raise `Cancelled` from the end of some epoch on, and always for epoch 0."""

    def __init__(self, epoch: int, fold: str = "") -> None:
        self._last = (fold, epoch)
        self._is_wished = epoch == 0

    def progress(self, fraction: float, message: str) -> None:  # noqa: ARG002 - told of all
        """Raise once the wish to stop was uttered."""
        if self._is_wished:
            raise Cancelled

    def on_epoch(self, fold: str, epoch: dict[str, int | float]) -> None:
        """Utter the wish at the end of the epoch."""
        self._is_wished = self._is_wished or (fold, epoch["epoch"]) == self._last
        self.progress(0.0, "")


def test_folds_hold_out_each_grain_once(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "stratified_folds", partial(dataset.stratified_folds, n_folds=2))
    folds = train_on(district, validation="kfold").metrics["folds"]
    assert isinstance(folds, list)
    sizes = [fold["n"] for fold in folds if isinstance(fold, dict)]
    assert len(sizes) == 2
    assert sum(size for size in sizes if isinstance(size, int)) == len(read_card(district.model).grain_hashes)


def test_impossible_training_is_answered_and_nothing_is_changed(trained: District) -> None:
    before = trained.contents()
    with pytest.raises(ZirconError, match="No sample can be held out: each is the only one of its class"):
        train_on(trained, hold_out=["BAT-1", "POR-1"], validation="leave-one-sample-out")
    with pytest.raises(
        ZirconError, match="The class porphyry has 0 grains for training; it needs at least 5"
    ):
        train_on(trained, hold_out=["POR-1", "POR-2"])
    with pytest.raises(ZirconError, match="has no sample POR-9; it has BAT-1, BAT-2, POR-1, POR-2"):
        train_on(trained, hold_out=["POR-9"])
    with pytest.raises(ZirconError, match="There is no setting 'box'; there are box_um, size_px"):
        train_on(trained, crop={"box": 3})
    assert trained.contents() == before


def test_place_that_cannot_be_written_to_is_known_before_the_training(district: District) -> None:
    recorder = Recorder()
    (district.folder / "file").write_text("in the way")
    with pytest.raises(ZirconError, match="cannot be made"):
        train_model(
            district.project, district.classes, district.folder / "file" / "m.keras", progress=recorder
        )
    assert max(recorder.fractions) < 0.1


@pytest.mark.parametrize("after", [0.0, 0.98])
def test_cancelled_training_leaves_everything_as_it_was(trained: District, after: float) -> None:
    before = trained.contents()
    with pytest.raises(Cancelled):
        train_on(trained, seed=3, progress=Recorder(Cancelled, after))
    assert without_state(trained) == before


def without_state(district: District) -> dict[str, bytes]:
    """Return the bytes of every file but those that a training can be resumed from."""
    state = partial_folder(district.model).name
    return {name: content for name, content in district.contents().items() if not name.startswith(state)}


@pytest.mark.parametrize(("fold", "epoch"), [("", 1), ("BAT-2", 1)])
def test_a_cancelled_training_is_resumed_to_the_same_numbers(
    district: District, fold: str, epoch: int
) -> None:
    """In the network that is saved, and in one of its folds."""
    options: dict[str, Any] = {"hold_out": ["POR-2"], "validation": "leave-one-sample-out"}
    stop = Stop(epoch, fold)
    with pytest.raises(Cancelled):
        train_on(district, progress=stop.progress, on_epoch=stop.on_epoch, **options)
    assert not district.model.exists()
    told: list[tuple[str, int | float]] = []
    recorder = Recorder()
    resumed = train_on(
        district,
        resume=True,
        on_epoch=lambda fold, figures: told.append((fold, figures["epoch"])),
        progress=recorder,
        **options,
    )
    assert told[0] == (fold, epoch + 1)
    recorder.assert_complete()
    assert not partial_folder(district.model).exists()
    weights = bundle.load(district.model).model.get_weights()
    unbroken = train_on(district, **options)
    assert numbers_of(resumed) == numbers_of(unbroken)
    for mine, theirs in zip(weights, bundle.load(district.model).model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_network_s_own_size_is_cut_and_its_frozen_layers_come_from_a_file(district: District) -> None:
    weights = write_vgg_weights(district.folder / "vgg.h5")
    card = train_model(
        district.project,
        district.classes,
        district.model,
        training={
            **{"network": "vgg16", "weights": str(weights), "cached_features": True},
            **{"epochs": 2, "fine_tuning_epochs": 1, "batch_size": 16},
        },
        crop={"size_px": 48},
    )
    assert [epoch["stage"] for epoch in card.history] == [1, 1, 2]
    assert (card.training.weights, card.weights_sha256) == ("vgg.h5", sha256_of(weights))
    # What was trained needs the file no longer.
    weights.unlink()
    kernel = bundle.load(district.model).model.get_layer("block1_conv1").get_weights()[0]
    assert kernel.std() == pytest.approx(np.sqrt(2 / 27), rel=0.1)
    classify_project(district.project, district.model, ["POR-2"])

    mlp = train_model(
        district.project, district.classes, district.model, training={"network": "mlp", "epochs": 1}
    )
    assert mlp.crop["size_px"] == network_spec("mlp").size_px == 32


@pytest.mark.parametrize(
    ("training", "answer"),
    [
        ({"class_weights": True, "balanced_batches": True}, "choose one of the two"),
        ({"cached_features": True}, "The network lenet5 has no frozen layers whose features could be cached"),
        ({"weights": "w.h5"}, "The network lenet5 starts from random weights; leave w.h5 out"),
        ({"network": "vgg16", "weights": "w.h5"}, "There is no file of weights w.h5; check the path"),
        ({"network": "mlp", "kernel_size": 5}, "The network mlp has no setting kernel_size"),
    ],
)
def test_settings_that_do_not_fit_are_answered_before_any_work(
    district: District, training: dict[str, Any], answer: str
) -> None:
    recorder = Recorder()
    with pytest.raises(ZirconError, match=answer):
        train_model(district.project, district.classes, district.model, training=training, progress=recorder)
    assert recorder.fractions == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_kill_while_the_model_is_saved_leaves_the_old_or_the_new(trained: District, tmp_path: Path) -> None:
    districts = [trained, trained.copy_to(tmp_path / "second")]
    before = [district.contents() for district in districts]

    with ThreadPoolExecutor() as threads:
        list(threads.map(train_and_kill, districts, (0.0, 0.01)))

    for district, old in zip(districts, before, strict=True):
        name = district.model.name
        card = read_card(district.model)
        found = {path: text for path, text in without_state(district).items() if ".unfinished-" not in path}
        assert card.training.epochs == 1 or found[name] == old[name]
        assert found | {name: b""} == old | {name: b""}


def train_and_kill(district: District, delay: float) -> None:
    """Kill a training so many seconds after it has begun to save."""
    old = district.model.read_bytes()
    words: list[Path | str] = ["train", district.project, "--classes", district.classes, "--epochs", "1"]
    command = [sys.executable, "-c", "from napari_zircon_cnn.cli import main; main()", *words]
    with subprocess.Popen([*command, "-o", district.model], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and district.model.read_bytes() == old and not is_saving(district):
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
    assert process.returncode == -signal.SIGKILL


def is_saving(district: District) -> bool:
    """Return whether a file is being written beside the model; an empty one only tries the place."""
    for path in district.folder.glob(".unfinished-*"):
        with suppress(FileNotFoundError):
            if path.stat().st_size:
                return True
    return False
