"""Time and memory of segmenting a mosaic too large for memory, through the command line.

Run it with ``python benchmarks/bench_large.py [EDGE] [FOLDER]``, by default for 20,000 px in the
system's temporary folder. For an edge of 60,000 px FOLDER needs 2 GB, and the folder for temporary
files, /var/tmp or what TMPDIR names, another 18.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn.samples.synthetic import synthetic_mount

EDGE_PX = 20_000
TILE_PX = 512
PIECE_PX = 4 * TILE_PX
N_PIECES = 6
SECONDS_BETWEEN_LOOKS = 0.1


def write_mosaic(path: Path, edge_px: int) -> None:
    """Write a tiled TIFF of a few drawn mounts, side by side in no order and turned every way."""
    tifffile.imwrite(
        path,
        _tiles(edge_px),
        shape=(edge_px, edge_px),
        dtype="uint8",
        tile=(TILE_PX, TILE_PX),
        compression="zlib",
        compressionargs={"level": 1},
        buffersize=2**26,
        maxworkers=os.cpu_count(),
    )


def _tiles(edge_px: int) -> Iterator[NDArray[np.uint8]]:
    drawn = [synthetic_mount(seed, (PIECE_PX, PIECE_PX)).mount.image for seed in range(N_PIECES)]
    n_pieces = -(-edge_px // PIECE_PX)
    rng = np.random.default_rng(0)
    chosen, turns = rng.integers(0, N_PIECES, (n_pieces, n_pieces)), rng.integers(0, 4, (n_pieces, n_pieces))
    for top in range(0, edge_px, TILE_PX):
        for left in range(0, edge_px, TILE_PX):
            place = top // PIECE_PX, left // PIECE_PX
            piece = np.rot90(drawn[chosen[place]], turns[place])
            row, column = top % PIECE_PX, left % PIECE_PX
            yield piece[row : row + TILE_PX, column : column + TILE_PX]


def segmented(mosaic: Path, project: Path) -> dict[str, float]:
    """Run ``zircon-cnn segment`` in a process of its own and watch its memory, in GiB."""
    code = "from napari_zircon_cnn.cli import main; main()"
    words = [sys.executable, "-c", code, "segment", str(mosaic), "-o", str(project), "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    peaks: dict[str, float] = {}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        watch = threading.Thread(target=_watch, args=(process, peaks))
        watch.start()
        printed, _ = process.communicate()
    watch.join()
    if process.returncode:
        raise SystemExit(f"zircon-cnn ended with {process.returncode}")
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    grains = sum(json.loads(printed.splitlines()[-1])["grains"].values())
    return {"seconds": seconds, "processor": processor, "grains": grains} | peaks


def _watch(process: "subprocess.Popen[str]", peaks: dict[str, float]) -> None:
    """Note the highest that the process's memory reaches; that of file pages can be had back at any time."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            lines = status.read_text().splitlines()
        except OSError:
            break
        for line in lines:
            name, _, value = line.partition(":")
            if name in {"VmRSS", "RssAnon", "RssFile"}:
                peaks[name] = max(peaks.get(name, 0.0), int(value.split()[0]) / 2**20)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def main() -> None:
    """Print the figures."""
    edge_px = int(sys.argv[1]) if len(sys.argv) > 1 else EDGE_PX
    folder = Path(tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None))
    try:
        mosaic = folder / "large.tif"
        write_mosaic(mosaic, edge_px)
        print(f"wrote {edge_px:,} x {edge_px:,} px, {mosaic.stat().st_size / 2**30:.2f} GiB", flush=True)
        found = segmented(mosaic, folder / "project")
        print(
            f"segmented in {found['seconds']:.0f} s with {found['processor'] / found['seconds']:.2f} cores: "
            f"{found['grains']:,.0f} grains; peak memory {found['VmRSS']:.2f} GiB, of it at most "
            f"{found['RssAnon']:.2f} GiB the program's own and {found['RssFile']:.2f} GiB of files"
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
