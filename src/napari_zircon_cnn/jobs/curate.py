"""The job that does curating actions from a ledger."""

from collections.abc import Iterable
from pathlib import Path

from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.curation import Curation, Entry
from napari_zircon_cnn.grains import existing
from napari_zircon_cnn.jobs.classify import verdicts_of
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_lock import writes_project


@writes_project
def curate_sample(
    project_folder: Path | str, sample: str, entries: Iterable[Entry], progress: Progress = silent
) -> dict[str, int]:
    """Do curating actions on a sample of a project: all of them, or none where one does not fit.

    Parameters
    ----------
    project_folder
        The project folder.
    sample
        Name of the sample.
    entries
        Lines of a ledger.
    progress
        Told when the sample is loaded and saved.

    Returns
    -------
    dict
        The number of `grains` that the sample has then, and how many of them are `rejected`.

    Raises
    ------
    ZirconError
        Where an action does not fit the grains.
    """
    project = Project.open(project_folder)
    progress(0.0, f"reading {sample}")
    segmented = project.load(sample)
    done: list[Entry] = []
    Curation(segmented, done.append).replay(entries)
    progress(0.5, f"saving {sample}")
    verdicts = None
    if project.record.model is not None:
        tables = {name: project.table(name) for name in project.samples} | {sample: segmented.table}
        verdicts = verdicts_of(tables, ModelCard.model_validate(project.record.model))
    project.save(segmented, done, verdicts)
    progress(1.0, f"{len(done)} actions done")
    status = segmented.table["status"]
    return {"grains": len(existing(segmented.table)), "rejected": int((status == REJECTED).sum())}
