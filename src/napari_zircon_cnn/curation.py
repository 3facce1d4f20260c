"""Curation: actions on a segmented mount with undo, redo and a ledger that can be replayed."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from napari_zircon_cnn.actions import Action, AnyAction
from napari_zircon_cnn.changes import Change, ChangeFields
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.flags import Box
from napari_zircon_cnn.grains import SegmentedMount


class Restore(BaseModel):
    """That a step was undone or done again which lies before the state that was last saved.

    A ledger is replayed on the saved state, which knows nothing of the steps before it, so that the
    line itself says what was put in place.

    Parameters
    ----------
    action
        Tells the line from others.
    of
        What the user asked for.
    state
        The pixels and rows put in place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["restore"] = "restore"
    of: Literal["undo", "redo"]
    state: ChangeFields


@dataclass(frozen=True, eq=False)
class Touched:
    """What a step has changed.

    Parameters
    ----------
    labels
        The labels whose rows are other than before, also those that are gone.
    box
        The part of the label image that is other than before, if any.
    """

    labels: NDArray[np.int64]
    box: Box | None


@dataclass(frozen=True, eq=False)
class Mark:
    """What tells a step that was done on several samples at once from all others.

    Parameters
    ----------
    samples
        The names of the samples.
    """

    samples: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Step:
    """A step that can be taken, and whether the saved state lacks the one that it takes back."""

    change: Change
    is_unsaved: bool
    mark: Mark | None


class Entry(BaseModel):
    """A line of the ledger.

    Parameters
    ----------
    time
        When it was done, in UTC, ISO 8601.
    step
        The action, or that the last one was undone or done again.
    """

    time: str
    step: AnyAction | Restore | Literal["undo", "redo"]

    def to_line(self) -> str:
        """Return the entry as one line of JSON, without a line end."""
        step = {"action": self.step} if isinstance(self.step, str) else self.step.model_dump(by_alias=True)
        return _LINE.dump_json({"time": self.time, **step}).decode()

    @classmethod
    def from_line(cls, line: str) -> "Entry":
        """Read a line of the ledger.

        Parameters
        ----------
        line
            One line of JSON.

        Returns
        -------
        Entry
            What the line says.

        Raises
        ------
        ZirconError
            Where the line is not one that `to_line` writes.
        """
        try:
            fields = _LINE.validate_json(line)
            time = fields.pop("time", "")
            step = fields["action"] if fields.get("action") in ("undo", "redo") else fields
            return cls.model_validate({"time": time, "step": step})
        except ValidationError as error:
            first = error.errors()[0]
            raise ZirconError(
                f"The ledger's line {line.strip()!r} cannot be read: {first['msg']}."
            ) from error


def read_ledger(path: Path, *, may_be_cut_off: bool = False) -> list[Entry]:
    """Read a ledger.

    Parameters
    ----------
    path
        A file with one entry a line.
    may_be_cut_off
        Whether to leave a last line out that has no line end and cannot be read, since a kill
        cut it off.

    Returns
    -------
    list of Entry
        The entries in order.

    Raises
    ------
    ZirconError
        Where the file or a line cannot be read.
    """
    try:
        *lines, rest = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise ZirconError(f"The ledger {path} cannot be read ({error.strerror}); check its name.") from error
    except UnicodeDecodeError as error:
        raise ZirconError(f"The ledger {path} is no text in UTF-8 ({error}); check its name.") from error
    entries = [Entry.from_line(line) for line in lines if line.strip()]
    with suppress(ZirconError) if may_be_cut_off else nullcontext():
        entries += [Entry.from_line(rest)] if rest.strip() else []
    return entries


_LINE = TypeAdapter(dict[str, Any])


