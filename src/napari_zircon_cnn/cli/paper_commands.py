"""The commands that go over the paper's experiments."""

from pathlib import Path
from typing import Annotated

import typer

from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.options import (
    CachedFeatures,
    ClassesFile,
    Json,
    ProjectFolder,
    Weights,
)
from napari_zircon_cnn.cli.output import end, print_trials, progress_bar
from napari_zircon_cnn.cli.words import names_in, sizes_in

Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder for all that is made; another run goes on."),
]
Epochs = Annotated[int, typer.Option(min=1, help="How often each grain is shown in each training.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")]


@app.command(epilog="Example: `zircon-cnn reproduce mosaics -o paper --quick`")
def reproduce(
    output: Output,
    mosaics: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder with the paper's mosaics; downloaded if not named."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Train for few epochs: minutes, not hours.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of every network.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="VGG-16's weights from ImageNet; downloaded if not named."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make the tables and figures of Nathwani et al. (2023) anew, beside the published ones."""
    from napari_zircon_cnn.jobs.reproduce import reproduce as run

    with progress_bar() as progress:
        page = run(
            output,
            mosaics,
            quick=quick,
            epochs=epochs,
            weights=str(weights) if weights else None,
            seed=seed,
            progress=progress,
        )
    end(f"Page: {page}", {"page": str(page)}, as_json)


@app.command("size-curve", epilog="Example: `zircon-cnn size-curve district --classes classes.csv -o sizes`")
def size_curve(
    project: ProjectFolder,
    classes: ClassesFile,
    output: Output,
    sizes: Annotated[str, typer.Option(metavar="N,...", help="Grains to train with.")] = "50,100,200,400,678",
    repeats: Annotated[int, typer.Option(min=1, help="How often each size is tried.")] = 3,
    model: Annotated[
        str, typer.Option(metavar="NETWORK,...", help="The networks, each a curve, such as lenet5,vgg16.")
    ] = "lenet5",
    epochs: Epochs = 200,
    weights: Weights = "imagenet",
    cached_features: CachedFeatures = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train with more and more grains, as in the paper's figure 9."""
    from napari_zircon_cnn.jobs.trials import size_curve as run

    with progress_bar() as progress:
        table = run(
            project,
            classes,
            output,
            networks=names_in(model),
            sizes=sizes_in(sizes),
            repeats=repeats,
            training={"epochs": epochs, "weights": weights, "cached_features": cached_features},
            seed=seed,
            progress=progress,
        )
    print_trials(table)
    end(f"Table and picture: {output}", {"trials": table.to_dict("records")}, as_json)


@app.command(epilog="Example: `zircon-cnn hyperparameters district --classes classes.csv -o settings`")
def hyperparameters(
    project: ProjectFolder,
    classes: ClassesFile,
    output: Output,
    quick: Annotated[
        bool, typer.Option("--quick", help="40 epochs unless told: minutes, not hours.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Length of each training; 200 unless told.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often each setting is tried.")] = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train LeNet-5 with one setting after the other changed, as in the paper's table S5."""
    from napari_zircon_cnn.jobs.trials import hyperparameters as run

    with progress_bar() as progress:
        table = run(
            project,
            classes,
            output,
            epochs=epochs or (40 if quick else 200),
            seeds=seeds,
            seed=seed,
            progress=progress,
        )
    print_trials(table)
    end(f"Table: {output / 'hyperparameters.csv'}", {"trials": table.to_dict("records")}, as_json)
