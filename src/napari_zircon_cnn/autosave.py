"""Everything that a window does to a project's files, in order and beside the window.

One thread does it all: lines of the ledger and whole saves are written in the order in which they were
asked for, so that a save holds exactly the steps before it.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import pandas as pd

from napari_zircon_cnn.actions import get_ready
from napari_zircon_cnn.curation import Curation, Entry
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount
from napari_zircon_cnn.progress import Progress
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_copy import copy_project
from napari_zircon_cnn.scratch import copy_of

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Autosave:
    """A project whose files follow what is done in a window.

    Parameters
    ----------
    project
        The project; nobody else may write to it meanwhile.
    failed
        Called with a sentence, in the writing thread, where something cannot be written.
    """

    def __init__(self, project: Project, failed: Callable[[str], None]) -> None:
        self.project = project
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="project on disk")
        self._unwritten: dict[str, list[Entry]] = {}
        self._saved: dict[str, pd.DataFrame] = {}
        # Samples whose label image on disk lacks steps that the table has.
        self._behind: set[str] = set()

    def do(
        self, work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> "Future[Result]":
        """Do something with the project's files after all that was asked for before."""
        return self._thread.submit(work, *args, **kwargs)

    def keep(
        self,
        what: str,
        write: Callable[Concatenate[Project, Parameters], None],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> "Future[None]":
        """Write something to the project that nobody waits for; a failure is told.

        Parameters
        ----------
        what
            What it is, as a sentence begins with it.
        write
            Called with the project, after all that was asked for before.
        *args, **kwargs
            What else it is called with.

        Returns
        -------
        Future
            Done when it is written or its failure is told.
        """

        def try_() -> None:
            try:
                write(self.project, *args, **kwargs)
            except ZirconError as error:
                self._failed(str(error))
            except OSError as error:
                self._failed(
                    f"{what} could not be written to {self.project.folder} ({error.strerror}); "
                    "make room there and do it again."
                )

        return self._thread.submit(try_)

    def keep_tables(
        self,
        what: str,
        write: Callable[Concatenate[Project, Mapping[str, pd.DataFrame], Parameters], None],
        tables: Mapping[str, pd.DataFrame],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> "Future[None]":
        """Write grain tables whose label images are written already, as `keep` writes other things.

        Parameters
        ----------
        what
            What it is, as a sentence begins with it.
        write
            Called with the project and the tables, after all that was asked for before; not called where
            one of the label images could not be written, since a table must not have steps that it lacks.
        tables
            The tables by sample; a sample that has one of these is saved.
        *args, **kwargs
            What else it is called with.

        Returns
        -------
        Future
            Done when it is written or its failure is told.
        """
        self._saved.update(tables)

        def write_(project: Project) -> None:
            try:
                behind = sorted(self._behind & tables.keys())
                if behind:
                    raise ZirconError(
                        f"{what} was not written, since {', '.join(behind)} could not be; make room in "
                        f"{project.folder} and do it again."
                    )
                write(project, tables, *args, **kwargs)
            except Exception:
                for sample, table in tables.items():
                    # The next save takes it along.
                    if self._saved.get(sample) is table:
                        del self._saved[sample]
                raise

        return self.keep(what, write_)

    def curate(self, segmented: SegmentedMount) -> Curation:
        """Return a curation whose every step reaches the sample's ledger at once.

        Parameters
        ----------
        segmented
            The sample as the project holds it.

        Returns
        -------
        Curation
            With an empty history.
        """
        sample = segmented.mount.sample
        self._saved[sample] = segmented.table
        self._behind.discard(sample)
        self._thread.submit(get_ready, segmented)

        def record(entry: Entry) -> None:
            self._thread.submit(self._append, sample, entry)

        return Curation(segmented, record)

    def is_saved(self, curation: Curation) -> bool:
        """Tell whether a sample's label image and table are as they were last read or written."""
        # Each step puts a new table in place of the old one.
        live = curation.segmented
        return self._saved.get(live.mount.sample) is live.table

    def save(self, curation: Curation, verdicts: pd.DataFrame | None = None) -> "Future[None]":
        """Write a sample's label image and table as they are now; work on it may go on at once.

        Parameters
        ----------
        curation
            The sample's curation.
        verdicts
            One row a sample, in place of the old ones, where they change with it.

        Returns
        -------
        Future
            Done when all is written; it raises what went wrong, after a lack of room was told.
        """
        live = curation.segmented
        self._saved[live.mount.sample] = live.table
        still = SegmentedMount(live.mount, copy_of(live.labels), live.table)
        curation.checkpoint()

        def write() -> None:
            try:
                # A copy that was asked for before has moved the project by now.
                self.project.save(still, (), verdicts)
            except Exception as error:
                # The next save takes it along.
                self._saved.pop(still.mount.sample, None)
                self._behind.add(still.mount.sample)
                if not isinstance(error, OSError):
                    raise
                sentence = (
                    f"{still.mount.sample} could not be written to {self.project.folder} ({error.strerror}); "
                    "make room there and save again, its steps are kept meanwhile."
                )
                self._failed(sentence)
                raise ZirconError(sentence) from error
            self._behind.discard(still.mount.sample)

        return self.do(write)

    def copy_to(self, folder: Path, progress: Progress) -> "Future[None]":
        """Copy the project to another folder and go on there; see `copy_project`."""

        def copy() -> None:
            self.project = copy_project(self.project, folder, progress)

        return self.do(copy)

    def close(self) -> None:
        """Return when everything is written."""
        self._thread.shutdown(wait=True)

    def _append(self, sample: str, entry: Entry) -> None:
        # A line that found no room waits for the next, so that the ledger has no gap.
        lines = self._unwritten.setdefault(sample, [])
        lines.append(entry)
        try:
            self.project.append_to_ledger(sample, lines)
        except OSError as error:
            self._failed(
                f"{len(lines)} steps on {sample} could not be written to {self.project.folder} "
                f"({error.strerror}); make room there, the next step takes them along."
            )
        else:
            lines.clear()
