"""The jobs that show what moved a network's answer: on one grain, and on all grains of samples."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount, pixel_boxes, usable
from napari_zircon_cnn.jobs.feature_maps import check_crops
from napari_zircon_cnn.jobs.grain_choice import grain_named, note_on
from napari_zircon_cnn.jobs.loading import load
from napari_zircon_cnn.jobs.model_cache import ReadModel, read_model
from napari_zircon_cnn.placement import MapGrid, Placement, paint_maps, place_crops, sample_map
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project

if TYPE_CHECKING:
    from napari_zircon_cnn.explain.saliency import Saliency

Method = Literal["gradcam", "integrated-gradients", "occlusion"]
METHODS: tuple[Method, ...] = ("gradcam", "integrated-gradients", "occlusion")

PATCH_UM = 45.0
"""Edge of the black patch that occlusion moves over the grain."""

_PATCH_STEPS = 4
_DISORDERS = 3
_GRAINS_COMPARED = 24


@dataclass(frozen=True)
class Question:
    """What is asked of a network about its answers; can be pickled.

    Parameters
    ----------
    method
        "gradcam", "integrated-gradients" or "occlusion", which needs no gradients.
    class_name
        The class; the model's target class by default.
    layer
        For Grad-CAM, the layer whose maps are weighed; the last convolution by default.
    """

    method: Method = "gradcam"
    class_name: str = ""
    layer: str = ""


_DEFAULT = Question()


@dataclass(frozen=True, eq=False)
class SaliencyMaps:
    """What moved the answer on some crops; can be pickled.

    Parameters
    ----------
    method, class_name
        How it was found, and the class that it speaks for.
    layer
        The layer whose maps Grad-CAM weighs; else empty.
    maps
        Shape (n, rows, columns); below 0 what speaks against the class.
    grid
        Where their pixels lie on the crop.
    scores
        The network's score for the class before it becomes a probability, shape (n,).
    """

    method: Method
    class_name: str
    layer: str
    maps: NDArray[np.float32]
    grid: MapGrid
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class SanityTest:
    """What shuffled weights make of the maps.

    Parameters
    ----------
    rank_correlation, rank_correlation_of_sizes, ssim
        See `explain.sanity.Likeness`; means over grains and disorders.
    survives
        Whether the map is much the same, so that it explains nothing.
    sentence
        What it means.
    n_grains
        How many grains were compared.
    """

    rank_correlation: float
    rank_correlation_of_sizes: float
    ssim: float
    survives: bool
    sentence: str
    n_grains: int


@dataclass(frozen=True, eq=False)
class GrainSaliency:
    """What moved the answer on a grain of a project; can be pickled.

    Parameters
    ----------
    sample, label
        The grain.
    crop
        What the network was given, shape (size, size, 1).
    placement
        Where the crop lies on the mosaic; `Placement.of_map` with the grid tells it of the map.
    found
        The map, the only one.
    sanity
        What shuffled weights make of it, if that was asked for.
    note
        What must be known of the crop, or nothing.
    """

    sample: str
    label: int
    crop: NDArray[np.float32]
    placement: Placement
    found: SaliencyMaps
    sanity: SanityTest | None = None
    note: str = ""


def saliency_of_crops(
    model_file: Path | str,
    crops: NDArray[np.float32],
    question: Question = _DEFAULT,
    progress: Progress = silent,
) -> SaliencyMaps:
    """Return what moved the answer on crops that were cut already.

    Parameters
    ----------
    model_file
        The .keras file of a trained network.
    crops
        Shape (n, size, size, 1), 0 to 1, cut with the settings on the model's card.
    question
        What is asked of it.
    progress
        Told of the crops done; may raise `Cancelled`.

    Returns
    -------
    SaliencyMaps
        A map for each crop.

    Raises
    ------
    ZirconError
        Where the model cannot be read, takes other crops or does not know the class; where there is
        no such method; for Grad-CAM, where the network has no convolution or no such layer.
    """
    progress(0.0, "reading the model")
    read = read_model(model_file)
    check_crops(crops, read.card.network.input_size)
    return _explain(read, read.saliency, crops, question, progress)


def sanity_test(
    model_file: Path | str,
    crops: NDArray[np.float32],
    question: Question = _DEFAULT,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> SanityTest:
    """Compare the maps of a network with those that it gives when its weights are shuffled.

    Parameters
    ----------
    model_file, crops, question
        As for `saliency_of_crops`; some two dozen of the crops are compared at most, evenly chosen.
    seed
        Seed of the three disorders that are averaged.
    progress
        Told of each disorder; may raise `Cancelled`.

    Returns
    -------
    SanityTest
        How much the maps are alike, and what it means.

    Raises
    ------
    ZirconError
        As `saliency_of_crops` does.

    Notes
    -----
    Source: Adebayo et al. (2018), Sanity checks for saliency maps, arXiv:1810.03292.
    """
    progress(0.0, "reading the model")
    read = read_model(model_file)
    check_crops(crops, read.card.network.input_size)
    from napari_zircon_cnn.explain.saliency import Saliency
    from napari_zircon_cnn.explain.sanity import Likeness, likeness, shuffled

    chosen = crops[np.unique(np.linspace(0, len(crops) - 1, min(len(crops), _GRAINS_COMPARED)).astype(int))]
    steps = [
        part_of(progress, n / (_DISORDERS + 1), (n + 1) / (_DISORDERS + 1)) for n in range(_DISORDERS + 1)
    ]
    size = crops.shape[1]
    own = _explain(read, read.saliency, chosen, question, steps[0])
    trained = _on_the_crop(own, size)
    found = []
    for n, step in enumerate(steps[1:]):
        untaught = Saliency(shuffled(read.model, seed + n))
        other = _explain(read, untaught, chosen, question, step)
        like = likeness(trained, _on_the_crop(other, size), chosen)
        found.append((like.rank_correlation, like.rank_correlation_of_sizes, like.ssim))
    known = [row for row in found if np.isfinite(row[0])]
    mean = Likeness(*np.nanmean(known, axis=0).tolist()) if known else Likeness(np.nan, np.nan, np.nan)
    progress(1.0, "compared with shuffled weights")
    return SanityTest(
        mean.rank_correlation,
        mean.rank_correlation_of_sizes,
        mean.ssim,
        mean.survives,
        mean.sentence(),
        len(chosen),
    )


def saliency(
    project_folder: Path | str,
    model_file: Path | str,
    grain: str,
    question: Question = _DEFAULT,
    *,
    sanity: bool = False,
    progress: Progress = silent,
) -> GrainSaliency:
    """Return what moved the answer on a grain of a project.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it.
    model_file
        The .keras file of a trained network.
    grain
        The grain as SAMPLE:ID.
    question
        What is asked of it.
    sanity
        Whether the map is also compared with those of shuffled weights.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    GrainSaliency
        The map and where it lies.

    Raises
    ------
    ZirconError
        As `saliency_of_crops` does, or where the project cannot be read or the grain is not there or
        rejected.
    """
    project = Project.read(project_folder)
    sample, label = grain_named(grain, project)
    settings = read_model(model_file).crop_settings
    segmented = load(project, sample, part_of(progress, 0.0, 0.4))
    crops = cut_crops(segmented, [label], settings)
    found = saliency_of_crops(model_file, crops, question, part_of(progress, 0.4, 0.6))
    step = part_of(progress, 0.6, 1.0)
    test = sanity_test(model_file, crops, question, progress=step) if sanity else None
    (placement,) = place_crops(segmented.table, [label], settings, segmented.mount.pixel_size_um)
    progress(1.0, f"explained {grain}")
    return GrainSaliency(sample, label, crops[0], placement, found, test, note_on(segmented.table, label))


def saliency_of_sample(
    project_folder: Path | str,
    model_file: Path | str,
    sample: str,
    question: Question = _DEFAULT,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Return what moved the answer on all grains of a sample, as one image over the mount.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it.
    model_file
        The .keras file of a trained network.
    sample
        The sample.
    question
        What is asked of it.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    ndarray of float32, shape of the mosaic
        Each grain that counts has its map inside its outline; 0 elsewhere.

    Raises
    ------
    ZirconError
        As `saliency_of_crops` does, or where the project cannot be read.
    """
    project = Project.read(project_folder)
    project.chosen([sample])
    settings = read_model(model_file).crop_settings
    segmented = load(project, sample, part_of(progress, 0.0, 0.3))
    which = usable(segmented.table)
    crops = cut_crops(segmented, which, settings, part_of(progress, 0.3, 0.4))
    found = saliency_of_crops(model_file, crops, question, part_of(progress, 0.4, 1.0))
    return paint_saliency(segmented, which, found, settings)


