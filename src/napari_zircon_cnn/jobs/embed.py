"""The jobs that embed the grains of a project by what a network sees in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.embedding_file import Embedding, EmbeddingSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import unplaced, with_coordinates
from napari_zircon_cnn.jobs.features import features_of
from napari_zircon_cnn.jobs.model_cache import read_model
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_lock import writes_project


class SampleCoordinates(NamedTuple):
    """Where the grains of one sample lie.

    Parameters
    ----------
    labels
        The grains that counted at the time, shape (n,), by rising label.
    coordinates
        Shape (n, components).
    """

    labels: NDArray[np.int64]
    coordinates: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EmbeddedProject:
    """What an embedding found; can be pickled.

    Parameters
    ----------
    embedding
        The embedding, for `Project.save_embedding`.
    samples
        Where the grains lie, by sample, for `grains.with_coordinates`.
    n_fitted
        How many grains the embedding was fitted on.
    n_kept
        How many of the project's grains were embedded before, and have not moved.
    goes_on
        Whether it goes on with the embedding that the project had.
    """

    embedding: Embedding
    samples: dict[str, SampleCoordinates]
    n_fitted: int
    n_kept: int
    goes_on: bool

    def into(self, table: pd.DataFrame, sample: str) -> pd.DataFrame:
        """Return a sample's table with its coordinates; without any, if it has those of another embedding."""
        method = self.embedding.settings.method
        if sample in self.samples:
            return with_coordinates(table, *self.samples[sample], method)
        return table if self.goes_on else unplaced(table, [method])


def embedding_of_project(
    project_folder: Path | str,
    model_file: Path | str,
    settings: EmbeddingSettings | None = None,
    samples: Sequence[str] = (),
    *,
    refit: bool = False,
    progress: Progress = silent,
) -> EmbeddedProject:
    """Embed the grains of a project, and write nothing.

    Parameters
    ----------
    project_folder
        The project folder; it may be worked on meanwhile.
    model_file
        The .keras file of a trained network.
    settings
        How to embed; UMAP with three components, fitted on the training grains, by default.
    samples
        The samples to embed; all by default.
    refit
        Whether to fit anew where the project has an embedding by the same model and settings.
        Otherwise its grains stay where they are, and new ones are placed among those fitted on.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    EmbeddedProject
        The embedding and where the grains lie.

    Raises
    ------
    ZirconError
        Where the project or the model cannot be read, no grain of the project is a training grain of
        the model, there are too few grains, or they are all alike.
    """
    settings = settings or EmbeddingSettings()
    project = Project.read(project_folder)
    chosen = project.chosen(samples)
    if not chosen:
        raise ZirconError(f"{project_folder} holds no sample yet; add some with `zircon-cnn segment`.")
    progress(0.0, "reading the model")
    read = read_model(model_file)
    former = None if refit else project.embedding(settings.method)
    grains = features_of(project, read, chosen, part_of(progress, 0.0, 0.5))
    if not len(grains.labels):
        raise ZirconError("None of these grains counts: all are rejected, so there is nothing to embed.")
    to_fit = grains.is_training if settings.fit == "training" else np.ones(len(grains.labels), bool)
    if not to_fit.any() and former is None:
        raise ZirconError(
            f"None of the {len(grains.labels)} grains took part in the training of {Path(model_file).name}, "
            "so there is none to fit the embedding on; fit it on all grains, as the paper does (--fit all)."
        )
    from napari_zircon_cnn.embedding.layout import embed

    found = embed(
        grains.hashes,
        grains.values,
        to_fit,
        settings,
        read.key,
        former=former,
        progress=part_of(progress, 0.5, 1.0),
    )
    place = {name: n for n, name in enumerate(found.hashes.tolist())}
    rows = np.array([place[name] for name in grains.hashes.tolist()], np.int64)
    coordinates = found.coordinates[rows]
    by_sample = {
        name: SampleCoordinates(grains.labels[here], coordinates[here])
        for name in chosen
        for here in [grains.samples == name]
    }
    goes_on = former is not None and former.is_by(settings, read.key)
    n_kept = int(np.isin(grains.hashes, former.hashes).sum()) if former is not None and goes_on else 0
    progress(1.0, f"{len(grains.labels)} grains embedded")
    return EmbeddedProject(found, by_sample, int(found.is_fitted.sum()), n_kept, goes_on)


@writes_project
def embed_project(
    project_folder: Path | str,
    model_file: Path | str,
    settings: EmbeddingSettings | None = None,
    samples: Sequence[str] = (),
    *,
    refit: bool = False,
    progress: Progress = silent,
) -> EmbeddedProject:
    """Embed the grains of a project, and write their coordinates to its tables.

    Parameters
    ----------
    project_folder, model_file, settings, samples, refit, progress
        As for `embedding_of_project`. When it is cancelled nothing is written.

    Returns
    -------
    EmbeddedProject
        The embedding, which is also kept in the project, and where the grains lie.

    Raises
    ------
    ZirconError
        As `embedding_of_project` does.
    """
    found = embedding_of_project(
        project_folder, model_file, settings, samples, refit=refit, progress=part_of(progress, 0.0, 0.95)
    )
    project = Project.open(project_folder)
    # Samples with unsaved steps are saved by being loaded, so that rows and labels are those embedded.
    for name in project.samples:
        if len(project.ledger(name)) > project.record.samples[name].n_curated:
            project.load(name)
    progress(0.97, "saving")
    tables = {name: found.into(project.table(name), name) for name in project.samples}
    project.save_embedding(tables, found.embedding)
    progress(1.0, f"{sum(len(part.labels) for part in found.samples.values())} grains embedded")
    return found
