"""How quick the window answers: `python tests/with_display.py python benchmarks/bench_window.py`.

On a drawn mount of 4000 x 4000 px with some 3,000 grains: recolouring, selecting, actions, and the gaps
of the window's event loop while the worker process trains.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QObject, QTimer
from qtpy.QtWidgets import QApplication

from napari_zircon_cnn.actions import Accept, Merge, Reject
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.mosaic_files import write_mosaic
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.grain_table import GrainTable
from napari_zircon_cnn.widgets.open_sample import OpenSample

SHAPE = (4000, 4000)
N_GRAINS = 3000
ROUNDS = 9
EPOCHS = 2000
WATCHED_S = 15.0
PULSE_MS = 5


class Gaps(QObject):
    """Measures how long the window's event loop leaves a timer waiting."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._timer.setInterval(PULSE_MS)
        self.gaps: list[float] = []
        self._last = 0.0

    def start(self) -> None:
        """Begin to measure."""
        self.gaps.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> tuple[float, float]:
        """Return the longest and the median gap in ms."""
        self._timer.stop()
        return 1e3 * max(self.gaps), 1e3 * median(self.gaps)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now


def mosaics(folder: Path) -> list[Path]:
    """Write a large and a small mosaic of grains small enough that so many find room."""
    written = []
    for name, seed, shape, n_grains in (("large", 1, SHAPE, N_GRAINS), ("small", 2, (1200, 1200), 250)):
        mount = synthetic_mount(seed, shape, n_grains=n_grains, pixel_size_um=4.0, sample=name).mount
        written.append(write_mosaic(mount, folder).source or folder)
    return written


def wait_for(condition: Callable[[], bool]) -> None:
    """Let the window work until a condition holds."""
    loop = QEventLoop()
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() else None)
    timer.start(PULSE_MS)
    loop.exec()


def times_of(step: Callable[[int], Any], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the median time of a step in ms, by itself and until the window has drawn it."""
    app = QApplication.instance()
    alone, shown = [], []
    for n in range(rounds + 1):
        start = time.perf_counter()
        step(n)
        alone.append(time.perf_counter() - start)
        if app is not None:
            app.processEvents()
        shown.append(time.perf_counter() - start)
    # The first round also fills caches.
    return 1e3 * median(alone[1:]), 1e3 * median(shown[1:])


def answers(sample: OpenSample, table: GrainTable) -> dict[str, Callable[[int], Any]]:
    """Return what is timed: by its name a function of the round's number."""
    labels = usable(sample.table)
    rng = np.random.default_rng(0)
    chosen = [int(label) for label in rng.choice(labels, ROUNDS + 1, replace=False)]
    places = sample.table[["centroid_y_um", "centroid_x_um"]].to_numpy()
    um = sample.segmented.mount.pixel_size_um

    def with_nearest(label: int) -> tuple[int, int]:
        away = np.hypot(*(places - places[label]).T)
        away[label] = np.inf
        return label, int(np.nanargmin(away))

    def paint(n: int) -> None:
        sample.grains.paint(tuple(places[chosen[n]] / um), chosen[n])
        sample.take_over_painting()

    def click(n: int) -> None:
        sample.select([sample.label_at(places[chosen[-n - 1]])])
        table.repaint()

    return {
        "select a grain by a click, up to its row in the table": click,
        "recolour one grain": lambda n: sample.select([chosen[n]]),
        "accept one grain": lambda n: sample.perform(Accept(labels=(chosen[n],))),
        "reject one grain": lambda n: sample.perform(Reject(labels=(chosen[n],), reason="fragment")),
        "merge two neighbours": lambda n: sample.perform(Merge(labels=with_nearest(chosen[n]))),
        "undo it": lambda _: sample.undo(),
        "paint a stroke": paint,
        "recolour all": lambda n: sample.colour_by("probability" if n % 2 else "status"),
    }


def main() -> None:
    """Print the figures."""
    viewer = napari.Viewer()
    start = time.perf_counter()
    _, bench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    print(f"the workbench appears in {time.perf_counter() - start:.2f} s", flush=True)
    session = bench.session
    with TemporaryDirectory() as folder:
        session.open_project(folder)
        wait_for(lambda: not session.tasks)
        for path in reversed(mosaics(Path(folder))):
            session.open_mosaics([path])
            wait_for(lambda: not session.tasks)
            bench.segment.run()
            wait_for(lambda: not session.tasks)
        sample = session.active
        n_grains = len(usable(sample.table))
        print(f"{n_grains} grains on {SHAPE[1]} x {SHAPE[0]} px", flush=True)
        bench.show_panel(bench.train)
        for row, name in enumerate(("porphyry", "batholith")):
            bench.train.table.cellWidget(row, 2).setCurrentText(name)
        bench.train.validation.setCurrentIndex(bench.train.validation.findData("split"))
        bench.train.epochs.setValue(EPOCHS)
        gaps = Gaps()
        bench.train.train_button.click()
        wait_for(lambda: "Epoch" in bench.train.state.text())
        gaps.start()
        end = time.perf_counter() + WATCHED_S
        wait_for(lambda: time.perf_counter() > end)
        longest, usual = gaps.stop()
        print(f"gaps while the worker trains: longest {longest:.0f} ms, median {usual:.0f} ms", flush=True)
        for name, step in answers(sample, bench.classify.table).items():
            alone, shown = times_of(step)
            print(f"{name}, meanwhile: {alone:.1f} ms, {shown:.1f} ms until it is drawn", flush=True)
        print(f"still training: {bool(session.tasks)}", flush=True)
        session.close()
    viewer.close()


if __name__ == "__main__":
    main()