def paint_saliency(
    segmented: SegmentedMount, which: NDArray[np.int64], found: SaliencyMaps, settings: CropSettings
) -> NDArray[np.float32]:
    """Return the maps of a mount's grains as one image over it.

    Parameters
    ----------
    segmented
        The mount.
    which
        The labels of the grains, shape (n,).
    found
        A map for each of them.
    settings
        The geometry of their crops.

    Returns
    -------
    ndarray of float32, shape of the mosaic
        Each grain has its map inside its outline; 0 elsewhere.
    """
    table, um = segmented.table, segmented.mount.pixel_size_um
    placements = [crop.of_map(found.grid) for crop in place_crops(table, which, settings, um)]
    boxes = pixel_boxes(table, which, um)
    return paint_maps(segmented.labels, which.tolist(), boxes, found.maps, placements)


def _explain(
    read: ReadModel,
    by: "Saliency",
    crops: NDArray[np.float32],
    question: Question,
    progress: Progress,
) -> SaliencyMaps:
    index, method, layer = read.class_index(question.class_name), question.method, ""
    grid = MapGrid((crops.shape[1], crops.shape[2]))
    if method == "gradcam":
        from napari_zircon_cnn.explain.layers import last_convolution

        layer = question.layer or last_convolution(read.model)
        maps, grid = by.grad_cam(crops, index, layer, progress)
    elif method == "integrated-gradients":
        maps = by.integrated_gradients(crops, index, progress=progress)
    elif method == "occlusion":
        patch = max(1, round(PATCH_UM / read.crop_settings.box_um * crops.shape[1]))
        maps = by.occlusion(crops, index, patch, max(1, patch // _PATCH_STEPS), progress)
    else:
        raise ZirconError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")
    return SaliencyMaps(method, read.card.classes[index], layer, maps, grid, by.scores(crops, index))


def _on_the_crop(found: SaliencyMaps, size_px: int) -> NDArray[np.float32]:
    """Return maps with a value for each pixel of the crop."""
    placement = Placement(found.grid.shape, found.grid.offset_px, found.grid.step_px)
    whole = (slice(0, size_px), slice(0, size_px))
    return np.stack([sample_map(values, placement, whole) for values in found.maps])
