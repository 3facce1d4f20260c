"""What a network's penultimate layer gives for the grains of a project, kept as long as the process runs."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.jobs.loading import load
from napari_zircon_cnn.jobs.model_cache import ReadModel
from napari_zircon_cnn.progress import Progress, part_of
from napari_zircon_cnn.project import Project

_SAMPLES_KEPT = 200

_kept: "OrderedDict[tuple[str, ...], SampleFeatures]" = OrderedDict()


@dataclass(frozen=True, eq=False)
class SampleFeatures:
    """What a network sees in the grains of one sample that count; n grains by rising label.

    Parameters
    ----------
    labels
        Shape (n,).
    hashes
        By which a crop is known again, shape (n,).
    values
        The output of the penultimate layer, shape (n, units).
    probabilities
        Shape (n, number of classes).
    """

    labels: NDArray[np.int64]
    hashes: NDArray[np.str_]
    values: NDArray[np.float32]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Features:
    """What a network sees in the grains of samples; n grains, sample by sample.

    Parameters
    ----------
    samples, labels, hashes, values, probabilities
        As in `SampleFeatures`, with the sample of each grain.
    is_training
        Whether the network was trained on the grain, shape (n,).
    """

    samples: NDArray[np.str_]
    labels: NDArray[np.int64]
    hashes: NDArray[np.str_]
    values: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    is_training: NDArray[np.bool_]


def features_of(project: Project, read: ReadModel, samples: Sequence[str], progress: Progress) -> Features:
    """Return what a network sees in the grains of samples.

    Parameters
    ----------
    project
        The project.
    read
        The network.
    samples
        Names of samples, at least one.
    progress
        Told of each sample; may raise `Cancelled`. A sample that is as it was when this process last
        read it takes no time.

    Returns
    -------
    Features
        Their grains that count.
    """
    parts = []
    for n, sample in enumerate(samples):
        step = part_of(progress, n / len(samples), (n + 1) / len(samples), sample)
        key = _key_of(project, read, sample)
        if key not in _kept:
            _kept[key] = _read(project, read, sample, step)
        _kept.move_to_end(key)
        parts.append(_kept[key])
        step(1.0, "read")
    while len(_kept) > max(_SAMPLES_KEPT, len(samples)):
        _kept.popitem(last=False)
    hashes = np.concatenate([part.hashes for part in parts])
    return Features(
        np.concatenate([np.full(len(part.labels), name) for name, part in zip(samples, parts, strict=True)]),
        np.concatenate([part.labels for part in parts]),
        hashes,
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.isin(hashes, read.card.grain_hashes),
    )


def _read(project: Project, read: ReadModel, sample: str, progress: Progress) -> SampleFeatures:
    from napari_zircon_cnn.dataset import hashes_of

    segmented = load(project, sample, part_of(progress, 0.0, 0.6))
    labels = usable(segmented.table)
    crops = cut_crops(segmented, labels, read.crop_settings, part_of(progress, 0.6, 0.8))
    values, probabilities = read.reading.of(crops, part_of(progress, 0.8, 1.0))
    return SampleFeatures(labels, np.array(hashes_of(crops), np.str_), values, probabilities)


def _key_of(project: Project, read: ReadModel, sample: str) -> tuple[str, ...]:
    table = project.table(sample)
    grains = table.loc[table["area_um2"].notna()]
    outlines = grains[["area_um2", "centroid_x_um", "centroid_y_um", "perimeter_um"]].to_numpy()
    is_rejected = (grains["status"] == REJECTED).to_numpy(bool)
    return (
        read.key,
        str(project.mosaic_path(sample).resolve()),
        project.record.samples[sample].sha256,
        # Steps that are not in the table yet.
        str(project.ledger(sample)[project.record.samples[sample].n_curated :]),
        hashlib.sha256(outlines.tobytes() + is_rejected.tobytes()).hexdigest(),
    )
