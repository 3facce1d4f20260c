"""A training's state in a file, from which a killed one goes on to the same numbers."""

import dataclasses
import hashlib
import json
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.errors import CannotResumeError
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.training.record import Record, Values

_VERSION = 1
_SHARE = 0.05
"""The part of a training's time that writing its state may take."""


@dataclass(frozen=True, eq=False)
class State:
    """A training between two epochs.

    Parameters
    ----------
    record
        Figures and the best epoch's values.
    stage
        The number of the stage.
    is_stage_over
        Whether that stage has run all its epochs.
    is_over
        Whether the training has: `values` are then those of the network that it gives back.
    values
        Of the variables that learn, the states of their random numbers among them.
    optimiser
        Of the optimiser's variables.
    """

    record: Record
    stage: int
    is_stage_over: bool
    is_over: bool
    values: Values
    optimiser: Values


class Checkpoint:
    """The file that holds a training's state.

    Parameters
    ----------
    path
        The file, with the suffix .npz.
    fingerprint
        What the training is of; see `fingerprint_of`.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path, self._fingerprint = path, fingerprint
        self._written, self._took = 0.0, 0.0

    def write(self, state: State) -> None:
        """Write a state, whole or not at all."""
        started = time.perf_counter()
        scalars = dataclasses.asdict(dataclasses.replace(state.record, best=[]))
        about = {
            "version": _VERSION,
            "fingerprint": self._fingerprint,
            "record": scalars,
            "stage": state.stage,
            "is_stage_over": state.is_stage_over,
            "is_over": state.is_over,
        }
        arrays = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
        for kind, values in (
            ("values", state.values),
            ("optimiser", state.optimiser),
            ("best", state.record.best),
        ):
            arrays |= {f"{kind}-{n:04}": value for n, value in enumerate(values)}
        with atomic_path(self._path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
        self._written = time.perf_counter()
        self._took = self._written - started

    @property
    def is_due(self) -> bool:
        """Whether writing now costs little beside the time since the last writing."""
        return time.perf_counter() - self._written >= self._took / _SHARE

    def read(self) -> State | None:
        """Return the state, None where there is no file.

        Raises
        ------
        CannotResumeError
            Where the file is damaged, or of another training.
        """
        if not self._path.is_file():
            return None
        try:
            with np.load(self._path, allow_pickle=False) as file:
                about = json.loads(file["about"].tobytes())
                names = sorted(file.files)
                kinds = {
                    kind: [file[name] for name in names if name.startswith(f"{kind}-")]
                    for kind in ("values", "optimiser", "best")
                }
            if about["version"] != _VERSION or about["fingerprint"] != self._fingerprint:
                raise CannotResumeError(
                    f"{self._path} was left by a training of other grains, with other settings or by another "
                    "version; resume it with the same, or train anew."
                )
            record = Record(**about["record"] | {"best": kinds["best"]})
            return State(
                record,
                about["stage"],
                about["is_stage_over"],
                about["is_over"],
                kinds["values"],
                kinds["optimiser"],
            )
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise CannotResumeError(f"{self._path} is damaged; train anew instead of resuming.") from error


def fingerprint_of(arrays: Iterable[NDArray[Any]], classes: tuple[str, ...], settings: TrainSettings) -> str:
    """Return what tells a training from every other one whose numbers would differ.

    Parameters
    ----------
    arrays
        Its crops and classes.
    classes
        Names of the classes.
    settings
        Its settings.

    Returns
    -------
    str
        A SHA-256 of all these, with the version of Keras and its backend.
    """
    about = [classes, dataclasses.asdict(settings), keras.__version__, keras.config.backend()]
    digest = hashlib.sha256(json.dumps(about).encode())
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
