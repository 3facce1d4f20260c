"""The job that writes the report on a project."""

from pathlib import Path

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.classify import verdicts_of
from napari_zircon_cnn.jobs.loading import load_each
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.project import Project


def report_project(
    project_folder: Path | str, report_folder: Path | str, progress: Progress = silent
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

    project = Project.read(project_folder)
    if not project.samples:
        raise ZirconError(f"{project_folder} holds no sample yet; add some with `zircon-cnn segment`.")
    card = ModelCard.model_validate(project.record.model) if project.record.model else None
    tables = {sample: project.table(sample) for sample in project.samples}
    return write_report(
        load_each(project, project.samples, silent),
        Path(report_folder),
        title=project.folder.resolve().name,
        verdicts=verdicts_of(tables, card) if card else None,
        card=card,
        evaluation=project.record.evaluation,
        progress=progress,
        n_samples=len(project.samples),
    )
