"""The one exception that a user can cause, and the sentence for what the system refuses."""

import errno

FAULTS_OF_THE_PLACE = frozenset(
    (errno.EACCES, errno.EDQUOT, errno.ENAMETOOLONG, errno.ENOSPC, errno.EPERM, errno.EROFS)
)
"""What the system says of a disk or a folder that the user can mend."""


class ZirconError(Exception):
    """What the user gave cannot be worked with.

    Its message is one sentence (or two) that says what is wrong and what to do. The command
    line prints it and exits with 2; a widget shows it and stays usable. Anything else that
    is raised is a bug of ours.
    """


class CannotResumeError(ZirconError):
    """What an interrupted training left is damaged, or is of another training."""


def about_the_place(error: OSError) -> str:
    """Return the sentence for a disk or a folder that cannot be written to.

    Parameters
    ----------
    error
        One of the `FAULTS_OF_THE_PLACE`.

    Returns
    -------
    str
        What is wrong, where if that is known, and what to do.
    """
    place = f": {error.filename}" if error.filename else ""
    return f"{error.strerror}{place}. Make room or choose another place, and start it again."
