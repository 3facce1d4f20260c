import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from napari_zircon_cnn.training.devices import computing, devices, n_sharing

TESTS = Path(__file__).parents[1]

TRAINED_ON_TWO_DEVICES = """
import keras
import numpy as np

from drawn_crops import CLASSES, discs_and_rings
from napari_zircon_cnn.training import TrainSettings, train
from napari_zircon_cnn.training.devices import devices, n_sharing

assert len(devices("cpu")) == 2
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices("cpu")))
assert n_sharing() == 2
for n, n_validation, batch_size in [(32, 8, 16), (31, 7, 32), (33, 5, 16)]:
    x, y = discs_and_rings(n + n_validation)
    settings = TrainSettings(epochs=2, batch_size=batch_size)
    trained = train(x[:n], y[:n], x[n:], y[n:], CLASSES, settings)
    for epoch in trained.history:
        assert np.isfinite([epoch["loss"], epoch["val_loss"]]).all(), epoch
print("trained")
"""


def test_one_device_computes_a_batch_where_nothing_else_is_arranged() -> None:
    with computing(mixed_precision=False):
        assert n_sharing() == (max(1, len(devices("gpu"))) if keras.config.backend() == "jax" else 1)


@pytest.mark.skipif(keras.config.backend() != "jax", reason="Keras shares batches with the JAX backend alone")
def test_two_devices_share_batches_of_any_number_of_crops() -> None:
    """What Keras asks for is a batch that the devices can split evenly."""
    kept = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", TRAINED_ON_TWO_DEVICES],
        env={**kept, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "trained", done.stderr
