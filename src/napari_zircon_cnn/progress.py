"""How long work tells its caller how far it is, and how the caller stops it."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called as ``progress(fraction, message)`` with a fraction from 0 to 1; it may raise `Cancelled`."""


class Cancelled(Exception):  # noqa: N818 - a wish of the caller, not an error
    """The caller wants the work stopped; raised by a progress callback, caught by who passed it."""


def silent(fraction: float, message: str) -> None:
    """Ignore the progress."""


def part_of(progress: Progress, start: float, stop: float, name: str = "") -> Progress:
    """Map a step's own 0 to 1 onto its share of the whole work.

    Parameters
    ----------
    progress
        The callback for the whole work.
    start, stop
        The fractions of the whole at which the step begins and ends.
    name
        What the step is about; its messages begin with it.

    Returns
    -------
    Progress
        A callback to hand to the step.
    """

    def report(fraction: float, message: str) -> None:
        progress(start + (stop - start) * fraction, f"{name}: {message}" if name else message)

    return report
