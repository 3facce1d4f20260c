"""How quick the window answers: `python tests/with_display.py python benchmarks/bench_window.py`.

On a drawn mount of 4000 x 4000 px with some 3,000 grains, while the worker process trains: the gaps of the
window's event loop, by itself and while somebody curates, a mouse's click up to the painted row of the table,
recolouring, and actions. How soon each panel appears is told by `bench_start.py`.
"""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QModelIndex, QObject, QPoint, Qt, QTimer
from qtpy.QtGui import QPainter
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_zircon_cnn.actions import Accept, Merge, Reject
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.mosaic_files import write_mosaic
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.grain_table import GrainTable
from napari_zircon_cnn.widgets.open_sample import OpenSample

SHAPE = (4000, 4000)
N_GRAINS = 3600
ROUNDS = 9
EPOCHS = 2000
WATCHED_S = 15.0
BETWEEN_ACTIONS_MS = 300
BETWEEN_CLICKS_S = 0.5
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


def pass_time(seconds: float) -> None:
    """Let the window work for a while."""
    end = time.perf_counter() + seconds
    wait_for(lambda: time.perf_counter() > end)


def gaps_while(step: Callable[[int], Any] | None = None) -> str:
    """Return the gaps of the event loop in words, while a step is done again and again or nothing is."""
    gaps, timer = Gaps(), QTimer()
    rounds = count()
    if step is not None:
        timer.timeout.connect(lambda: step(next(rounds)))
        timer.start(BETWEEN_ACTIONS_MS)
    gaps.start()
    pass_time(WATCHED_S)
    timer.stop()
    longest, usual = gaps.stop()
    return f"longest {longest:.0f} ms, median {usual:.0f} ms"


class Marked(QStyledItemDelegate):
    """Notes when the cells of a selected row were painted."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.at = 0.0

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint a cell."""
        super().paint(painter, option, index)
        if option.state & QStyle.StateFlag.State_Selected:
            self.at = time.perf_counter()


def clicked_rows(viewer: Any, sample: OpenSample, table: GrainTable) -> tuple[list[float], list[float]]:
    """Click grains on the canvas as a mouse does.

    Returns
    -------
    tuple
        How long each took up to its painted row in ms, and until all of the window was drawn.
    """
    canvas = next(part for part in QApplication.allWidgets() if "CanvasBackend" in type(part).__name__)
    mouse: Any = QTest
    marked = Marked(table)
    table.view.setItemDelegate(marked)
    places = sample.table[["centroid_y_um", "centroid_x_um"]].to_numpy()
    rows: list[float] = []
    windows: list[float] = []
    for label in np.random.default_rng(1).choice(usable(sample.table), ROUNDS + 1, replace=False):
        camera = viewer.scene.camera
        away = (places[label] - camera.center[-2:]) * camera.zoom + np.array(viewer.canvas.size) / 2
        pass_time(BETWEEN_CLICKS_S)
        start, marked.at = time.perf_counter(), 0.0
        mouse.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(away[1]), round(away[0])))
        while not marked.at:
            QApplication.processEvents()
        windows.append(1e3 * (time.perf_counter() - start))
        rows.append(1e3 * (marked.at - start))
        if table.selection() != list(sample.selected) or not sample.selected:
            raise RuntimeError("the click has selected no grain")
    return rows[1:], windows[1:]


def answers(sample: OpenSample) -> dict[str, Callable[[int], Any]]:
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

    return {
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
        bench.train.train_button.click()
        wait_for(lambda: "Epoch" in bench.train.state.text())
        print(f"gaps while the worker trains: {gaps_while()}", flush=True)
        bench.show_panel(bench.curate)
        bench.curate.go(1)
        keys = (bench.curate.accept, bench.curate.reject, bench.curate.undo, bench.curate.delete)
        print(f"gaps while somebody curates: {gaps_while(lambda n: keys[n % len(keys)]())}", flush=True)
        viewer.fit_to_view(layers=[sample.image])
        rows, windows = clicked_rows(viewer, sample, bench.curate.table)
        print(
            f"a mouse's click up to its painted row: {median(rows):.0f} ms, at most {max(rows):.0f} ms; "
            f"{median(windows):.0f} ms until all is drawn",
            flush=True,
        )
        for name, step in answers(sample).items():
            alone, shown = times_of(step)
            print(f"{name}: {alone:.1f} ms, {shown:.1f} ms until all is drawn", flush=True)
        print(f"still training: {bool(session.tasks)}", flush=True)
        for task in session.tasks:
            task.cancel()
        wait_for(lambda: not session.tasks)
        session.close()
    viewer.close()


if __name__ == "__main__":
    main()
