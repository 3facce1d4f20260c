"""What networks say of grains held out of their training, kept one by one so that a killed run goes on."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.progress import Progress

if TYPE_CHECKING:
    from napari_zircon_cnn.dataset import Dataset

_FOLDER = "answers"


class KeptAnswers:
    """Answers of networks in a folder, each found again by all that it depends on.

    Parameters
    ----------
    folder
        The folder that the run writes to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _FOLDER

    def get(self, parts: Sequence[Any], ask: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return an answer that was kept, or ask and keep it.

        Parameters
        ----------
        parts
            All that the answer depends on: arrays, settings and texts.
        ask
            Gives the answer; it takes its time.

        Returns
        -------
        ndarray of float32
            The answer.
        """
        path = self._folder / f"{_digest(parts)}.npy"
        if path.is_file():
            try:
                kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
            except (ValueError, EOFError, OSError):
                path.unlink()
            else:
                return kept
        answer = ask()
        with atomic_path(path) as temporary:
            np.save(temporary, answer, allow_pickle=False)
        return answer


def ask_network(
    learnt: "Dataset", tests: Sequence[NDArray[np.float32]], settings: TrainSettings, progress: Progress
) -> NDArray[np.float32]:
    """Train a network on some grains and ask it about others.

    Parameters
    ----------
    learnt
        The grains to train on.
    tests
        Crops of the grains to ask about, each of shape (n, size, size, 1).
    settings
        How to train; the weights are those of the last epoch, since no held-out grain may choose one.
    progress
        Told of each epoch; may raise `Cancelled`.

    Returns
    -------
    ndarray of float32, shape (n_tests, n + 1, n_classes)
        The probabilities and, in the last row, the class frequencies that they assume; see `priors.leaning`.
    """
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.priors import leaning
    from napari_zircon_cnn.training import train

    settings = dataclasses.replace(settings, keep_best=False, early_stopping=0)
    nothing = learnt.take(np.zeros(len(learnt), bool))
    result = train(learnt.crops, learnt.y, nothing.crops, nothing.y, learnt.classes, settings, progress)
    assumed = np.array([leaning(predict(result.model, learnt.crops), learnt.y)], np.float32)
    return np.stack([np.concatenate([predict(result.model, crops), assumed]) for crops in tests])


def _digest(parts: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:24]
