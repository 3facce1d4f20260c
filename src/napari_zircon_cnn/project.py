"""The project folder: mosaics, label images, grain tables and ledgers on disk."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_zircon_cnn.curation import Curation, Entry, read_ledger
from napari_zircon_cnn.embedding_file import Embedding, EmbeddingMethod, read_embedding, write_embedding
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import (
    Transaction,
    atomic_path,
    await_transaction,
    clear_unfinished,
    finish_transaction,
    make_folder,
    sha256_of,
)
from napari_zircon_cnn.grains import SegmentedMount
from napari_zircon_cnn.mount import check_sample_name, read_mount
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project_record import (
    PROJECT_FILE,
    ProjectRecord,
    SampleRecord,
    place_of,
    read_record,
    way_from,
    write_record,
)
from napari_zircon_cnn.sample_files import (
    read_labels,
    read_rows,
    read_table,
    write_labels,
    write_rows,
    write_table,
)

_LABELS_FILE = "labels.tif"
_GRAINS_FILE = "grains.csv"
_LEDGER_FILE = "curation.jsonl"
_VERDICTS_FILE = "verdicts.csv"
_EMBEDDING_FOLDER = "embedding"
_MOSAIC_FOLDER = "mosaics"
_VERDICT_TEXTS = ("sample", "target_class", "verdict")


class Project:
    """A project folder.

    Parameters
    ----------
    folder
        Where it lies. `create` and `open` check it; use them.
    record
        What its project.json holds.
    is_read_only
        Whether another process may be writing to it, so that this one must not.
    """

    def __init__(self, folder: Path, record: ProjectRecord, *, is_read_only: bool = False) -> None:
        self.folder = folder
        self.record = record
        self.is_read_only = is_read_only

    @classmethod
    def create(cls, folder: Path | str) -> "Project":
        """Open a project folder, or make a new one where there is none.

        Parameters
        ----------
        folder
            The folder; those above it are made as needed.

        Returns
        -------
        Project
            The project; project.json is written with the first sample.

        Raises
        ------
        ZirconError
            Where the folder cannot be made or holds something else.
        """
        folder = Path(folder)
        if (folder / PROJECT_FILE).exists():
            return cls.open(folder)
        make_folder(folder)
        finish_transaction(folder)
        if (folder / PROJECT_FILE).exists():
            return cls.open(folder)
        return cls(folder, ProjectRecord())

    @classmethod
    def open(cls, folder: Path | str) -> "Project":
        """Open a project folder; a change that a kill cut off is completed or forgotten.

        Parameters
        ----------
        folder
            The folder with project.json.

        Returns
        -------
        Project
            The project.

        Raises
        ------
        ZirconError
            Where there is no project, it is broken, or a newer version wrote it.
        """
        folder = Path(folder)
        finish_transaction(folder)
        record = read_record(folder)
        clear_unfinished(folder)
        return cls(folder, record)

    @classmethod
    def read(cls, folder: Path | str) -> "Project":
        """Open a project folder that another process may be writing to, and write nothing to it.

        Parameters
        ----------
        folder
            The folder with project.json.

        Returns
        -------
        Project
            The project; what `load` returns has all steps of the ledgers in it.

        Raises
        ------
        ZirconError
            As `open` does.
        """
        folder = Path(folder)
        await_transaction(folder)
        return cls(folder, read_record(folder), is_read_only=True)

    @property
    def mosaic_folder(self) -> Path:
        """Where mosaics lie that came from no file."""
        return self.folder / _MOSAIC_FOLDER

    @property
    def samples(self) -> list[str]:
        """Return the names of the samples, in alphabetical order."""
        return sorted(self.record.samples)

    def chosen(self, samples: Iterable[str] = ()) -> list[str]:
        """Return some samples' names, or all where none is named; unknown ones are a `ZirconError`."""
        names = list(dict.fromkeys(samples)) or self.samples
        for name in names:
            self._sample(name)
        return names

    def mosaic_path(self, sample: str) -> Path:
        """Return where a sample's mosaic lies, or lay if it is gone."""
        record = self._sample(sample)
        return place_of(record.mosaic, record.mosaic_from_here, self.folder)

    def adopt_moved(self, sample: str, source: Path) -> bool:
        """Note where a sample's mosaic lies now, if `source` is that very mosaic and the old place is empty.

        Parameters
        ----------
        sample
            Name of a sample, known or not.
        source
            A mosaic file.

        Returns
        -------
        bool
            Whether it was so; label image, table and ledger are as they were.
        """
        former = self.record.samples.get(sample)
        if former is None or self.mosaic_path(sample).is_file() or not source.is_file():
            return False
        if sha256_of(source) != former.sha256:
            return False
        update = {"mosaic": str(source.resolve()), "mosaic_from_here": way_from(self.folder, source)}
        moved = self.record.samples | {sample: former.model_copy(update=update)}
        self.save_record(self.record.model_copy(update={"samples": moved}))
        return True

    def add(
        self,
        segmented: SegmentedMount,
        method: str,
        parameters: dict[str, Any],
        *,
        overwrite: bool = False,
        progress: Progress = silent,
    ) -> None:
        """Write a freshly segmented mount to the project.

        Parameters
        ----------
        segmented
            The mount, whose `source` is the mosaic, with its fresh label image and table.
        method, parameters
            How it was segmented.
        overwrite
            Whether curation of an earlier segmentation may be set aside; its ledger is kept
            as `curation-1.jsonl`, `curation-2.jsonl` and so on.
        progress
            Told how much is written; may raise `Cancelled`, and the folder is as it was.

        Raises
        ------
        ZirconError
            Where the sample has been curated and `overwrite` is not given, or the folder
            cannot be written to.
        """
        sample = segmented.mount.sample
        self.check_can_add(sample, segmented.mount.source, overwrite=overwrite)
        source = segmented.mount.source
        if source is None:
            raise ZirconError(f"{sample} was not read from a file; save its mosaic first.")
        record = SampleRecord(
            mosaic=str(source.resolve()),
            mosaic_from_here=way_from(self.folder, source),
            sha256=sha256_of(source, part_of(progress, 0.0, 0.2)),
            pixel_size_um=segmented.mount.pixel_size_um,
            method=method,
            parameters=parameters,
            n_labels=len(segmented.table) - 1,
        )
        self._write_sample(segmented, record, [], fresh=True, progress=part_of(progress, 0.2, 1.0))

    def check_can_add(self, sample: str, source: Path | None, *, overwrite: bool) -> None:
        """Raise a `ZirconError` where `add` would refuse, so that no long work is done in vain."""
        check_sample_name(sample)
        former = self.record.samples.get(sample)
        if former is None:
            return
        if source is not None and self.mosaic_path(sample).resolve() != source.resolve() and not overwrite:
            raise ZirconError(
                f"The project already holds a sample {sample}, from {self.mosaic_path(sample)}; give the new "
                "mosaic another sample name, or --overwrite to replace the old one."
            )
        if self.ledger(sample) and not overwrite:
            raise ZirconError(
                f"{sample} has been curated ({len(self.ledger(sample))} actions); "
                "give --overwrite to segment it anew and set its curation aside."
            )

    def load(self, sample: str, progress: Progress = silent) -> SegmentedMount:
        """Read a sample: its mosaic, label image and grain table.

        Parameters
        ----------
        sample
            Its name.
        progress
            Told how much of a large sample is read; may raise `Cancelled`.

        Returns
        -------
        SegmentedMount
            As it was last saved. Steps that the ledger holds beyond that, since a kill came before
            `save`, are done again and, unless the project is read only, saved, so that what is in the
            folder agrees with itself.

        Raises
        ------
        ZirconError
            Where the sample is unknown, its mosaic gone or changed, or its files broken.
        """
        record = self._sample(sample)
        path = self.mosaic_path(sample)
        if not path.is_file():
            raise ZirconError(
                f"The mosaic of {sample} is no longer at {path}; "
                "put it back, or run `zircon-cnn segment` on it at its new place."
            )
        progress(0.0, f"reading {sample}")
        if sha256_of(path, part_of(progress, 0.0, 0.1)) != record.sha256:
            raise ZirconError(
                f"The mosaic of {sample} ({path}) has changed since it was segmented; "
                "put the old file back, or segment the new one with --overwrite."
            )
        mount = read_mount(
            path, pixel_size_um=record.pixel_size_um, sample=sample, progress=part_of(progress, 0.1, 0.6)
        )
        labels = read_labels(self._sample_folder(sample) / _LABELS_FILE, part_of(progress, 0.6, 1.0))
        segmented = SegmentedMount(mount, labels, self.table(sample))
        if segmented.labels.shape != mount.image.shape:
            raise ZirconError(
                f"The label image of {sample} has the shape {segmented.labels.shape}, its mosaic "
                f"{mount.image.shape}; segment it anew with --overwrite."
            )
        unsaved = self.ledger(sample)[record.n_curated :]
        if unsaved:
            Curation(segmented).replay(unsaved)
            if not self.is_read_only:
                self.save(segmented)
        progress(1.0, f"read {sample}")
        return segmented

    def load_each(self, samples: Iterable[str]) -> Iterator[SegmentedMount]:
        """Load samples one after the other, so that only one mosaic need be in memory."""
        for sample in samples:
            yield self.load(sample)

    def table(self, sample: str) -> pd.DataFrame:
        """Return a sample's grain table; row i is label i."""
        return read_table(self._sample_folder(sample) / _GRAINS_FILE, self._sample(sample).n_labels)

    def save(
        self,
        segmented: SegmentedMount,
        entries: Sequence[Entry] = (),
        verdicts: pd.DataFrame | None = None,
    ) -> None:
        """Write a sample's label image and table in place of the old ones, all or nothing.

        Parameters
        ----------
        segmented
            The sample as it is now.
        entries
            Steps that led to it and are not in the ledger yet; they are written with it.
        verdicts
            One row a sample, in place of the old ones, where they change with it.
        """
        sample = segmented.mount.sample
        record = self._sample(sample)
        ledger = [*self.ledger(sample), *entries]
        # Not the highest label ever: one that an undo took back is given again, here as in a window.
        update = {"n_labels": len(segmented.table) - 1, "n_curated": len(ledger)}
        self._write_sample(segmented, record.model_copy(update=update), ledger, verdicts)

    def save_classification(
        self, tables: Mapping[str, pd.DataFrame], verdicts: pd.DataFrame, model: dict[str, Any]
    ) -> None:
        """Write what a classification found: tables, verdicts and the model's card, all or nothing.

        Parameters
        ----------
        tables
            The grain tables by sample.
        verdicts
            One row a sample.
        model
            The card of the model.
        """
        evaluation = self.record.evaluation or {}
        if evaluation.get("members_sha256") != model.get("members_sha256"):
            evaluation = {}
        record = self.record.model_copy(update={"model": model, "evaluation": evaluation or None})
        with Transaction(self.folder) as files:
            for sample, table in tables.items():
                write_table(table, files.path_for(self._sample_folder(sample) / _GRAINS_FILE))
            write_rows(verdicts, files.path_for(self.folder / _VERDICTS_FILE))
            write_record(record, files.path_for(self.folder / PROJECT_FILE))
        self.record = record

    def save_embedding(self, tables: Mapping[str, pd.DataFrame], embedding: Embedding) -> None:
        """Write what an embedding found: tables and the embedding itself, all or nothing.

        Parameters
        ----------
        tables
            The grain tables by sample, with their coordinates.
        embedding
            The embedding, in place of an earlier one by the same method.
        """
        with Transaction(self.folder) as files:
            for sample, table in tables.items():
                write_table(table, files.path_for(self._sample_folder(sample) / _GRAINS_FILE))
            write_embedding(embedding, files.path_for(self._embedding_path(embedding.settings.method)))

    def embedding(self, method: EmbeddingMethod) -> Embedding | None:
        """Return the project's embedding by a method, if there is one."""
        path = self._embedding_path(method)
        return read_embedding(path) if path.exists() else None

    def save_evaluation(self, evaluation: dict[str, Any]) -> None:
        """Keep what an evaluation found, for the report."""
        self.save_record(self.record.model_copy(update={"evaluation": evaluation}))

    def save_record(self, record: ProjectRecord) -> None:
        """Write project.json in place of the old one."""
        with atomic_path(self.folder / PROJECT_FILE) as path:
            write_record(record, path)
        self.record = record

    def verdicts(self) -> pd.DataFrame | None:
        """Return the verdicts of the last classification, one row a sample, or None."""
        path = self.folder / _VERDICTS_FILE
        return read_rows(path, _VERDICT_TEXTS) if path.exists() else None

    def ledger(self, sample: str) -> list[Entry]:
        """Return the lines of a sample's ledger."""
        path = self._sample_folder(sample) / _LEDGER_FILE
        return read_ledger(path, may_be_cut_off=True) if path.exists() else []

    def curate(self, segmented: SegmentedMount) -> Curation:
        """Return a curation whose every step goes to the sample's ledger at once.

        Parameters
        ----------
        segmented
            The sample, as `load` returns it. Call `save` once, when done; after a kill before
            that, `load` does the ledger's steps again.

        Returns
        -------
        Curation
            With an empty history: undo reaches back to this call.
        """
        sample = segmented.mount.sample
        return Curation(segmented, lambda entry: self.append_to_ledger(sample, [entry]))

    def append_to_ledger(self, sample: str, entries: Sequence[Entry]) -> None:
        """Write lines to the end of a sample's ledger, down to the disk.

        Parameters
        ----------
        sample
            Its name.
        entries
            The lines.

        Raises
        ------
        OSError
            Where there is no room or no right to write.
        """
        path = self._sample_folder(sample) / _LEDGER_FILE
        if path.exists() and not _ends_with_a_line(path):
            # A kill or a full disk cut the last line off; what comes next must not be glued to it.
            whole = self.ledger(sample)
            with atomic_path(path) as temporary:
                _write_ledger(whole, temporary)
        with path.open("a", encoding="utf-8") as ledger:
            ledger.write("".join(f"{entry.to_line()}\n" for entry in entries))
            ledger.flush()
            os.fsync(ledger.fileno())

    def _sample(self, sample: str) -> SampleRecord:
        if sample not in self.record.samples:
            raise ZirconError(
                f"The project {self.folder} has no sample {sample}; "
                f"it has {', '.join(self.samples) or 'none yet'}."
            )
        return self.record.samples[sample]

    def _embedding_path(self, method: EmbeddingMethod) -> Path:
        return self.folder / _EMBEDDING_FOLDER / f"{method}.npz"

    def _sample_folder(self, sample: str) -> Path:
        return self.folder / "samples" / sample

    def _write_sample(
        self,
        segmented: SegmentedMount,
        sample_record: SampleRecord,
        ledger: Sequence[Entry],
        verdicts: pd.DataFrame | None = None,
        *,
        fresh: bool = False,
        progress: Progress = silent,
    ) -> None:
        sample = segmented.mount.sample
        folder = self._sample_folder(sample)
        samples = self.record.samples | {sample: sample_record}
        # What was found of the grains before is no longer true of them.
        record = self.record.model_copy(update={"samples": samples, "evaluation": None})
        with Transaction(self.folder) as files:
            write_labels(segmented.labels, files.path_for(folder / _LABELS_FILE), progress)
            write_table(segmented.table, files.path_for(folder / _GRAINS_FILE))
            if fresh:
                self._set_ledger_aside(sample, files)
                verdicts = self._verdicts_without(sample)
            if verdicts is not None:
                write_rows(verdicts, files.path_for(self.folder / _VERDICTS_FILE))
            _write_ledger(ledger, files.path_for(folder / _LEDGER_FILE))
            write_record(record, files.path_for(self.folder / PROJECT_FILE))
        self.record = record

    def _set_ledger_aside(self, sample: str, files: Transaction) -> None:
        ledger = self._sample_folder(sample) / _LEDGER_FILE
        if ledger.exists() and ledger.stat().st_size:
            n = 1
            while (aside := ledger.with_name(f"curation-{n}.jsonl")).exists():
                n += 1
            files.path_for(aside).write_bytes(ledger.read_bytes())

    def _verdicts_without(self, sample: str) -> pd.DataFrame | None:
        verdicts = self.verdicts()
        return None if verdicts is None else verdicts[verdicts["sample"] != sample]


def _write_ledger(entries: Iterable[Entry], path: Path) -> None:
    path.write_text("".join(f"{entry.to_line()}\n" for entry in entries), encoding="utf-8")


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as ledger:
        if not ledger.seek(0, os.SEEK_END):
            return True
        ledger.seek(-1, os.SEEK_END)
        return ledger.read(1) == b"\n"
