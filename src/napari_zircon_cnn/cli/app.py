"""The application that every command of `zircon-cnn` belongs to."""

import typer

PROGRAM = "zircon-cnn"

app = typer.Typer(
    name=PROGRAM,
    help="Segment, curate and classify zircon grains in cathodoluminescence mosaics.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
