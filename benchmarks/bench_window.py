"""How quick the window answers: `python tests/with_display.py python benchmarks/bench_window.py`.

On a drawn mount of 4000 x 4000 px with some 3,000 grains: the gaps of the window's event loop while they are
classified, and while a network is validated. Then, while the worker process trains: the gaps by itself and
while somebody curates, a mouse's click up to the painted row of the table, recolouring, and actions. How soon
each panel appears is told by `bench_start.py`.
"""

import time
from collections.abc import Callable
from itertools import count
from statistics import median
from typing import Any

import numpy as np
from drawn_window import (
    SHAPE,
    Gaps,
    mosaics,
    open_and_segment,
    pass_time,
    train,
    wait_for,
    watched,
    workbench,
)
from qtpy.QtCore import QModelIndex, QObject, QPoint, Qt, QTimer
from qtpy.QtGui import QPainter
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_zircon_cnn.actions import Accept, Merge, Reject
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.widgets.grain_table import GrainTable
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.workbench import Workbench

ROUNDS = 9
EPOCHS, LONG_EPOCHS = 5, 2000
WATCHED_S = 15.0
BETWEEN_ACTIONS_MS = 300
BETWEEN_CLICKS_S = 0.5


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


def watch_answers(bench: Workbench) -> None:
    """Train for a moment; print the gaps while the grains are classified and the network is validated."""
    train(bench, EPOCHS)
    wait_for(lambda: not bench.session.tasks)
    bench.show_panel(bench.classify)
    found = []
    for _ in range(ROUNDS):
        bench.classify.classify_button.click()
        found.append(watched(bench.session.tasks[-1])[1])
    print(
        f"longest gap while it classifies: {found[0]:.0f} ms the first time, then "
        f"{median(found[1:]):.0f} ms, at most {max(found[1:]):.0f} ms",
        flush=True,
    )
    bench.show_panel(bench.train)
    bench.train.validated.repeats.setValue(1)
    bench.train.validated.start_button.click()
    taken, longest = watched(bench.session.tasks[-1])
    print(f"longest gap while it validates for {taken:.0f} s: {longest:.0f} ms", flush=True)


def main() -> None:
    """Print the figures."""
    with workbench() as (viewer, bench, folder):
        session = bench.session
        sample = open_and_segment(bench, *reversed(mosaics(folder)))
        print(f"{len(usable(sample.table))} grains on {SHAPE[1]} x {SHAPE[0]} px", flush=True)
        watch_answers(bench)
        train(bench, LONG_EPOCHS)
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


if __name__ == "__main__":
    main()
