"""How quick the plot of an embedding is: `python tests/with_display.py python benchmarks/bench_scatter.py`.

On a drawn mount of 4000 x 4000 px with some 3,000 grains, laid out by where they lie: the plot drawn after a
selection, and a lasso's last movement up to the drawn window, with mount and table.
"""

import itertools
import time
from statistics import median
from typing import Any

import numpy as np
from drawn_window import mosaics, open_and_segment, pass_time, wait_for, workbench
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QPaintEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_zircon_cnn.grains import usable, with_coordinates
from napari_zircon_cnn.widgets import embed_panel
from napari_zircon_cnn.widgets.scatter import Scatter

SHARES = (0.01, 0.1, 1.0)
ROUNDS, N_STEPS = 5, 10


def lasso(scatter: Scatter, share: float) -> float:
    """Draw around a share of the plot; return the time in ms from letting go until all is drawn."""
    place = scatter.plot_place()
    right = place.left() + round(share * place.width())
    corners = [
        QPoint(place.left(), place.top()),
        QPoint(right, place.top()),
        QPoint(right, place.bottom()),
        QPoint(place.left(), place.bottom()),
    ]
    hand: Any = QTest
    hand.mousePress(scatter, Qt.MouseButton.LeftButton, pos=corners[0])
    for start, stop in itertools.pairwise(corners):
        for step in range(1, N_STEPS + 1):
            hand.mouseMove(scatter, start + (stop - start) * step / N_STEPS)
            QApplication.processEvents()
    begin = time.perf_counter()
    hand.mouseRelease(scatter, Qt.MouseButton.LeftButton, pos=corners[-1])
    QApplication.processEvents()
    return 1e3 * (time.perf_counter() - begin)


class Watched(Scatter):
    """Notes when it was painted."""

    at = 0.0

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 -- Qt's name
        """Draw as ever."""
        super().paintEvent(event)
        self.at = time.perf_counter()


def marked(scatter: Watched, points: NDArray[np.int64]) -> float:
    """Mark points; return the time in ms until the plot is painted."""
    scatter.at, start = 0.0, time.perf_counter()
    scatter.mark(points)
    while not scatter.at:
        QApplication.processEvents()
    return 1e3 * (scatter.at - start)


def main() -> None:
    """Print the figures."""
    embed_panel.Scatter = Watched  # type: ignore[attr-defined]
    with workbench() as (_, bench, folder):
        sample = open_and_segment(bench, mosaics(folder)[0])
        labels = usable(sample.table)
        names = ["centroid_x_um", "centroid_y_um", "area_um2"]
        places = sample.table.loc[labels, names].to_numpy(float)
        sample.embedded(with_coordinates(sample.table, labels, places, "umap"), "umap")
        bench.show_panel(bench.embed)
        wait_for(lambda: len(bench.embed.points) > 0)
        pass_time(2)
        scatter: Any = bench.embed.scatter
        print(
            f"{len(bench.embed.points)} points, plot of {scatter.width()} x {scatter.height()} px", flush=True
        )
        rng = np.random.default_rng(0)
        for number in (1, 30, len(labels)):
            times = []
            for _ in range(ROUNDS + 1):
                chosen = rng.choice(len(labels), number, replace=False)
                times.append(marked(scatter, chosen))
            print(
                f"plot drawn after a selection of {number}: {median(times[1:]):.1f} ms, at most "
                f"{max(times[1:]):.1f} ms",
                flush=True,
            )
        for share in SHARES:
            times = []
            for _ in range(ROUNDS + 1):
                sample.select([])
                pass_time(0.2)
                times.append(lasso(scatter, share))
            print(
                f"lasso of {len(sample.selected)} up to mount, table and plot drawn: "
                f"{median(times[1:]):.0f} ms, at most {max(times[1:]):.0f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
