"""Many rows of different lengths in one flat array, so that numpy works on all of them in one call."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Rows:
    """Where rows lie in a flat array, one behind the other; none is empty.

    Parameters
    ----------
    lengths
        How many elements each row has, shape (rows,).
    """

    lengths: Index

    @classmethod
    def of(cls, rows: Iterable[Any]) -> "Rows":
        """Return the layout of arrays that are concatenated along their first axis."""
        return cls(np.array([len(row) for row in rows], np.intp))

    @cached_property
    def starts(self) -> Index:
        """Where each row begins."""
        return np.asarray(np.cumsum(self.lengths) - self.lengths)

    @cached_property
    def numbers(self) -> Index:
        """The row of each element."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def taken(self, chosen: Index) -> tuple["Rows", Index]:
        """Return the layout of some rows behind each other, and the index of each of their elements here."""
        rows = Rows(self.lengths[chosen])
        shift = np.repeat(self.starts[chosen] - rows.starts, rows.lengths)
        return rows, shift + np.arange(len(shift))

    def around(self) -> tuple[Index, Index]:
        """Return for each element the one before it and the one behind it; a row's ends are neighbours."""
        at = np.arange(len(self.numbers))
        before, behind = at - 1, at + 1
        last = self.starts + self.lengths - 1
        before[self.starts], behind[last] = last, self.starts
        return before, behind

    def shifted(self, at: Index, rows: Index, by: int) -> Index:
        """Return the elements that lie further on in their rows, which run in a circle."""
        start = self.starts[rows]
        return np.asarray(start + (at - start + by) % self.lengths[rows])

    def any_in(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell for each row whether one of its elements is set."""
        return np.logical_or.reduceat(flags, self.starts)

    def count_in(self, flags: NDArray[np.bool_]) -> Index:
        """Return for each row how many of its elements are set."""
        return np.asarray(np.add.reduceat(flags, self.starts, dtype=np.intp))

    def least_in(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest value of each row."""
        return np.minimum.reduceat(values, self.starts)

    def first_in(self, flags: NDArray[np.bool_]) -> Index:
        """Return the first element that is set in each row; each has one."""
        found = np.flatnonzero(flags)
        return found[np.searchsorted(found, self.starts)]