class Curation:
    """Curating one segmented mount.

    Parameters
    ----------
    segmented
        The mount; its label image is written to in place, its table replaced at each step.
    record
        Called with each new line of the ledger after the step was done.
    """

    def __init__(self, segmented: SegmentedMount, record: Callable[[Entry], None] | None = None) -> None:
        self.segmented = segmented
        self._record = record
        self._undoable: list[_Step] = []
        self._redoable: list[_Step] = []

    def perform(self, action: Action, mark: Mark | None = None) -> Touched:
        """Do an action.

        Parameters
        ----------
        action
            What to do.
        mark
            What this step shares with those on other samples that it was done with.

        Returns
        -------
        Touched
            What it has changed.

        Raises
        ------
        ZirconError
            Where the action does not fit the grains; nothing has changed then.
        """
        former, touched = self._put_in_place(action.change(self.segmented))
        self._undoable.append(_Step(former, is_unsaved=True, mark=mark))
        self._redoable.clear()
        self._write(action)
        return touched

    def undo(self) -> Touched:
        """Take the last action back; a `ZirconError` says when there is none."""
        return self._step_back(self._undoable, self._redoable, "undo")

    def redo(self) -> Touched:
        """Do again what was last undone; a `ZirconError` says when there is nothing."""
        return self._step_back(self._redoable, self._undoable, "redo")

    @property
    def can_undo(self) -> bool:
        """Whether there is an action to undo."""
        return bool(self._undoable)

    @property
    def can_redo(self) -> bool:
        """Whether there is an action to do again."""
        return bool(self._redoable)

    def mark(self, way: Literal["undo", "redo"]) -> Mark | None:
        """Return the mark of the step that would be undone or done again next, if it has one."""
        steps = self._undoable if way == "undo" else self._redoable
        return steps[-1].mark if steps else None

    def checkpoint(self) -> None:
        """Note that the mount as it is now was saved: a ledger's next lines are replayed on that."""
        for steps in (self._undoable, self._redoable):
            steps[:] = [replace(step, is_unsaved=False) for step in steps]

    def classified(self, table: pd.DataFrame, classes: Iterable[str]) -> None:
        """Take over a table with a model's new answer; undo brings no earlier one back.

        Parameters
        ----------
        table
            The mount's table, the same but for its predictions.
        classes
            The model's classes.
        """
        self.segmented.table = table
        names = tuple(classes)
        for step in (*self._undoable, *self._redoable):
            step.change.forget_predictions(names)

    def embedded(self, table: pd.DataFrame, method: str) -> None:
        """Take over a table with coordinates of another embedding; undo brings no earlier ones back.

        Parameters
        ----------
        table
            The mount's table, the same but for the coordinates.
        method
            The method of the embedding.
        """
        self.segmented.table = table
        for step in (*self._undoable, *self._redoable):
            step.change.forget_embedding(method)

    def replay(self, entries: Iterable[Entry]) -> None:
        """Do all that a ledger says, in its order.

        Parameters
        ----------
        entries
            The lines of a ledger that began on a mount like this one.

        Raises
        ------
        ZirconError
            Where a step does not fit; the steps before it have been done.
        """
        for entry in entries:
            if entry.step == "undo":
                self.undo()
            elif entry.step == "redo":
                self.redo()
            elif isinstance(entry.step, Restore):
                self._put_in_place(Change.from_fields(entry.step.state))
                self._write(entry.step)
            else:
                self.perform(entry.step)

    def _put_in_place(self, change: Change) -> tuple[Change, Touched]:
        former = change.swap(self.segmented)
        return former, Touched(np.union1d(change.labels, former.labels), change.box)

    def _step_back(self, source: list[_Step], target: list[_Step], name: Literal["undo", "redo"]) -> Touched:
        if not source:
            raise ZirconError(f"There is nothing to {name}.")
        step = source.pop()
        former, touched = self._put_in_place(step.change)
        target.append(_Step(former, step.is_unsaved, step.mark))
        self._write(name if step.is_unsaved else Restore(of=name, state=step.change.to_fields()))
        return touched

    def _write(self, step: Any) -> None:
        if self._record is not None:
            self._record(Entry(time=datetime.now(UTC).isoformat(timespec="seconds"), step=step))
