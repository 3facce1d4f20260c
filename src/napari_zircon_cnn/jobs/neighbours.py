"""The jobs that find grains alike: the nearest neighbours of one, and those that have none near."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.features import Features, features_of
from napari_zircon_cnn.jobs.grain_choice import grain_named, note_on
from napari_zircon_cnn.jobs.loading import load
from napari_zircon_cnn.jobs.model_cache import ReadModel, read_model
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project


@dataclass(frozen=True)
class NearGrain:
    """A grain and how far it is from another, or from those that the network knows.

    Parameters
    ----------
    sample, label
        The grain.
    distance
        Euclidean, in the output of the network's penultimate layer; it has no unit.
    probability
        The network's probability of the target class.
    in_training
        Whether the network was trained on it.
    """

    sample: str
    label: int
    distance: float
    probability: float
    in_training: bool


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A grain and those that look most like it to a network; can be pickled.

    Parameters
    ----------
    grain
        The grain itself, at distance 0.
    neighbours
        The others from the nearest on.
    crops
        Its crop and theirs, shape (1 + n, size, size, 1), if they were asked for.
    note
        What must be known, or nothing.
    """

    grain: NearGrain
    neighbours: list[NearGrain]
    crops: NDArray[np.float32] | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Outliers:
    """Grains unlike all that a network was trained on; can be pickled.

    Parameters
    ----------
    limit
        The mean distance to the five nearest training grains that 99 % of the training grains stay
        below.
    outliers
        The grains beyond it, the farthest first, with that distance.
    n_grains
        How many grains were looked at.
    crops
        The crops of the first of them, as many as were asked for, shape (n, size, size, 1).
    """

    limit: float
    outliers: list[NearGrain]
    n_grains: int
    crops: NDArray[np.float32] | None = None


def neighbours(
    project_folder: Path | str,
    model_file: Path | str,
    grain: str,
    n: int = 12,
    *,
    samples: Sequence[str] = (),
    with_crops: bool = False,
    progress: Progress = silent,
) -> Neighbours:
    """Return the grains of a project that look most like one of them to a network.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it.
    model_file
        The .keras file of a trained network.
    grain
        The grain as SAMPLE:ID.
    n
        How many neighbours.
    samples
        Where to look for them; in all samples by default.
    with_crops
        Whether the crops are wanted too.
    progress
        Told of each sample; may raise `Cancelled`.

    Returns
    -------
    Neighbours
        The neighbours; fewer than wanted, with a note, where there are no more.

    Raises
    ------
    ZirconError
        Where the project or the model cannot be read, or the grain is not there, rejected or alone.
    """
    project = Project.read(project_folder)
    sample, label = grain_named(grain, project)
    if n < 1:
        raise ZirconError(f"At least one neighbour can be asked for, not {n}.")
    chosen = list(dict.fromkeys([*project.chosen(samples), sample]))
    progress(0.0, "reading the model")
    read = read_model(model_file)
    found = features_of(project, read, chosen, part_of(progress, 0.0, 0.6))
    from napari_zircon_cnn.embedding.neighbours import nearest

    is_it = (found.samples == sample) & (found.labels == label)
    others = np.flatnonzero(~is_it & np.isin(found.samples, project.chosen(samples)))
    if not len(others):
        raise ZirconError(
            f"{grain} is the only grain that counts here, so it has no neighbours; add samples."
        )
    near, apart = nearest(found.values[is_it], found.values[others], n)
    rows = [int(np.flatnonzero(is_it)[0]), *others[near[0]].tolist()]
    grains = [
        _near_grain(found, read, row, far) for row, far in zip(rows, [0.0, *apart[0].tolist()], strict=True)
    ]
    notes = [note_on(project.table(sample), label)]
    if len(others) < n:
        notes.append(f"There are only {len(others)} other grains that count, fewer than the {n} asked for.")
    crops = _crops(project, read, grains, part_of(progress, 0.6, 1.0)) if with_crops else None
    progress(1.0, f"{len(grains) - 1} neighbours of {grain}")
    return Neighbours(grains[0], grains[1:], crops, " ".join(note for note in notes if note))


def outliers(
    project_folder: Path | str,
    model_file: Path | str,
    samples: Sequence[str] = (),
    progress: Progress = silent,
    *,
    n_crops: int = 0,
) -> Outliers:
    """Return the grains of a project that are unlike all that a network was trained on.

    Parameters
    ----------
    project_folder
        The project folder, with grains that the network was trained on; nothing is written to it.
    model_file
        The .keras file of a trained network.
    samples
        Where to look for outliers; in all samples by default.
    progress
        Told of each sample; may raise `Cancelled`.
    n_crops
        Of how many outliers the crops are wanted too.

    Returns
    -------
    Outliers
        The outliers and from where on a grain is one; see `embedding.neighbours.strangeness`.

    Raises
    ------
    ZirconError
        Where the project or the model cannot be read, or fewer than two training grains are in the
        project.
    """
    project = Project.read(project_folder)
    chosen = project.chosen(samples)
    progress(0.0, "reading the model")
    read = read_model(model_file)
    found = features_of(project, read, project.samples, part_of(progress, 0.0, 0.9))
    if found.is_training.sum() < 2:
        raise ZirconError(
            f"{int(found.is_training.sum())} grains of the project took part in the training of "
            f"{Path(model_file).name}, so there is nothing to tell outliers by; use the project that it was "
            "trained in."
        )
    from napari_zircon_cnn.embedding.neighbours import strangeness

    far, limit = strangeness(found.values, found.is_training)
    wanted = np.isin(found.samples, chosen)
    rows = np.flatnonzero(wanted & (far > limit))
    rows = rows[np.argsort(-far[rows], kind="stable")]
    grains = [_near_grain(found, read, row, far[row]) for row in rows.tolist()]
    shown = grains[:n_crops]
    crops = _crops(project, read, shown, part_of(progress, 0.9, 1.0)) if shown else None
    progress(1.0, f"{len(rows)} outliers")
    return Outliers(limit, grains, int(wanted.sum()), crops)


def _near_grain(found: Features, read: ReadModel, row: int, distance: float) -> NearGrain:
    return NearGrain(
        str(found.samples[row]),
        int(found.labels[row]),
        float(distance),
        float(found.probabilities[row, read.class_index("")]),
        bool(found.is_training[row]),
    )


def _crops(
    project: Project, read: ReadModel, grains: Sequence[NearGrain], progress: Progress
) -> NDArray[np.float32]:
    """Return the crops of grains of several samples, each of which is loaded once."""
    names = list(dict.fromkeys(grain.sample for grain in grains))
    crops: dict[tuple[str, int], NDArray[np.float32]] = {}
    for n, name in enumerate(names):
        segmented = load(project, name, part_of(progress, n / len(names), (n + 1) / len(names), name))
        labels = [grain.label for grain in grains if grain.sample == name]
        for label, crop in zip(labels, cut_crops(segmented, labels, read.crop_settings), strict=True):
            crops[name, label] = crop
    return np.stack([crops[grain.sample, grain.label] for grain in grains])
