"""Running the command line, and what it says where a command fails."""

import json
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from napari_zircon_cnn.cli.app import PROGRAM, app
from napari_zircon_cnn.errors import FAULTS_OF_THE_PLACE, ZirconError, about_the_place

USER_ERROR = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit 0, 2 where the user can mend it (with a sentence), 1 for a bug of ours.

    Parameters
    ----------
    arguments
        The words after `zircon-cnn`; by default those of this process.
    """
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(arguments, prog_name=PROGRAM, standalone_mode=False)
    except ZirconError as error:
        _fail(str(error), as_json)
    except typer.TyperException as error:
        # Without any word the help is shown, and nothing is left to say.
        if error.format_message():
            context = getattr(error, "ctx", None)
            command = context.command_path if context else PROGRAM
            message = error.format_message()
            end = "" if message.endswith((".", "?")) else "."
            _fail(f"{message}{end} `{command} --help` shows how.", as_json)
        sys.exit(USER_ERROR)
    except OSError as error:
        if error.errno not in FAULTS_OF_THE_PLACE:
            raise
        _fail(about_the_place(error), as_json)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        typer.echo("Stopped; nothing was left half-written.", err=True)
    sys.exit(code)


def _fail(sentence: str, as_json: bool) -> NoReturn:
    typer.echo(f"Error: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps({"error": sentence}))
    sys.exit(USER_ERROR)
