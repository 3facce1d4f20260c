"""How soon a network tells of a grain: `python tests/with_display.py python benchmarks/bench_explaining.py`.

On a drawn mount of 4000 x 4000 px with some 3,000 grains, and on one of the paper's mosaics where
ZIRCON_CNN_DATA names their folder, with a worker that is warm: how long turning to another grain takes until
its maps are drawn; how long UMAP takes, and the gaps of the window's event loop meanwhile.
"""

import os
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from drawn_window import (
    UNTIL_SHOWN_S,
    mosaics,
    open_and_segment,
    pass_time,
    train,
    wait_for,
    watched,
    workbench,
)
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


def umap_of(bench: Workbench, n: int) -> Any:
    """Return the task that lays out clouds of points in the worker, as a penultimate layer gives them."""
    random = np.random.default_rng(0)
    middles = random.normal(0, 2, (4, N_UNITS))
    clouds = middles[random.integers(0, 4, n)] + random.normal(size=(n, N_UNITS))
    points = np.maximum(clouds, 0).astype(np.float32)
    worker = bench.session.modelling.worker
    return of_worker("UMAP", worker, (), fit, points, EmbeddingSettings(), parent=bench)


def main() -> None:
    """Print the figures."""
    with workbench() as (_, bench, folder):
        session = bench.session
        large = open_and_segment(bench, *reversed(mosaics(folder)))
        train(bench, EPOCHS)
        wait_for(lambda: not session.tasks)
        bench.show_panel(bench.inspect)
        # Until then what UMAP is made of is compiled beside the first jobs.
        pass_time(WARM_S)
        print(f"maps of another of {len(usable(large.table))} grains: {turns(bench)}", flush=True)
        data = os.environ.get("ZIRCON_CNN_DATA")
        if data:
            real = open_and_segment(bench, Path(data) / "quellaveco" / f"{REAL}.png")
            bench.show_panel(bench.inspect)
            print(
                f"maps of another of {len(usable(real.table))} grains of {REAL}: {turns(bench)}", flush=True
            )
            session.activate(large.name)
            pass_time(UNTIL_SHOWN_S)
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


if __name__ == "__main__":
    main()
