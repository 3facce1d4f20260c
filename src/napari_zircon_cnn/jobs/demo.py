"""The job that shows the whole work on synthetic mounts, whose truth is known."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import pandas as pd

from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.jobs.classify import classify_project, evaluate_project
from napari_zircon_cnn.jobs.report import report_project
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.samples.synthetic import MountSettings, synthetic_mount

SHAPE_PX = (2200, 2200)
EPOCHS = 40
HELD_OUT = ("BAT-3", "POR-3")

_SAMPLES = {"BAT-1": 0.1, "BAT-2": 0.15, "BAT-3": 0.1, "POR-1": 0.9, "POR-2": 0.85, "POR-3": 0.9}
"""The samples with the share of their grains that look like porphyry grains."""

_DRAWING = MountSettings(porphyry_contrast=2.2, ambiguous_share=0.05)
"""Zoning clear enough for a network to learn it from a few hundred grains."""

_CLASS_NAMES = {"BAT": "batholith", "POR": "porphyry"}


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What the demonstration found.

    Parameters
    ----------
    verdicts
        One row a sample.
    evaluation
        The figures of merit of the network; see `classify.evaluate_project`.
    report
        The page.
    """

    verdicts: pd.DataFrame
    evaluation: dict[str, Any]
    report: Path


def run_demo(folder: Path | str, seed: int = 0, progress: Progress = silent) -> DemoResult:
    """Draw six mounts, segment them, train LeNet-5 on four, classify all and write the report.

    Parameters
    ----------
    folder
        The folder for mosaics, project, model and report; what an earlier demonstration left
        in it is replaced.
    seed
        Seed of the mounts and of the training.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    DemoResult
        The verdicts on all samples, two of which the network never saw, and the report.

    Raises
    ------
    ZirconError
        Where the folder cannot be written to.
    """
    folder = Path(folder)
    mosaics = []
    for n, (sample, porphyry_share) in enumerate(_SAMPLES.items()):
        progress(0.05 * n / len(_SAMPLES), f"drawing the mount {sample}")
        drawn = synthetic_mount(
            100 * seed + n, SHAPE_PX, sample=sample, porphyry_share=porphyry_share, settings=_DRAWING
        )
        mosaics.append(folder / "mosaics" / f"{sample}.png")
        with atomic_path(mosaics[-1]) as path:
            path.write_bytes(imagecodecs.png_encode(drawn.mount.image))
    classes = folder / "classes.csv"
    with atomic_path(classes) as path:
        lines = [f"{sample},{_CLASS_NAMES[sample[:3]]}" for sample in _SAMPLES]
        path.write_text("\n".join(["sample,class", *lines]) + "\n", encoding="utf-8")
    project, model = folder / "project", folder / "model.keras"
    segment_mosaics(project, mosaics, overwrite=True, progress=part_of(progress, 0.05, 0.25))
    train_model(
        project,
        classes,
        model,
        training={"epochs": EPOCHS, "augmentation": "none", "seed": seed},
        hold_out=HELD_OUT,
        progress=part_of(progress, 0.25, 0.85),
    )
    verdicts = classify_project(project, model, progress=part_of(progress, 0.85, 0.9))
    evaluation = evaluate_project(project, classes, model, progress=part_of(progress, 0.9, 0.92))
    report = report_project(project, folder / "report", part_of(progress, 0.92, 1.0))
    return DemoResult(verdicts, evaluation, report)
