"""The commands that tell how far a network can be trusted before it is used."""

from pathlib import Path
from typing import Annotated

import typer

from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.options import (
    Augmentation,
    ClassesFile,
    ClassWeights,
    Json,
    Masked,
    ProjectFolder,
    Scaling,
    value_range_of,
)
from napari_zircon_cnn.cli.output import end, print_audit, print_side_by_side, progress_bar
from napari_zircon_cnn.cli.words import names_in

Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder for the tables; another run goes on there."),
]
Epochs = Annotated[int, typer.Option(min=1, help="How often each grain is shown in each training.")]
Vary = Annotated[
    Augmentation,
    typer.Option(
        help="Vary the training crops as the paper or its notebook does, or in light as between sessions."
    ),
]
Scale = Annotated[
    Scaling, typer.Option(help="Grey values 0 to 1 as in the paper, or -1 to 1 as in its notebook.")
]
Seed = Annotated[int, typer.Option(min=0, help="The first seed; the same one gives the same figures.")]


@app.command(epilog="Example: `zircon-cnn validate district --classes classes.csv -o validation`")
def validate(
    project: ProjectFolder,
    classes: ClassesFile,
    output: Output = Path("validation"),
    model: Annotated[
        str, typer.Option(metavar="NAME,...", help="The networks, with commas between.")
    ] = "lenet5",
    repeats: Annotated[int, typer.Option(min=1, help="How often, each time with another seed.")] = 3,
    folds: Annotated[int, typer.Option(min=1, help="Folds over grains; 1 for a random split 80:20.")] = 5,
    epochs: Epochs = 200,
    augmentation: Vary = Augmentation.PAPER,
    scaling: Scale = Scaling.PAPER,
    class_weights: ClassWeights = False,
    masked: Masked = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Validate networks over grains and over whole samples, beside what they must beat."""
    from napari_zircon_cnn.jobs.validate import validate_project

    with progress_bar() as progress:
        found = validate_project(
            project,
            classes,
            output,
            networks=names_in(model),
            repeats=repeats,
            n_folds=folds,
            training={
                "epochs": epochs,
                "augmentation": augmentation.value,
                "value_range": value_range_of(scaling),
                "class_weights": class_weights,
                "seed": seed,
            },
            crop={"masked": masked},
            progress=progress,
        )
    print_side_by_side(found.table)
    if found.note:
        typer.echo(f"Warning: {found.note}", err=True)
    rows = found.table.to_dict("records")
    end(f"Tables: {output}", {"validation": rows, "note": found.note}, as_json)


@app.command(epilog="Example: `zircon-cnn audit district --classes classes.csv -o audit`")
def audit(
    project: ProjectFolder,
    classes: ClassesFile,
    output: Output = Path("audit"),
    model: Annotated[str, typer.Option(help="The network.")] = "lenet5",
    repeats: Annotated[int, typer.Option(min=1, help="How often, each time with another seed.")] = 1,
    epochs: Epochs = 60,
    augmentation: Vary = Augmentation.PAPER,
    scaling: Scale = Scaling.PAPER,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Find out what a network relies on, such as brightness, zoning or what lies around the grains."""
    from napari_zircon_cnn.jobs.audit import audit_project

    with progress_bar() as progress:
        found = audit_project(
            project,
            classes,
            output,
            repeats=repeats,
            training={
                "network": model,
                "epochs": epochs,
                "augmentation": augmentation.value,
                "value_range": value_range_of(scaling),
                "seed": seed,
            },
            progress=progress,
        )
    print_audit(found.table)
    typer.echo(found.sentence)
    if found.note:
        typer.echo(f"Warning: {found.note}", err=True)
    rows = found.table.to_dict("records")
    answer = {"audit": rows, "sentence": found.sentence, "note": found.note}
    end(f"Table: {output / 'audit.csv'}", answer, as_json)
