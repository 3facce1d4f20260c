"""How soon each widget appears: `python tests/with_display.py python benchmarks/bench_start.py`.

Each widget of the manifest is opened in a process of its own, with a viewer that has come to rest, as by
its menu entry; the time is that until it and what it shows is drawn. Best and median of some runs.
"""

import argparse
import subprocess
import sys
import time
from statistics import median

import napari
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication

WIDGETS = ("Zircon CNN", "Mount", "Segment", "Curate", "Train", "Classify")
ROUNDS = 5
AT_REST_S = 0.5


class Painted(QObject):
    """Notes when something was painted last."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: ARG002, N802
        """Look at an event of the widget."""
        if event is not None and event.type() == QEvent.Type.Paint:
            self.at = time.perf_counter()
        return False


def appear(widget: str) -> None:
    """Open a widget in a new viewer and print how long it took in ms."""
    viewer = napari.Viewer()
    rest = time.perf_counter() + AT_REST_S
    while time.perf_counter() < rest:
        QApplication.processEvents()
    painted = Painted()
    start = time.perf_counter()
    _, panel = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", widget)
    panel.installEventFilter(painted)
    while not painted.at:
        QApplication.processEvents()
    print(1e3 * (time.perf_counter() - start), flush=True)
    viewer.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widget", help="what the process that opens one is called with")
    wanted = parser.parse_args().widget
    if wanted:
        appear(wanted)
        return
    for widget in WIDGETS:
        command = [sys.executable, __file__, "--widget", widget]
        done = [
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
            for _ in range(ROUNDS)
        ]
        times = [float(one.stdout.split()[-1]) for one in done]
        print(f"{widget} appears in {median(times):.0f} ms (best {min(times):.0f} ms)", flush=True)


if __name__ == "__main__":
    main()
