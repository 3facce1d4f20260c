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

    def count_in(self, flags: NDArray[np.bool_]) -> Index:
        """Return for each row how many of its elements are set."""
        return np.asarray(np.add.reduceat(flags, self.starts, dtype=np.intp))


def upper_medians(values: NDArray[Any], of: NDArray[Any], n_groups: int) -> Index:
    """Return the upper median of each group of whole numbers below 2**32, 0 of an empty group."""
    in_order = np.sort(of.astype(np.int64) << 32 | values)
    sizes = np.bincount(of, minlength=n_groups)
    middles = np.zeros(n_groups, np.intp)
    some = sizes > 0
    middles[some] = in_order[(np.cumsum(sizes) - sizes + sizes // 2)[some]] & 0xFFFFFFFF
    return middles
