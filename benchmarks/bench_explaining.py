"""How soon a network tells of a grain: `python tests/with_display.py python benchmarks/bench_explaining.py`.

On a drawn mount of 4000 x 4000 px with some 3,000 grains, and on one of the paper's mosaics where
ZIRCON_CNN_DATA names their folder: how long turning to another grain takes until its maps are drawn; how long
UMAP takes in a worker that is warm, and the gaps of the window's event loop meanwhile.
"""

import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from bench_window import Gaps, mosaics, pass_time, wait_for
from qtpy.QtWidgets import QApplication

from napari_zircon_cnn.embedding.layout import fit
from napari_zircon_cnn.embedding_file import EmbeddingSettings
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.widgets.map_layers import GRAIN_LAYER
from napari_zircon_cnn.widgets.tasks import of_worker
from napari_zircon_cnn.widgets.workbench import Workbench

REAL = "QVC028"
EPOCHS, LONG_EPOCHS = 2, 5000
N_TURNS = 60
BETWEEN_TURNS_S = 0.2
N_GRAINS = (750, 10_000)
WARM_S = 20.0
N_UNITS = 32


def turned(bench: Workbench, label: int) -> float:
    """Turn to a grain; return the time in ms until its maps and its layer are drawn."""
    panel, sample = bench.inspect, bench.session.active
    if sample is None:
        raise RuntimeError("no sample is shown")
    start = time.perf_counter()
    sample.select([label])
    # A loop that spins would take a core from the worker.
    wait_for(lambda: panel.grain is not None and panel.grain.label == label and not panel.is_waiting)
    QApplication.processEvents()
    return 1e3 * (time.perf_counter() - start)


def turns(bench: Workbench, n: int = N_TURNS) -> str:
    """Turn to one grain after the other; return in words how long each took."""
    sample = bench.session.active
    if sample is None:
        raise RuntimeError("no sample is shown")
    labels = usable(sample.table)
    times = []
    for label in np.random.default_rng(0).choice(labels, min(n, len(labels)), replace=False).tolist():
        pass_time(BETWEEN_TURNS_S)
        times.append(turned(bench, label))
    if GRAIN_LAYER not in bench.viewer.layers:
        raise RuntimeError("no map lies over the grain")
    times = times[1:]
    over = sum(one > 150 for one in times)
    return f"{median(times):.0f} ms, at most {max(times):.0f} ms, {over} of {len(times)} over 150 ms"


def watched(task: Any) -> tuple[float, float]:
    """Wait for a task; return its time in s and the longest gap of the event loop in ms."""
    gaps = Gaps()
    gaps.start()
    start = time.perf_counter()
    wait_for(lambda: not task.is_running)
    taken = time.perf_counter() - start
    return taken, gaps.stop()[0]


def umap_of(bench: Workbench, n: int) -> Any:
    """Return the task that lays out clouds of points in the worker, as a penultimate layer gives them."""
    random = np.random.default_rng(0)
    middles = random.normal(0, 2, (4, N_UNITS))
    clouds = middles[random.integers(0, 4, n)] + random.normal(size=(n, N_UNITS))
    points = np.maximum(clouds, 0).astype(np.float32)
    worker = bench.session.modelling.worker
    return of_worker("UMAP", worker, (), fit, points, EmbeddingSettings(), parent=bench)


def train(bench: Workbench, epochs: int) -> None:
    """Begin to train LeNet-5."""
    bench.show_panel(bench.train)
    table: Any = bench.train.table
    for row, name in enumerate(("porphyry", "batholith")):
        table.cellWidget(row, 2).setCurrentText(name)
    bench.train.validation.setCurrentIndex(bench.train.validation.findData("split"))
    bench.train.epochs.setValue(epochs)
    bench.train.train_button.click()


def open_and_segment(bench: Workbench, path: Path) -> None:
    """Show a mosaic and find its grains."""
    bench.session.open_mosaics([path])
    wait_for(lambda: not bench.session.tasks)
    bench.segment.run()
    wait_for(lambda: not bench.session.tasks)


def main() -> None:
    """Print the figures."""
    viewer = napari.Viewer()
    _, bench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = bench.session
    with TemporaryDirectory() as folder:
        session.open_project(folder)
        wait_for(lambda: not session.tasks)
        for path in reversed(mosaics(Path(folder))):
            open_and_segment(bench, path)
        train(bench, EPOCHS)
        wait_for(lambda: not session.tasks)
        large = session.active.name
        bench.show_panel(bench.inspect)
        n_grains = len(usable(session.active.table))
        print(f"maps of another of {n_grains} grains: {turns(bench)}", flush=True)
        data = os.environ.get("ZIRCON_CNN_DATA")
        if data:
            open_and_segment(bench, Path(data) / "quellaveco" / f"{REAL}.png")
            bench.show_panel(bench.inspect)
            n_grains = len(usable(session.active.table))
            print(f"maps of another of {n_grains} grains of {REAL}: {turns(bench)}", flush=True)
            session.activate(large)
        pass_time(WARM_S)
        for n in N_GRAINS:
            taken, gap = watched(umap_of(bench, n))
            print(f"UMAP of {n:,} grains: {taken:.1f} s, longest gap of the window {gap:.0f} ms", flush=True)
        bench.show_panel(bench.embed)
        bench.embed.compute()
        taken, gap = watched(session.tasks[0])
        print(f"the panel's own of all grains: {taken:.1f} s, longest gap {gap:.0f} ms", flush=True)
        train(bench, LONG_EPOCHS)
        wait_for(lambda: "Epoch" in bench.train.state.text())
        bench.show_panel(bench.inspect)
        print(f"maps of another grain while the worker trains: {turns(bench)}", flush=True)
        print(f"still training: {bool(session.tasks)}", flush=True)
        for task in session.tasks:
            task.cancel()
        wait_for(lambda: not session.tasks)
        session.close()
    viewer.close()


if __name__ == "__main__":
    main()
