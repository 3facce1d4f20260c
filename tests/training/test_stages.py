from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from drawn_crops import CLASSES, discs_and_rings
from napari_zircon_cnn.networks.registry import build_network, network_spec, total_epochs
from napari_zircon_cnn.networks.settings import NetworkSettings
from napari_zircon_cnn.training import TrainResult, TrainSettings, train
from napari_zircon_cnn.training import fit as fitting
from napari_zircon_cnn.training.stages import learning_layers, split_at, stages_of
from vgg_weights import write_vgg_weights

VGG = TrainSettings(network="vgg16", epochs=4, fine_tuning_epochs=2, batch_size=8, weights="none")


def fit(settings: TrainSettings, **options: object) -> TrainResult:
    x, y = discs_and_rings(36, seed=0)
    return train(x[:24], y[:24], x[24:], y[24:], CLASSES, settings, **options)  # type: ignore[arg-type]


def moved(result: TrainResult, settings: TrainSettings) -> list[str]:
    """Return the layers whose weights are not those that the training began with."""
    keras.utils.set_random_seed(settings.seed)
    fresh = build_network(settings.network_settings(32, 2))
    return [
        layer.name
        for layer, old in zip(result.model.layers, fresh.layers, strict=True)
        if any((a != b).any() for a, b in zip(layer.get_weights(), old.get_weights(), strict=True))
    ]


def test_the_head_learns_first_and_the_last_convolution_then_as_in_the_paper() -> None:
    spec, paper = network_spec("vgg16"), TrainSettings(network="vgg16")
    stages = stages_of(spec, paper)
    assert [(stage.epochs, stage.learning_rate) for stage in stages] == [
        (200, 0.001),
        (20, pytest.approx(1e-4)),
    ]
    assert total_epochs(paper) == 220
    network = build_network(NetworkSettings(network="vgg16", input_size=224))
    learning = [split_at(network, stage.frozen_until)[1].count_params() for stage in stages]
    assert learning == [69_825, 2_429_633]
    assert [layer.name for layer in learning_layers(network, stages) if layer.weights] == [
        *("block5_conv3", "F6", "F7", "output")
    ]


def test_only_the_layers_of_the_stage_move() -> None:
    head = ["F6", "F7", "output"]
    first = replace(VGG, fine_tuning_epochs=0)
    assert moved(fit(first), first) == head
    both = fit(VGG)
    assert moved(both, VGG) == ["block5_conv3", *head]
    assert [epoch["stage"] for epoch in both.history] == [1, 1, 1, 1, 2, 2]
    assert [epoch["epoch"] for epoch in both.history] == [1, 2, 3, 4, 5, 6]


def test_frozen_layers_that_run_by_themselves_give_what_the_whole_network_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against Keras' own way: the layers set to be not trainable, all in one model."""
    settings = replace(VGG, fine_tuning_epochs=0, augmentation="none", dropout=False, epochs=2)
    ours = fit(settings)
    x, y = discs_and_rings(36, seed=0)
    keras.utils.set_random_seed(0)
    plain = build_network(settings.network_settings(32, 2))
    for layer in plain.layers[: plain.layers.index(plain.get_layer("average"))]:
        layer.trainable = False
    plain.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    for epoch in (1, 2):
        order = np.random.default_rng([0, epoch]).permutation(24)
        plain.fit(
            x[:24][order], y[:24][order, None].astype("float32"), batch_size=8, shuffle=False, verbose=0
        )
    for mine, theirs in zip(ours.model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)

    # And the same where there is no room to keep features.
    monkeypatch.setattr(fitting, "_CACHED_VALUES", 0)
    uncached = fit(settings)
    assert uncached.history[-1]["val_loss"] == pytest.approx(ours.history[-1]["val_loss"], rel=1e-4)


def test_cached_features_spare_the_first_stage_its_augmentation() -> None:
    first = replace(VGG, fine_tuning_epochs=0)
    cached, plain = fit(replace(first, cached_features=True)), fit(replace(first, augmentation="none"))
    assert [epoch["loss"] for epoch in cached.history] == [epoch["loss"] for epoch in plain.history]
    # The second stage is augmented again.
    losses = [
        fit(replace(VGG, augmentation=kind, cached_features=True)).history[-1]["loss"]
        for kind in ("none", "paper")
    ]
    assert losses[0] != losses[1]


def test_progress_and_figures_come_live_through_both_stages() -> None:
    told: list[tuple[float, str]] = []
    epochs: list[int | float] = []
    fit(
        VGG,
        progress=lambda fraction, text: told.append((fraction, text)),
        on_epoch=lambda epoch: epochs.append(epoch["epoch"]),
    )
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert any("epoch 1 of 6: features 100% computed" in text for _, text in told)
    # The features of augmented crops take their time, so each step is told.
    assert len({round(fraction, 3) for fraction in fractions}) > 12


def test_pretrained_weights_are_what_the_training_begins_with(tmp_path: Path) -> None:
    weights = write_vgg_weights(tmp_path / "weights.h5", seed=1)
    result = fit(replace(VGG, epochs=1, fine_tuning_epochs=0, weights=str(weights)))
    other = fit(replace(VGG, epochs=1, fine_tuning_epochs=0))
    assert (result.model.get_layer("block1_conv1").get_weights()[1] == 0).all()
    kernels = [each.model.get_layer("block1_conv1").get_weights()[0] for each in (result, other)]
    assert (kernels[0] != kernels[1]).any()
