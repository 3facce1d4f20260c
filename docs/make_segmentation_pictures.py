"""Make the pictures of docs/segmentation.md: `python docs/make_segmentation_pictures.py`.

The real mosaics are fetched, or taken from the folder that ZIRCON_CNN_DATA names. The hand-drawn masks
for the picture of failures are taken from its folder `truth`; without them that picture stays as it is.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_zircon_cnn.find_grains import find_grains
from napari_zircon_cnn.grains import SegmentedMount, usable
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.segmentation.adaptive import segment_region
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.background import background_of
from napari_zircon_cnn.segmentation.foreground import Scale, grown, look_at

IMAGES = Path(__file__).parent / "images"
GAMMA = 0.5
FOUND, HAND_DRAWN = "#ffb000", "#4fc3f7"

Region = tuple[slice, slice]

CLUSTER: Region = (slice(250, 560), slice(340, 860))
"""Touching grains, a tile's seam and glow in QVC061."""

CROWD: Region = (slice(560, 1160), slice(700, 1600))
"""A crowded part of QVC028."""

FAILURES = (
    ("QVC061", (slice(500, 600), slice(480, 580))),
    ("QVC082", (slice(375, 475), slice(1035, 1135))),
    ("QVC082", (slice(175, 285), slice(660, 780))),
)


def main() -> None:
    """Write the pictures."""
    IMAGES.mkdir(exist_ok=True)
    show_steps(quellaveco.load("QVC061"))
    show_methods(quellaveco.load("QVC028"))
    truth = Path(os.environ.get("ZIRCON_CNN_DATA", "")) / "truth"
    if truth.is_dir():
        show_failures(truth)


def show_steps(mount: Mount) -> None:
    """Draw what each step of the adaptive method sees."""
    parameters = AdaptiveParameters()
    scale = Scale.of(mount.pixel_size_um, parameters)
    with ThreadPoolExecutor() as pool:
        around = grown(CLUSTER, scale.reach_px, mount.image.shape)
        resin = background_of(mount, around, parameters.background_um, pool)
    seen = look_at(mount, CLUSTER, resin, scale, parameters)
    figure, panels = _panels(2, 2, (11, 7.2))
    titles = ("the mosaic", "light above the resin", "above half of the brightest nearby", "the grains")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title)
    _show(panels[0], mount.image[CLUSTER])
    _show(panels[1], seen.light)
    panels[2].imshow(seen.mask, cmap="gray")
    _show(panels[3], mount.image[CLUSTER])
    _outline(panels[3], segment_region(mount, CLUSTER), FOUND)
    figure.savefig(IMAGES / "segmentation-steps.png", dpi=100)


def show_methods(mount: Mount) -> None:
    """Draw the paper's preset beside the adaptive method."""
    figure, panels = _panels(1, 2, (13, 4.7))
    for axes, method in zip(panels, ("nathwani2023", "adaptive"), strict=True):
        found = find_grains(mount, method)
        axes.set_title(f"{method}: {len(usable(found.table))} grains in the whole of {mount.sample}")
        _show(axes, mount.image[CROWD])
        _outline(axes, _counted(found)[CROWD], FOUND)
    figure.savefig(IMAGES / "segmentation-methods.png", dpi=100)


def show_failures(truth: Path) -> None:
    """Draw where outlines are worst against the hand-drawn ones."""
    figure, panels = _panels(1, len(FAILURES), (12, 4.4))
    for axes, (sample, region) in zip(panels, FAILURES, strict=True):
        mount = quellaveco.load(sample)
        masks = imagecodecs.png_decode((truth / f"{sample}_labels.png").read_bytes()).astype(np.int32)
        axes.set_title(f"{sample} at x {region[1].start}, y {region[0].start} px")
        _show(axes, mount.image[region])
        _outline(axes, masks[region], HAND_DRAWN)
        _outline(axes, _counted(find_grains(mount, "adaptive"))[region], FOUND)
    figure.savefig(IMAGES / "segmentation-failures.png", dpi=100)


def _panels(rows: int, columns: int, inches: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=inches, facecolor="white", layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.set_axis_off()
    return figure, panels


def _show(axes: Axes, grey: NDArray[Any]) -> None:
    scaled = grey.astype(np.float64) / max(float(np.percentile(grey, 99.8)), 1)
    axes.imshow(scaled.clip(0, 1) ** GAMMA, cmap="gray", vmin=0, vmax=1)


def _outline(axes: Axes, labels: NDArray[np.int32], colour: str) -> None:
    for label in np.unique(labels)[1:]:
        axes.contour(labels == label, levels=[0.5], colors=colour, linewidths=1.1)


def _counted(found: SegmentedMount) -> NDArray[np.int32]:
    return np.where(np.isin(found.labels, usable(found.table)), found.labels, 0)


if __name__ == "__main__":
    main()
