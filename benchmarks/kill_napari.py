"""Kill napari in the middle of work, again and again, and look whether the work comes back.

`python tests/with_display.py python benchmarks/kill_napari.py [--kills 50] [--seed 0]`: each time another
process opens a drawn project in a real viewer with the workbench and does random actions, telling a digest
of the sample after each; it is killed at a random moment after a random one. What `Project.load` then
returns must be the state after the last action told, or after the one before it or the one under way, and
the project must be among those that the next start offers.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imagecodecs
import napari
from qtpy.QtWidgets import QApplication

from napari_zircon_cnn.actions import Accept, Delete, Merge, Reject, Split
from napari_zircon_cnn.grains import SegmentedMount, existing, measure
from napari_zircon_cnn.mount import read_mount
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.recovery import left_work
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.session import Session

SAMPLE = "BAT-1"
LONGEST = 25
"""Actions before the kill, at most."""


def make_project(folder: Path) -> Path:
    """Write a small project with a drawn mount and its true grains; return its folder."""
    drawn = synthetic_mount(seed=3, shape=(500, 700))
    mosaic = folder / f"{SAMPLE}.png"
    mosaic.write_bytes(imagecodecs.png_encode(drawn.mount.image))
    mount = read_mount(mosaic, pixel_size_um=2.0)
    project = Project.create(folder / "project")
    project.add(SegmentedMount(mount, drawn.labels, measure(drawn.labels, mount)), "drawn", {})
    return project.folder


def digest(segmented: SegmentedMount) -> str:
    """Return a digest of a sample's label image and table."""
    content = segmented.labels.tobytes() + segmented.table.to_csv().encode()
    return hashlib.sha256(content).hexdigest()


def work(folder: Path, seed: int) -> None:
    """Do random actions in a viewer for ever, and print the digest before the first and after each."""
    rng = random.Random(seed)  # noqa: S311 -- nothing secret
    viewer = napari.Viewer()
    _, workbench = viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
    session = workbench.session

    def finish() -> None:
        QApplication.processEvents()
        while session.tasks:
            QApplication.processEvents()

    session.open_project(folder)
    finish()
    session.open_sample(SAMPLE)
    finish()
    sample = session.samples[SAMPLE]
    print(digest(sample.segmented), flush=True)
    while True:
        act(session, sample, rng)
        print(digest(sample.segmented), flush=True)
        QApplication.processEvents()


def act(session: Session, sample: OpenSample, rng: random.Random) -> None:
    """Do a random action, which need not fit."""

    def some(n: int) -> tuple[int, ...]:
        return tuple(rng.sample(existing(sample.table).tolist(), n))

    def paint() -> None:
        new = int(sample.grains.data.max()) + 1
        sample.grains.paint((rng.randrange(500), rng.randrange(700)), rng.choice([0, new, *some(1)]))
        sample.take_over_painting()

    def split() -> None:
        (label,) = some(1)
        x, y = sample.table[["centroid_x_um", "centroid_y_um"]].to_numpy(float)[label]
        session.perform(Split(label=label, line_um=((x - 200, y - 30), (x + 200, y + 30))))

    rng.choice(
        [
            lambda: session.perform(Reject(labels=some(2), reason="fragment")),
            lambda: session.perform(Accept(labels=some(3), reason="by eye")),
            lambda: session.perform(Delete(labels=some(1), reason="dust")),
            lambda: session.perform(Merge(labels=some(2))),
            split,
            paint,
            paint,
            session.undo,
            session.undo,
            session.redo,
            session.save_changed,
        ]
    )()


def kill_once(folder: Path, seed: int) -> tuple[bool, int]:
    """Kill a viewer at work on the project once.

    Returns
    -------
    tuple
        Whether all that it told is back, but at most the last action, and how many it had told.
    """
    rng = random.Random(seed)  # noqa: S311 -- nothing secret
    child = subprocess.Popen(
        [sys.executable, __file__, "--work", str(folder), "--seed", str(seed)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if child.stdout is None:
        raise RuntimeError("the viewer has no output")
    told = [child.stdout.readline().strip()]
    if not told[0]:
        raise RuntimeError(f"the viewer did not start (code {child.wait()})")
    told += [child.stdout.readline().strip() for _ in range(rng.randrange(1, LONGEST))]
    time.sleep(rng.uniform(0.0, 0.05))
    os.kill(child.pid, signal.SIGKILL)
    # What it told between the last line read and the kill.
    told += child.stdout.read().split()
    child.wait()
    child.stdout.close()

    offered = [left.folder for left in left_work()]
    with tempfile.TemporaryDirectory() as other:
        copy = Path(other) / "project"
        shutil.copytree(folder, copy)
        found = digest(Project.open(folder).load(SAMPLE))
        # A step may have reached the disk before it was told of; without it, all that was told is there.
        is_back = found in told[-2:] or digest(_without_last_step(copy).load(SAMPLE)) == told[-1]
    return is_back and folder.resolve() in offered, len(told) - 1


def _without_last_step(folder: Path) -> Project:
    """Return a project whose ledger ends one line earlier."""
    ledger = folder / "samples" / SAMPLE / "curation.jsonl"
    ledger.write_text(
        "".join(ledger.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8"
    )
    return Project.open(folder)


def main() -> None:
    """Print how many of the kills lost nothing but at most the last action."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="what the viewer's process is called with")
    options = parser.parse_args()
    if options.work:
        work(options.work, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        # Its notes and projects are not those of whoever runs this.
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_DATA_HOME"] = folder
        project = make_project(Path(folder))
        good = 0
        for n in range(options.kills):
            is_back, n_actions = kill_once(project, options.seed + n)
            good += is_back
            print(f"kill {n + 1}: {n_actions} actions, {'back' if is_back else 'LOST'}", flush=True)
    print(f"{good} of {options.kills} kills lost at most the last action")
    sys.exit(good < options.kills)


if __name__ == "__main__":
    main()
