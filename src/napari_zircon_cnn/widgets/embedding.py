"""Embeddings, neighbours and outliers of the session's grains: the jobs, and what comes back from them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from napari_zircon_cnn.columns import MEASURED
from napari_zircon_cnn.embedding_file import EmbeddingSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.embed import EmbeddedProject, SampleCoordinates, embedding_of_project
from napari_zircon_cnn.jobs.grain_choice import check_counts
from napari_zircon_cnn.jobs.neighbours import neighbours, outliers
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.widgets.colours import COORDINATES, Mode
from napari_zircon_cnn.widgets.modelling import unchanged
from napari_zircon_cnn.widgets.session import Session
from napari_zircon_cnn.widgets.tasks import Task

N_NEIGHBOURS = 12
N_OUTLIERS = 24
"""How many of them are shown by their crops."""

_AXES = {column: mode for mode, column in COORDINATES.items()}
_SAID_UNITS = ("µm", "µm²", "°", "1/µm")
_UNITS = {column.name: column.unit for column in MEASURED}


def embed(session: Session, settings: EmbeddingSettings) -> Task:
    """Lay out the grains of all samples of the project; their tables get the coordinates.

    Parameters
    ----------
    session
        The session.
    settings
        How to embed them.

    Returns
    -------
    Task
        The task.

    Raises
    ------
    ZirconError
        Where there is no grain or no model yet.
    """
    project, model = _needs(session)
    asked = {name: session.modelling.table_of(name) for name in project.samples}
    task = session.modelling.run_job(
        "Embedding", embedding_of_project, project.folder, model, settings, listeners=("progress",)
    )
    task.done.connect(lambda found: _take_over(session, found, asked))
    return task


def find_neighbours(session: Session) -> Task:
    """Look for the grains most like the one that is selected; the task brings `Neighbours` with crops.

    Parameters
    ----------
    session
        The session.

    Returns
    -------
    Task
        The task.

    Raises
    ------
    ZirconError
        Where there is no model, not one grain is selected, or it is rejected.
    """
    project, model = _needs(session)
    active = session.active
    if active is None or len(active.selected) != 1:
        n = 0 if active is None else len(active.selected)
        raise ZirconError(
            f"Neighbours are those of one grain, and {n} are selected; click one in the plot, in the table "
            "or on the mount."
        )
    label = active.selected[0]
    check_counts(active.table, active.name, [label])
    return session.modelling.run_job(
        "Looking for neighbours",
        neighbours,
        project.folder,
        model,
        f"{active.name}:{label}",
        N_NEIGHBOURS,
        listeners=("progress",),
        with_crops=True,
    )


def find_outliers(session: Session) -> Task:
    """Look for the grains unlike all that the model was trained on; the task brings `Outliers`.

    Parameters
    ----------
    session
        The session.

    Returns
    -------
    Task
        The task.

    Raises
    ------
    ZirconError
        Where there is no grain or no model yet.
    """
    project, model = _needs(session)
    return session.modelling.run_job(
        "Looking for outliers", outliers, project.folder, model, listeners=("progress",), n_crops=N_OUTLIERS
    )


def meaning_of(correlations: pd.DataFrame) -> str:
    """Return in a sentence for each axis what it goes along with most.

    Parameters
    ----------
    correlations
        What `axis_correlations` returns.

    Returns
    -------
    str
        Empty where nothing was correlated.
    """
    sentences = []
    for axis, rows in correlations.groupby("axis", sort=True):
        name = axis_name(str(axis))
        strong = rows[rows["rank_correlation"].abs() > rows["by_chance"]].head(2)
        if strong.empty:
            sentences.append(f"{name} goes along with nothing measured more than by chance.")
            continue
        parts = [
            f"{_plain(column)} (ρ {rho:+.2f})"  # noqa: RUF001
            for column, rho in zip(strong["column"], strong["rank_correlation"], strict=True)
        ]
        sentences.append(f"{name} goes along with {' and '.join(parts)}.")
    return " ".join(sentences)


def axis_name(column: str) -> Mode:
    """Return the name of a column of coordinates as a person reads it, such as `UMAP 1`."""
    return _AXES[column]


def column_name(column: str) -> str:
    """Return the name of a column of the grain table with its unit."""
    unit = _UNITS.get(column, "")
    words = _plain(column)
    return f"{words} ({unit})" if unit in _SAID_UNITS else words


def _plain(column: str) -> str:
    return re.sub("(_per_um|_um2|_um|_deg)$", "", column).replace("_", " ")


def _needs(session: Session) -> tuple[Project, Path]:
    """Return the project and the model; a `ZirconError` says what is lacking."""
    project, model = session.project, session.modelling.model_path
    if project is None or not project.samples:
        raise ZirconError("There are no grains yet; find the grains of a mosaic first, or open a project.")
    if model is None:
        raise ZirconError("No model is in use; train one, or load one in the panel Classify.")
    return project, model


def _take_over(session: Session, found: EmbeddedProject, asked: Mapping[str, pd.DataFrame]) -> None:
    """Put coordinates into the tables; grains that have changed meanwhile have none."""
    method = found.embedding.settings.method
    # The label images do not change with it, so that the tables alone are written with it.
    session.save_changed()
    places = {}
    for name, (labels, coordinates) in found.samples.items():
        same = unchanged(asked[name], session.modelling.table_of(name), labels)
        places[name] = SampleCoordinates(labels[same], coordinates[same])
    found = replace(found, samples=places)
    tables = {name: found.into(session.modelling.table_of(name), name) for name in asked}
    for name, sample in session.samples.items():
        if name in tables:
            sample.embedded(tables[name], method)
    session.modelling.put_tables(tables)
    session.ensure_project().keep_tables("The embedding", Project.save_embedding, tables, found.embedding)
    n_grains = sum(len(part.labels) for part in places.values())
    session.say(f"{n_grains} grains in {len(places)} samples are embedded, fitted on {found.n_fitted}.")
