"""The job that segments mosaics into a project."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.find_grains import find_grains
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.mount import read_mount, sample_name
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_lock import ProjectLock
from napari_zircon_cnn.segmentation.methods import DEFAULT_METHOD, parameters_for


def segment_mosaics(
    project_folder: Path | str,
    mosaics: Sequence[Path | str],
    *,
    method: str = DEFAULT_METHOD,
    parameters: Mapping[str, Any] | None = None,
    pixel_size_um: float | None = None,
    samples: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = silent,
) -> dict[str, int]:
    """Segment mosaics into a project, made where there is none.

    A mosaic that the project knows and that has only been moved is not segmented anew: where it
    lies now is noted.

    Parameters
    ----------
    project_folder
        The project folder.
    mosaics
        The mosaic files.
    method, parameters
        The segmentation method and those of its parameters that differ from the defaults.
    pixel_size_um
        Edge of a pixel in µm; by default what each file says, else 2.
    samples
        The samples' names, one for each mosaic; by default the files' names.
    overwrite
        Whether a sample that was curated, or came from another file, may be replaced.
    progress
        Told of each step; may raise `Cancelled`. Mosaics done until then stay in the project.

    Returns
    -------
    dict
        The number of grains found in each sample, without those that the method's gate rejects.

    Raises
    ------
    ZirconError
        Where a mosaic cannot be read, holds no grain, or its sample's name is taken, or another
        process writes to the project.
    """
    files = [Path(mosaic) for mosaic in mosaics]
    names = _sample_names(files, samples)
    settings = dataclasses.asdict(parameters_for(method, parameters or {}))
    with ProjectLock(Path(project_folder), "command"):
        project = Project.create(project_folder)
        moved = {
            name
            for name, mosaic in zip(names, files, strict=True)
            if not overwrite and project.adopt_moved(name, mosaic)
        }
        counts = {name: len(usable(project.table(name))) for name in names if name in moved}
        fresh = [(name, mosaic) for name, mosaic in zip(names, files, strict=True) if name not in moved]
        for name, mosaic in fresh:
            project.check_can_add(name, mosaic, overwrite=overwrite)
        for n, (name, mosaic) in enumerate(fresh):
            step = part_of(progress, n / len(fresh), (n + 1) / len(fresh), name)
            step(0.0, "reading the mosaic")
            mount = read_mount(
                mosaic, pixel_size_um=pixel_size_um, sample=name, progress=part_of(step, 0.0, 0.1)
            )
            segmented = find_grains(mount, method, parameters, part_of(step, 0.1, 0.9))
            if not len(usable(segmented.table)):
                raise ZirconError(_nothing_found(name, method, settings))
            project.add(segmented, method, settings, overwrite=overwrite, progress=part_of(step, 0.9, 1.0))
            counts[name] = len(usable(segmented.table))
    progress(1.0, f"{sum(counts.values())} grains in {len(counts)} samples")
    return counts


def _sample_names(mosaics: Sequence[Path], samples: Sequence[str]) -> list[str]:
    if samples and len(samples) != len(mosaics):
        raise ZirconError(
            f"There are {len(mosaics)} mosaics and {len(samples)} sample names; give one name a mosaic."
        )
    names = list(samples) or [sample_name(mosaic) for mosaic in mosaics]
    for name, mosaic in zip(names, mosaics, strict=True):
        first = mosaics[names.index(name)]
        if first != mosaic:
            raise ZirconError(
                f"{first} and {mosaic} would both be the sample {name}; "
                "give each mosaic a sample name of its own."
            )
    return names


def _nothing_found(sample: str, method: str, settings: Mapping[str, Any]) -> str:
    shown = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in settings.items()
    )
    return (
        f"No grain was found in {sample} with {method} ({shown}); look whether the mosaic is black, "
        "then try lower thresholds or wider size limits."
    )
