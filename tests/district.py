"""Four small synthetic mounts, as files: their project, their classes and a network trained on them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs

from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.project_record import ProjectRecord
from napari_zircon_cnn.samples.synthetic import synthetic_mount

SAMPLES = ("BAT-1", "BAT-2", "POR-1", "POR-2")
CLASSES = ("batholith", "porphyry")
EPOCHS = 2


@dataclass(frozen=True)
class District:
    """The files, all below one folder.

    Parameters
    ----------
    folder
        The folder; its name has a space and a letter beyond ASCII.
    """

    folder: Path

    @property
    def mosaics(self) -> list[Path]:
        """Return the mosaics."""
        return [self.folder / "mosaics" / f"{sample}.png" for sample in SAMPLES]

    @property
    def project(self) -> Path:
        """Return the project folder."""
        return self.folder / "the project"

    @property
    def classes(self) -> Path:
        """Return CLASSES.csv."""
        return self.folder / "classes é.csv"

    @property
    def model(self) -> Path:
        """Return the trained network, which may not be there."""
        return self.folder / "the model.keras"

    def copy_to(self, folder: Path) -> "District":
        """Return a copy, whose project points to its own mosaics."""
        copied = District(Path(shutil.copytree(self.folder, folder / self.folder.name)))
        path = copied.project / "project.json"
        record = ProjectRecord.model_validate_json(path.read_bytes())
        for sample, mosaic in zip(SAMPLES, copied.mosaics, strict=True):
            record.samples[sample].mosaic = str(mosaic.resolve())
        path.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return copied

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of every file."""
        return contents_of(self.folder)


class Recorder:
    """A progress callback that remembers, and raises from some fraction on."""

    def __init__(self, error: type[BaseException] | None = None, after: float = 0.0) -> None:
        self.fractions: list[float] = []
        self.messages: list[str] = []
        self._error, self._after = error, after

    def __call__(self, fraction: float, message: str) -> None:
        self.fractions.append(fraction)
        self.messages.append(message)
        if self._error is not None and fraction >= self._after:
            raise self._error

    def assert_complete(self) -> None:
        """Check that the fractions rise from 0 to 1 and that each has words."""
        assert self.fractions == sorted(self.fractions)
        assert self.fractions[0] == 0
        assert self.fractions[-1] == 1
        assert all(self.messages)


def contents_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder and those below it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def draw_district(folder: Path) -> District:
    """Draw and segment the mounts."""
    district = District(folder)
    (folder / "mosaics").mkdir()
    for seed, (sample, mosaic) in enumerate(zip(SAMPLES, district.mosaics, strict=True)):
        share = 0.1 if sample.startswith("BAT") else 0.9
        drawn = synthetic_mount(seed, (700, 700), sample=sample, porphyry_share=share)
        mosaic.write_bytes(imagecodecs.png_encode(drawn.mount.image))
    names = [name for name in CLASSES for _ in range(2)]
    write_classes(district.classes, dict(zip(SAMPLES, names, strict=True)))
    segment_mosaics(district.project, district.mosaics)
    return district


def write_classes(path: Path, classes: dict[str, str]) -> None:
    """Write CLASSES.csv."""
    lines = ["sample,class", *(f"{sample},{name}" for sample, name in classes.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def train_on(
    district: District,
    *,
    hold_out: Sequence[str] = (),
    seed: int = 0,
    progress: Progress = silent,
    **options: Any,
) -> ModelCard:
    """Train the district's network for a moment."""
    return train_model(
        district.project,
        district.classes,
        district.model,
        training={"epochs": EPOCHS, "seed": seed},
        hold_out=hold_out,
        progress=progress,
        **options,
    )
