"""Seconds that UMAP takes in a process that has used it before: `python benchmarks/bench_embedding.py`.

Beside it what turning to another grain costs, which has to feel immediate.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.embedding.layout import fit, place
from napari_zircon_cnn.embedding_file import EmbeddingSettings
from napari_zircon_cnn.explain.feature_maps import MapReader
from napari_zircon_cnn.networks.lenet5 import build_lenet5


def features(n: int) -> NDArray[np.float32]:
    """Return what a penultimate layer of 32 units might give: rectified clouds."""
    random = np.random.default_rng(0)
    middles = random.normal(0, 2, (4, 32))
    return np.maximum(middles[random.integers(0, 4, n)] + random.normal(size=(n, 32)), 0).astype(np.float32)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    settings = EmbeddingSettings()
    first = seconds(lambda: fit(features(60), settings))
    print(f"first UMAP of a process, which compiles it: {first:.1f} s", flush=True)
    for n in (750, 10_000):
        points = features(n)
        umap = seconds(partial(fit, points, settings))
        print(f"UMAP of {n:,} grains: {umap:.2f} s", flush=True)
        laid_out = np.random.default_rng(1).normal(size=(n, 3))
        placed = seconds(partial(place, points[:1000], points, laid_out, settings))
        print(f"placing 1,000 grains among {n:,}: {placed:.2f} s", flush=True)
        pca = seconds(partial(fit, points, EmbeddingSettings(method="pca")))
        print(f"PCA of {n:,} grains: {pca:.3f} s", flush=True)
    reader = MapReader(build_lenet5())
    crops = np.random.default_rng(0).random((20, 1, 32, 32, 1), np.float32)
    reader.read(crops[0])
    turning = median(seconds(partial(reader.read, crop)) for crop in crops)
    print(f"maps of LeNet-5's six layers for another grain: {turning * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
