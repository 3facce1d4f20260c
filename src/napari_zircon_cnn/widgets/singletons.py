"""A reserve of references to None, True and False, which PySide6 uses up before Python 3.12.

PySide6 6.12.0 takes for granted that these objects live for ever, as they do from Python 3.12 on, and gives
a reference away with each call of Qt that returns nothing. On Python 3.11 their count comes to 0 after some
ten thousand calls, and Python ends with "deallocating None".
"""

import ctypes
import sys

import qtpy

_RESERVE = 2**40


def keep_singletons() -> None:
    """Add the reserve where Qt's binding needs it; more than once is no more than once."""
    if qtpy.API_NAME == "PySide6" and sys.implementation.name == "cpython" and sys.version_info < (3, 12):
        add_reserve()


def add_reserve() -> None:
    """Let None, True and False have more references than can be used up, as from Python 3.12 on."""
    for value in (None, True, False):
        if sys.getrefcount(value) < _RESERVE // 2:
            # A Python object begins with the number of its references.
            count = ctypes.c_ssize_t.from_address(id(value))
            count.value += _RESERVE
