"""Drive the real window through the tutorial and save its pictures.

    SCREEN_SIZE=1280x800 python tests/with_display.py python docs/make_tutorial_pictures.py

The mosaics are drawn, so that anyone gets the same pictures; nothing is kept but docs/images/tutorial.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QEventLoop, QTimer

from napari_zircon_cnn.actions import Merge, Split
from napari_zircon_cnn.grains import flagged, usable
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.workbench import Workbench

PICTURES = Path(__file__).parent / "images" / "tutorial"
SHAPE = (1200, 1500)
SAMPLES = {"BAT-1": 0.0, "BAT-2": 0.0, "POR-1": 1.0, "POR-2": 1.0}
"""The share of porphyry grains of each drawn sample."""
EPOCHS = 60
SETTLE_S = 0.6
N_COLOURS = 256
PULSE_MS = 20


class Tour:
    """A window, and what the tutorial does in it.

    Parameters
    ----------
    folder
        Where the mosaics and the project lie meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer()
        _, self.bench = self.viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
        self.bench: Workbench
        self.n_pictures = 0

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let the window work until a condition holds."""
        loop, timer = QEventLoop(), QTimer()
        timer.timeout.connect(lambda: loop.quit() if condition() else None)
        timer.start(PULSE_MS)
        loop.exec()

    def finish(self) -> None:
        """Let the window work until no task is under way."""
        self.wait(lambda: not self.bench.session.tasks)

    def picture(self, name: str) -> None:
        """Save what the window shows."""
        end = time.monotonic() + SETTLE_S
        self.wait(lambda: time.monotonic() > end)
        self.n_pictures += 1
        path = PICTURES / f"{self.n_pictures:02d}-{name}.png"
        shot = Image.fromarray(self.viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
        shot.quantize(N_COLOURS, Image.Quantize.FASTOCTREE).save(path, optimize=True)

    def mosaics(self) -> list[Path]:
        """Draw the samples' mosaics."""
        paths = []
        for seed, (name, share) in enumerate(SAMPLES.items()):
            path = self.folder / f"{name}.png"
            mount = synthetic_mount(seed, SHAPE, porphyry_share=share).mount
            path.write_bytes(imagecodecs.png_encode(mount.image))
            paths.append(path)
        return paths


def main() -> None:
    """Go through the tutorial."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tour = Tour(Path(folder))
        bench, session = tour.bench, tour.bench.session
        session.open_project(Path(folder) / "my district")
        tour.finish()
        tour.picture("workbench")
        segment(tour)
        curate(tour)
        train_and_classify(tour)
        inspect(tour)
        session.close()
        bench.close()
        tour.viewer.close()


def segment(tour: Tour) -> None:
    """Open the mosaics and find their grains."""
    bench, session = tour.bench, tour.bench.session
    for path in tour.mosaics():
        session.open_mosaics([path])
        tour.finish()
        is_last = path.stem == list(SAMPLES)[-1]
        if is_last:
            tour.picture("mosaic")
            bench.show_panel(bench.segment)
            bench.segment.preview.setChecked(True)
            tour.wait(lambda: "preview" in tour.viewer.layers)
            tour.picture("preview")
        bench.segment.run_button.click()
        tour.finish()
        if is_last:
            tour.picture("grains")


def curate(tour: Tour) -> None:
    """Reject a grain, join two and cut one."""
    bench, session = tour.bench, tour.bench.session
    bench.show_panel(bench.curate)
    bench.curate.go(1)
    tour.picture("next-grain")
    bench.curate.reject()
    sample = session.active
    touching = flagged(sample.table, "touching")
    if len(touching) > 1:
        session.perform(Merge(labels=tuple(touching[:2].tolist())))
    largest = int(sample.table.loc[usable(sample.table), "area_um2"].idxmax())
    row = sample.table.loc[largest]
    x, y, reach = row["centroid_x_um"], row["centroid_y_um"], row["box_length_um"]
    line = ((x, y - reach), (x + reach / 8, y), (x, y + reach))
    session.perform(Split(label=largest, line_um=line))
    sample.select([largest, len(sample.table) - 1])
    session.bring_into_view(largest)
    tour.picture("curated")
    for _ in range(2):
        session.undo()


def train_and_classify(tour: Tour) -> None:
    """Say what the samples are, train, and classify all grains."""
    bench = tour.bench
    bench.show_panel(bench.train)
    table: Any = bench.train.table
    for row, name in enumerate(SAMPLES):
        table.cellWidget(row, 2).setCurrentText("batholith" if name.startswith("BAT") else "porphyry")
    bench.train.epochs.setValue(EPOCHS)
    bench.train.validation.setCurrentIndex(bench.train.validation.findData("split"))
    tour.picture("classes")
    bench.train.train_button.click()
    tour.wait(lambda: epochs_done(bench.train.state.text()) >= EPOCHS // 2)
    tour.picture("training")
    tour.finish()
    bench.show_panel(bench.classify)
    bench.classify.classify_button.click()
    tour.finish()
    tour.viewer.fit_to_view(layers=[bench.session.active.image])
    tour.picture("probabilities")


def epochs_done(state: str) -> int:
    """Return how many epochs the panel says are done."""
    words = state.split()
    return int(words[1]) if words[:1] == ["Epoch"] else 0


def inspect(tour: Tour) -> None:
    """Turn to the grain that the network is least sure of."""
    session = tour.bench.session
    probability = session.active.table["probability"].to_numpy()
    label = int(np.nanargmin(np.abs(probability - 0.5)))
    session.active.select([label])
    session.zoom_to(label)
    tour.picture("one-grain")


if __name__ == "__main__":
    main()
