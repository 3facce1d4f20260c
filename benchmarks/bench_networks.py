"""Ratios of our inference and training against the plain way of the paper's notebook.

Run it with ``python benchmarks/bench_networks.py``. Both sides run in turns, so that whatever else the
machine does weighs on both. For the plain training TensorFlow is as it comes; ours runs in a process where
it is as our jobs start it.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.grains import SegmentedMount, measure, usable
from napari_zircon_cnn.inference import predict
from napari_zircon_cnn.networks.lenet5 import build_lenet5
from napari_zircon_cnn.networks.registry import build_network, network_spec
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.training import train

N_GRAINS = 10_000
N_TRAIN, N_VALIDATION = 348, 87  # 80:20 of the grains of the eight mosaics that can be had


def crops_and_classes(n: int, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((n, size, size, 1), np.float32), rng.permutation(np.arange(n) % 2)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def many_grains() -> tuple[SegmentedMount, NDArray[np.int64]]:
    """Return a synthetic mount and 10,000 labels, each grain named many times."""
    drawn = synthetic_mount(seed=0, shape=(1500, 1500))
    segmented = SegmentedMount(drawn.mount, drawn.labels, measure(drawn.labels, drawn.mount))
    return segmented, np.resize(usable(segmented.table), N_GRAINS)


def inference_ratio(repeats: int = 5, plain_grains: int = 300) -> dict[str, float]:
    """Time cutting and classifying 10,000 grains, and classifying them in batches of one.

    The plain way is timed on fewer grains and scaled up; its cropping is not even counted.
    """
    segmented, which = many_grains()
    model = build_lenet5()
    few = cut_crops(segmented, which[:plain_grains])
    predict(model, cut_crops(segmented, which))
    model.predict(few[:5], batch_size=1, verbose=0)
    ours, plain = [], []
    for _ in range(repeats):
        ours.append(seconds(lambda: predict(model, cut_crops(segmented, which))))
        plain.append(seconds(lambda: model.predict(few, batch_size=1, verbose=0)) * N_GRAINS / plain_grains)
    return {
        "grains": N_GRAINS,
        "plain_s": median(plain),
        "ours_s": median(ours),
        "ratio": median(plain) / median(ours),
    }


@dataclass(frozen=True)
class EpochCase:
    """An epoch to time: a network, its crops, and how many epochs are timed in each of the rounds."""

    settings: TrainSettings
    n_train: int
    n_validation: int
    epochs: int
    rounds: int


CASES = {
    "LeNet-5": EpochCase(TrainSettings(), N_TRAIN, N_VALIDATION, epochs=10, rounds=12),
    "AlexNet": EpochCase(TrainSettings(network="alexnet"), 128, 32, epochs=2, rounds=2),
    "VGG-16, stage 1": EpochCase(
        TrainSettings(network="vgg16", weights="none", fine_tuning_epochs=0), 64, 16, epochs=2, rounds=1
    ),
}


def epoch_ratio(case: EpochCase) -> dict[str, float]:
    """Time an epoch of `train` and one of plain `fit`, both with augmentation, dropout and validation."""
    size = network_spec(case.settings.network).size_px
    x, y = crops_and_classes(case.n_train + case.n_validation, size)
    parts = x[: case.n_train], y[: case.n_train], x[case.n_train :], y[case.n_train :]
    settings = replace(case.settings, epochs=case.epochs + 1)
    ours, plain = [], []
    with process_of_a_job() as job:
        for _ in range(case.rounds):
            plain += list(np.diff(plain_training(*parts, settings)))
            ours += job.submit(our_epochs, *parts, settings).result()
    return {
        "grains": case.n_train,
        "plain_s": median(plain),
        "ours_s": median(ours),
        "ratio": median(ours) / median(plain),
    }


@contextmanager
def process_of_a_job() -> Iterator[ProcessPoolExecutor]:
    """Give a process in which TensorFlow is as `start_keras` starts it."""
    ours = "TF_ENABLE_ONEDNN_OPTS" not in os.environ
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as job:
        job.submit(int).result()
        if ours:
            del os.environ["TF_ENABLE_ONEDNN_OPTS"]
        yield job


def our_epochs(
    x_train: np.ndarray, y_train: np.ndarray, x_val: np.ndarray, y_val: np.ndarray, settings: TrainSettings
) -> list[float]:
    """Return the seconds from the end of one epoch to that of the next."""
    ends: list[float] = []
    train(
        *(x_train, y_train, x_val, y_val, ("a", "b"), settings),
        on_epoch=lambda _: ends.append(time.perf_counter()),
    )
    return list(np.diff(ends))


def plain_training(
    x_train: np.ndarray, y_train: np.ndarray, x_val: np.ndarray, y_val: np.ndarray, settings: TrainSettings
) -> list[float]:
    """Fit as the notebook does and return when each epoch ended.

    Augmentation in the model, accuracy and AUC of Keras, batches of 32.
    """
    keras.utils.set_random_seed(settings.seed)
    network = build_network(settings.network_settings(x_train.shape[1], 2))
    if settings.network == "vgg16":
        for layer in network.layers[: network.layers.index(network.get_layer("average"))]:
            layer.trainable = False
    contrast = layers.RandomContrast((0.2, 0.2), value_range=(0, 1))
    turn = layers.RandomRotation(0.2, fill_mode="constant")
    zoom = layers.RandomZoom((-0.4, 0.4), fill_mode="constant")
    if settings.augmentation == "notebook":
        augmentation = [contrast, turn, zoom]
    else:
        brightness = layers.RandomBrightness(0.2, value_range=(0, 1))
        augmentation = [layers.RandomFlip(), turn, zoom, contrast, brightness]
    model = keras.Sequential([keras.Input(x_train.shape[1:]), *augmentation, network])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    ends: list[float] = []
    model.fit(
        x_train,
        y_train.astype(np.float32),
        batch_size=32,
        epochs=settings.epochs,
        validation_data=(x_val, y_val.astype(np.float32)),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))],
        verbose=0,
    )
    return ends


def main() -> None:
    inference = inference_ratio()
    print(
        f"cutting and classifying {inference['grains']:,} grains: {inference['ours_s']:.3f} s against "
        f"{inference['plain_s']:.1f} s one by one, {inference['ratio']:.0f} times as fast",
        flush=True,
    )
    for name, case in CASES.items():
        epoch = epoch_ratio(case)
        print(
            f"{name} epoch of {epoch['grains']} grains: {epoch['ours_s'] * 1e3:.0f} ms against "
            f"{epoch['plain_s'] * 1e3:.0f} ms of plain fit, {epoch['ratio']:.2f} of its time",
            flush=True,
        )


if __name__ == "__main__":
    main()
