"""The job that writes the report on a project."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.jobs.classify import verdicts_of
from napari_zircon_cnn.jobs.feature_maps import feature_maps
from napari_zircon_cnn.jobs.loading import load_each
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def report_project(
    project_folder: Path | str,
    report_folder: Path | str,
    progress: Progress = silent,
    model_file: Path | str | None = None,
) -> Path:
    """Write the report on a project as one HTML page.

    Parameters
    ----------
    project_folder
        The project folder, classified or not; nothing is written to it.
    report_folder
        The folder to write index.html to.
    progress
        Told of each sample; may raise `Cancelled`. Nothing is written then.
    model_file
        The .keras file of a trained network, to show what its layers make of two grains: those that
        are least and most of the target class, as the tables say.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ZirconError
        Where the project has no sample, cannot be read, or the folder cannot be written to.
    """
    from napari_zircon_cnn.report import write_report

    whole = progress
    project = Project.read(project_folder)
    if not project.samples:
        raise ZirconError(f"{project_folder} holds no sample yet; add some with `zircon-cnn segment`.")
    card = ModelCard.model_validate(project.record.model) if project.record.model else None
    tables = {sample: project.table(sample) for sample in project.samples}
    maps = {}
    if model_file is not None:
        maps = _feature_maps(project, model_file, tables, part_of(whole, 0.0, 0.3))
        progress = part_of(whole, 0.3, 1.0)
    return write_report(
        load_each(project, project.samples, silent),
        Path(report_folder),
        title=project.folder.resolve().name,
        verdicts=verdicts_of(tables, card) if card else None,
        card=card,
        evaluation=project.record.evaluation,
        feature_maps=maps,
        progress=progress,
        n_samples=len(project.samples),
    )


def _feature_maps(
    project: Project, model_file: Path | str, tables: Mapping[str, pd.DataFrame], progress: Progress
) -> "dict[str, Figure]":
    from napari_zircon_cnn.map_figures import feature_map_figure

    known = [
        (value, f"{sample}:{label}")
        for sample, table in tables.items()
        for label, value in table.loc[usable(table), "probability"].dropna().items()
    ]
    figures = {}
    every = [f"{sample}:{label}" for sample, table in tables.items() for label in usable(table)]
    # Without probabilities one grain is as good as another.
    names = list(dict.fromkeys([min(known)[1], max(known)[1]])) if known else every[:1]
    for n, name in enumerate(names):
        step = part_of(progress, n / len(names), (n + 1) / len(names), name)
        found = feature_maps(project.folder, model_file, name, progress=step)
        maps = {layer.name: layer.maps for layer in found.layers}
        figures[name] = feature_map_figure(found.crop, maps, name, found.note)
    return figures
