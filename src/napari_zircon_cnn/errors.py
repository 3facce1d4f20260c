"""The one exception that a user can cause."""


class ZirconError(Exception):
    """What the user gave cannot be worked with.

    Its message is one sentence (or two) that says what is wrong and what to do. The command
    line prints it and exits with 2; a widget shows it and stays usable. Anything else that
    is raised is a bug of ours.
    """
