"""The job that writes a project's grains for other programs."""

from collections.abc import Sequence
from pathlib import Path

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.export import export_csv, export_geojson, export_labels
from napari_zircon_cnn.files import Transaction, finish_transaction
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.jobs.loading import load
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project


def export_project(
    project_folder: Path | str,
    folder: Path | str,
    samples: Sequence[str] = (),
    progress: Progress = silent,
) -> dict[str, dict[str, int]]:
    """Write table, outlines and label image of samples, all or nothing.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it, and it may be worked on meanwhile.
    folder
        The folder for SAMPLE_grains.csv, SAMPLE_grains.geojson and SAMPLE_labels.tif; made if
        need be. Those that are there are replaced.
    samples
        The samples to export; all by default.
    progress
        Told of each sample; may raise `Cancelled`. Nothing is written then.

    Returns
    -------
    dict
        By sample, how many `grains` the files hold and how many of these are `rejected`.

    Raises
    ------
    ZirconError
        Where the project has no sample, cannot be read, or the folder cannot be written to.
    """
    project, folder = Project.read(project_folder), Path(folder)
    chosen = project.chosen(samples)
    if not chosen:
        raise ZirconError(f"{project_folder} holds no sample yet; add some with `zircon-cnn segment`.")
    finish_transaction(folder)
    counts = {}
    with Transaction(folder) as files:
        for n, name in enumerate(chosen):
            step = part_of(progress, n / len(chosen), (n + 1) / len(chosen), name)
            segmented = load(project, name, part_of(step, 0.0, 0.4))
            table = files.path_for(folder / f"{name}_grains.csv")
            outlines = files.path_for(folder / f"{name}_grains.geojson")
            labels = files.path_for(folder / f"{name}_labels.tif")
            export_csv(segmented, table, part_of(step, 0.4, 0.45))
            export_geojson(segmented, outlines, part_of(step, 0.45, 0.7))
            export_labels(segmented, labels, part_of(step, 0.7, 1.0))
            n_grains = len(existing(segmented.table))
            counts[name] = {"grains": n_grains, "rejected": n_grains - len(usable(segmented.table))}
        progress(1.0, f"{len(chosen)} samples exported")
    return counts
