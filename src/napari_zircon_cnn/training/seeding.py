"""Random numbers that depend on the epoch and the seed alone."""

from typing import Any

import keras
import numpy as np


class Seeding(keras.callbacks.Callback):
    """Seeds what draws from a global generator, anew in each epoch.

    With PyTorch's backend that is the dropout: the states that Keras keeps for it among a network's
    variables stand still there, so that a training that goes on from them would draw other numbers.

    Parameters
    ----------
    seed
        The training's seed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed, self._epoch = seed, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note which epoch it is."""
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Seed before the first step, but after the batches' loader has drawn a number for itself."""
        # TensorFlow prepares its functions anew when seeded, for longer than a small network's epoch takes.
        if batch == 0 and keras.backend.backend() == "torch":
            keras.utils.set_random_seed(
                int(np.random.SeedSequence([self._seed, self._epoch]).generate_state(1)[0])
            )
