"""The command that writes the report."""

from pathlib import Path
from typing import Annotated

import typer

from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.options import Json, ProjectFolder
from napari_zircon_cnn.cli.output import end, progress_bar


@app.command(epilog="Example: `zircon-cnn report district -o report`")
def report(
    project: ProjectFolder,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the page.")],
    model: Annotated[
        Path | None,
        typer.Option(metavar="MODEL.keras", help="Also show what this network's layers make of two grains."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page with pictures and tables of all samples."""
    from napari_zircon_cnn.jobs.report import report_project

    with progress_bar() as progress:
        page = report_project(project, output, progress, model)
    end(f"Report: {page}", {"report": str(page)}, as_json)
