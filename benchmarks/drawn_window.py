"""What the benchmarks of the window share: a workbench, drawn mounts, and how long it leaves one waiting."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import napari
from qtpy.QtCore import QEventLoop, QObject, QTimer

from napari_zircon_cnn.mosaic_files import write_mosaic
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.tasks import Task
from napari_zircon_cnn.widgets.workbench import Workbench

SHAPE = (4000, 4000)
N_GRAINS = 3600
PULSE_MS = 5
UNTIL_SHOWN_S = 1.0


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


def wait_for(condition: Callable[[], bool]) -> None:
    """Let the window work until a condition holds."""
    loop = QEventLoop()
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() else None)
    timer.start(PULSE_MS)
    loop.exec()


def pass_time(seconds: float) -> None:
    """Let the window work for a while."""
    end = time.perf_counter() + seconds
    wait_for(lambda: time.perf_counter() > end)


def watched(task: Task) -> tuple[float, float]:
    """Wait for a task; return its time in s and the longest gap in ms until all it tells is shown."""
    gaps = Gaps()
    gaps.start()
    start = time.perf_counter()
    wait_for(lambda: not task.is_running)
    taken = time.perf_counter() - start
    pass_time(UNTIL_SHOWN_S)
    return taken, gaps.stop()[0]


@contextmanager
def workbench() -> Iterator[tuple[Any, Workbench, Path]]:
    """Give a viewer, its workbench and the folder of an empty project; what runs at the end is cancelled."""
    viewer = napari.Viewer()
    _, bench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = bench.session
    with TemporaryDirectory() as folder:
        session.open_project(folder)
        wait_for(lambda: not session.tasks)
        yield viewer, bench, Path(folder)
        for task in session.tasks:
            task.cancel()
        wait_for(lambda: not session.tasks)
        session.close()
    viewer.close()


def mosaics(folder: Path) -> tuple[Path, Path]:
    """Write a large and a small mosaic of grains small enough that so many find room."""

    def written(name: str, seed: int, shape: tuple[int, int], n_grains: int) -> Path:
        mount = synthetic_mount(seed, shape, n_grains=n_grains, pixel_size_um=4.0, sample=name).mount
        return write_mosaic(mount, folder).source or folder

    return written("large", 1, SHAPE, N_GRAINS), written("small", 2, (1200, 1200), 250)


def open_and_segment(bench: Workbench, *paths: Path) -> OpenSample:
    """Show mosaics one after the other and find their grains; return the last."""
    for path in paths:
        bench.session.open_mosaics([path])
        wait_for(lambda: not bench.session.tasks)
        bench.segment.run()
        wait_for(lambda: not bench.session.tasks)
    sample = bench.session.active
    if sample is None:
        raise RuntimeError("no sample is shown")
    return sample


def train(bench: Workbench, epochs: int) -> None:
    """Begin to train LeNet-5 to tell the two samples apart."""
    bench.show_panel(bench.train)
    table: Any = bench.train.table
    for row, name in enumerate(("porphyry", "batholith")):
        table.cellWidget(row, 2).setCurrentText(name)
    bench.train.validation.setCurrentIndex(bench.train.validation.findData("split"))
    bench.train.epochs.setValue(epochs)
    bench.train.train_button.click()
