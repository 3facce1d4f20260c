"""Loading samples, also those that a window may be saving at the same moment."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount
from napari_zircon_cnn.progress import Progress, part_of
from napari_zircon_cnn.project import Project

if TYPE_CHECKING:
    from napari_zircon_cnn.dataset import ClassSource, Dataset

_TRIES = 10


def known_grains(
    project: Project, classes: "ClassSource", settings: CropSettings, progress: Progress
) -> "Dataset":
    """Cut the usable grains of a project whose class is known.

    Parameters
    ----------
    project
        The project.
    classes
        The class of each sample: CLASSES.csv, or a mapping; see `dataset.sample_classes`.
    settings
        The geometry of the crops.
    progress
        Told how much of the samples is read; may raise `Cancelled`.

    Returns
    -------
    Dataset
        The grains, sample by sample.

    Raises
    ------
    ZirconError
        Where the project or the classes cannot be read or do not fit together.
    """
    from napari_zircon_cnn.dataset import UNKNOWN, gather, sample_classes

    given = sample_classes(classes, project.samples)
    grains = gather(load_each(project, project.samples, progress), given, settings)
    return grains.take(grains.y != UNKNOWN)


def load_each(project: Project, samples: Sequence[str], progress: Progress) -> Iterator[SegmentedMount]:
    """Load samples one after the other, so that only one mosaic need be in memory.

    Parameters
    ----------
    project
        The project.
    samples
        Names of its samples.
    progress
        Told how much of them is read; may raise `Cancelled`.

    Yields
    ------
    SegmentedMount
        Each sample as `load` returns it.
    """
    for n, sample in enumerate(samples):
        yield load(project, sample, part_of(progress, n / len(samples), (n + 1) / len(samples)))


def load(project: Project, sample: str, progress: Progress) -> SegmentedMount:
    """Load a sample; of a project opened by `Project.read`, a state that agrees with itself.

    Parameters
    ----------
    project
        The project.
    sample
        Name of a sample.
    progress
        Told how much of it is read; may raise `Cancelled`.

    Returns
    -------
    SegmentedMount
        The sample with all steps of its ledger in it.

    Raises
    ------
    ZirconError
        As `Project.load` does, or where the sample is saved faster than it can be read.
    """
    if not project.is_read_only:
        return project.load(sample, progress)
    now = Project.read(project.folder)
    for _ in range(_TRIES):
        before = now
        found: SegmentedMount | ZirconError
        try:
            found = before.load(sample, progress)
        except ZirconError as error:
            found = error
        # A save in between leaves label image, table and ledger of two states.
        now = Project.read(project.folder)
        if now.record.samples.get(sample) == before.record.samples.get(sample):
            if isinstance(found, ZirconError):
                raise found
            return found
    raise ZirconError(f"{sample} is saved again and again while it is read; let it rest and try again.")
