"""A small training in a process of its own, to be killed: `python training_run.py CHECKPOINT WEIGHTS`."""

import math
import sys
from collections.abc import Callable
from pathlib import Path

from drawn_crops import CLASSES, discs_and_rings
from napari_zircon_cnn.training import Epoch, TrainResult, TrainSettings, checkpoint, train

# The state is kept after each epoch, however long that takes.
checkpoint._SHARE = math.inf


def settings_for(weights: Path) -> TrainSettings:
    """Return settings of a network with two stages, dropout and augmentation."""
    return TrainSettings(
        network="vgg16",
        epochs=3,
        fine_tuning_epochs=4,
        batch_size=8,
        learning_rate=0.01,
        keep_best=True,
        weights=str(weights),
    )


def run(
    path: Path | None,
    weights: Path,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    *,
    resume: bool = False,
) -> TrainResult:
    """Train, or go on with a training."""
    x, y = discs_and_rings(36, seed=0)
    return train(
        *(x[:24], y[:24], x[24:], y[24:], CLASSES),
        settings_for(weights),
        on_epoch=on_epoch,
        checkpoint=path,
        resume=resume,
    )


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), lambda epoch: print(epoch["epoch"], flush=True))
