"""Curation: actions on a segmented mount with undo, redo and a ledger that can be replayed."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from napari_zircon_cnn.actions import Action, AnyAction
from napari_zircon_cnn.changes import Change
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount


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
    step: AnyAction | Literal["undo", "redo"]

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
        self._undoable: list[Change] = []
        self._redoable: list[Change] = []

    def perform(self, action: Action) -> None:
        """Do an action.

        Parameters
        ----------
        action
            What to do.

        Raises
        ------
        ZirconError
            Where the action does not fit the grains; nothing has changed then.
        """
        self._undoable.append(action.change(self.segmented).swap(self.segmented))
        self._redoable.clear()
        self._write(action)

    def undo(self) -> None:
        """Take the last action back; a `ZirconError` says when there is none."""
        self._step_back(self._undoable, self._redoable, "undo")

    def redo(self) -> None:
        """Do again what was last undone; a `ZirconError` says when there is nothing."""
        self._step_back(self._redoable, self._undoable, "redo")

    @property
    def can_undo(self) -> bool:
        """Whether there is an action to undo."""
        return bool(self._undoable)

    @property
    def can_redo(self) -> bool:
        """Whether there is an action to do again."""
        return bool(self._redoable)

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
            else:
                self.perform(entry.step)

    def _step_back(self, source: list[Change], target: list[Change], name: Literal["undo", "redo"]) -> None:
        if not source:
            raise ZirconError(f"There is nothing to {name}.")
        target.append(source.pop().swap(self.segmented))
        self._write(name)

    def _write(self, step: Any) -> None:
        if self._record is not None:
            self._record(Entry(time=datetime.now(UTC).isoformat(timespec="seconds"), step=step))
