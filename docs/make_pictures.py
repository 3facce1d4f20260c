"""Make the pictures of the README from the demonstration: `python docs/make_pictures.py`."""

import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.grains import SegmentedMount, usable
from napari_zircon_cnn.jobs.demo import HELD_OUT, run_demo
from napari_zircon_cnn.overview import draw_overview
from napari_zircon_cnn.project import Project

IMAGES = Path(__file__).parent / "images"
CORNER_PX = 900
CROPS_SHOWN = 4


def main() -> None:
    """Write `images/demo.png`: two samples that the network never saw, and some of their grains."""
    with tempfile.TemporaryDirectory() as folder:
        run_demo(Path(folder))
        project = Project.open(Path(folder) / "project")
        samples = list(project.load_each(HELD_OUT))
        verdicts = project.verdicts()
    if verdicts is None:
        raise AssertionError("the demonstration classifies its samples")
    words = dict(zip(verdicts["sample"], verdicts["verdict"], strict=True))
    figure = Figure(figsize=(11, 6.1), facecolor="white", layout="constrained")
    panels = figure.subplots(2, 2, height_ratios=(3, 1))
    for column, segmented in enumerate(samples):
        name = segmented.mount.sample
        mean = segmented.table["probability"].mean()
        top, bottom = panels[:, column]
        whole = draw_overview(segmented, max(segmented.mount.image.shape))
        top.imshow(whole.picture[:CORNER_PX, : CORNER_PX * 4 // 3])
        top.set_title(f"{name}: {words[name]}, mean porphyry probability {mean:.2f}")
        bottom.imshow(_row_of_grains(segmented), cmap="viridis")
        bottom.set_title("its grains from the least to the most porphyry-like", fontsize=10)
        for axes in (top, bottom):
            axes.set_axis_off()
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / "demo.png", dpi=110)


def _row_of_grains(segmented: SegmentedMount) -> NDArray[np.float32]:
    labels = usable(segmented.table)
    by_probability = labels[np.argsort(segmented.table["probability"].to_numpy()[labels])]
    shown = by_probability[np.linspace(0, len(labels) - 1, CROPS_SHOWN).astype(int)]
    return np.hstack(list(cut_crops(segmented, shown)[..., 0]))


if __name__ == "__main__":
    main()
