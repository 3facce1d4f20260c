"""Loops over single pixels, compiled by Numba when they are first called."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function when it is first called; it runs beside other threads, and is kept on the disk.

    Parameters
    ----------
    function
        One that Numba can compile.

    Returns
    -------
    function
        The same, faster.
    """
    try:
        return cast(F, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:
        # Numba finds no folder that it may write to.
        return cast(F, numba.njit(nogil=True)(function))
