"""How quick the window answers: `python tests/with_display.py python benchmarks/bench_window.py`.

On a drawn mount of 4000 x 4000 px with some 3,000 grains: recolouring, selecting, actions, and the gaps
of the window's event loop while the worker process trains.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_zircon_cnn.actions import Accept, Merge, Reject
from napari_zircon_cnn.curation import Curation
from napari_zircon_cnn.grains import SegmentedMount, existing, measure
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.layers import mount_layer
from napari_zircon_cnn.widgets.open_sample import OpenSample

SHAPE = (4000, 4000)
N_GRAINS = 3000
ROUNDS = 9


def drawn(shape: tuple[int, int] = SHAPE, n_grains: int = N_GRAINS) -> SegmentedMount:
    """Return a drawn mount with its true grains, small enough that so many find room."""
    mount = synthetic_mount(1, shape, n_grains=n_grains, pixel_size_um=4.0)
    return SegmentedMount(mount.mount, mount.labels, measure(mount.labels, mount.mount))


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


def main() -> None:
    """Print the figures."""
    segmented = drawn()
    labels = existing(segmented.table)
    print(f"{len(labels)} grains on {segmented.labels.shape[1]} x {segmented.labels.shape[0]} px", flush=True)
    viewer = napari.Viewer()
    data, look, _ = mount_layer(segmented.mount)
    sample = OpenSample(viewer, viewer.add_image(data, **look), Curation(segmented))
    rng = np.random.default_rng(0)
    chosen = [int(label) for label in rng.choice(labels, 4 * ROUNDS + 8, replace=False)]

    places = segmented.table[["centroid_y_um", "centroid_x_um"]].to_numpy()

    def with_nearest(label: int) -> tuple[int, int]:
        away = np.hypot(*(places - places[label]).T)
        away[label] = np.inf
        return label, int(np.nanargmin(away))

    def paint(n: int) -> None:
        sample.grains.paint(tuple(places[chosen[n]] / segmented.mount.pixel_size_um), chosen[n])
        sample.take_over_painting()

    def toggle_mode(n: int) -> None:
        sample.colour_by("probability" if n % 2 else "status")

    steps: dict[str, Callable[[int], Any]] = {
        "select one grain": lambda n: sample.select([chosen[n]]),
        "accept one grain": lambda n: sample.perform(Accept(labels=(chosen[n],))),
        "reject one grain": lambda n: sample.perform(Reject(labels=(chosen[n],), reason="fragment")),
        "merge two neighbours": lambda n: sample.perform(Merge(labels=with_nearest(chosen[-n - 1]))),
        "undo it": lambda _: sample.undo(),
        "paint a stroke": paint,
        "recolour all": toggle_mode,
    }
    for name, step in steps.items():
        alone, shown = times_of(step)
        print(f"{name}: {alone:.1f} ms, {shown:.1f} ms until it is drawn", flush=True)
    viewer.close()


if __name__ == "__main__":
    main()
