"""The commands that train networks and apply them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.options import (
    Augmentation,
    CachedFeatures,
    ClassesFile,
    ClassWeights,
    Json,
    Masked,
    ModelFile,
    Prior,
    ProjectFolder,
    Samples,
    Scaling,
    Validation,
    Weights,
    value_range_of,
)
from napari_zircon_cnn.cli.output import end, print_figures, print_verdicts, progress_bar
from napari_zircon_cnn.cli.words import names_in, pairs_in


@app.command(
    epilog="Example: `zircon-cnn train district --classes classes.csv --hold-out QVC061 -o lenet.keras`"
)
def train(
    project: ProjectFolder,
    classes: ClassesFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL.keras", help="Where to save the network.")
    ],
    model: Annotated[
        str, typer.Option(help="The network: lenet5, mlp, alexnet, vgg16, or one of another package.")
    ] = "lenet5",
    epochs: Annotated[int, typer.Option(help="How often each grain is shown.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 0,
    hold_out: Annotated[
        str, typer.Option(metavar="SAMPLE,...", help="Samples kept from the training, to test the network.")
    ] = "",
    validation: Annotated[
        Validation, typer.Option(help="How to validate beside that: over grains, or over whole samples.")
    ] = Validation.SPLIT,
    dropout: Annotated[bool, typer.Option(help="Regularise by dropout.")] = True,
    augmentation: Annotated[
        Augmentation,
        typer.Option(
            help="Vary the training crops as the paper or its notebook does, or in light as between sessions."
        ),
    ] = Augmentation.PAPER,
    scaling: Annotated[
        Scaling, typer.Option(help="Grey values 0 to 1 as in the paper, or -1 to 1 as in its notebook.")
    ] = Scaling.PAPER,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A hyperparameter, such as kernel_size=5, stride=2, padding=valid, activation=tanh, "
            "optimiser=sgd or batch_normalisation=yes; may be repeated.",
        ),
    ] = None,
    weights: Weights = "imagenet",
    cached_features: CachedFeatures = False,
    fine_tuning_epochs: Annotated[
        int,
        typer.Option(help="For vgg16: epochs with the last convolution unfrozen, at a tenth of the rate."),
    ] = 20,
    class_weights: ClassWeights = False,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Show each class equally often in each batch instead.")
    ] = False,
    early_stopping: Annotated[
        int,
        typer.Option(
            metavar="EPOCHS", help="End after so many epochs without a lower validation loss; keeps the best."
        ),
    ] = 0,
    keep_best: Annotated[
        bool,
        typer.Option("--keep-best", help="Keep the epoch with the lowest validation loss, not the last."),
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Grains per step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Step size of the Adam optimiser.")] = 0.001,
    mixed_precision: Annotated[
        bool, typer.Option("--mixed-precision", help="Compute with 16 bits; faster on recent GPUs alone.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training of this model that was stopped or killed.")
    ] = False,
    box_um: Annotated[float, typer.Option("--box-um", help="Edge of a grain's crop in µm.")] = 180.0,
    size_px: Annotated[
        int | None, typer.Option("--size-px", help="Edge of the crop; by default what the network takes.")
    ] = None,
    masked: Masked = False,
    as_json: Json = False,
) -> None:
    """Train a network on the grains of a project."""
    from napari_zircon_cnn.calibration import in_words
    from napari_zircon_cnn.dataset import sample_classes
    from napari_zircon_cnn.jobs.train import partial_folder, train_model
    from napari_zircon_cnn.jobs.validation import warning_about
    from napari_zircon_cnn.project import Project

    by_sample = sample_classes(classes, Project.read(project).samples).by_sample
    warning = warning_about(by_sample, names_in(hold_out), validation.value)
    training = {
        "network": model,
        "dropout": dropout,
        "augmentation": augmentation.value,
        "value_range": value_range_of(scaling),
        "epochs": epochs,
        "fine_tuning_epochs": fine_tuning_epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "class_weights": class_weights,
        "balanced_batches": balanced,
        "keep_best": keep_best,
        "early_stopping": early_stopping,
        "cached_features": cached_features,
        "mixed_precision": mixed_precision,
        "weights": weights,
        "seed": seed,
    }
    try:
        with progress_bar() as progress:
            card = train_model(
                project,
                classes,
                output,
                training=training | pairs_in(setting or [], "kernel_size=5"),
                crop={"box_um": box_um, "masked": masked} | ({} if size_px is None else {"size_px": size_px}),
                hold_out=names_in(hold_out),
                validation=validation.value,
                progress=progress,
                resume=resume,
            )
    except KeyboardInterrupt:
        if partial_folder(output).is_dir():
            typer.echo("The same command with --resume goes on from here.", err=True)
        raise
    metrics: Mapping[str, Any] = card.metrics
    chose = f", which chose epoch {card.validation['best_epoch']}" if "best_epoch" in card.validation else ""
    in_validation = f"a random fifth of the grains of the same samples{chose}"
    beside: Mapping[str, Any] = metrics["beside"]

    def of_baselines(part: str) -> dict[str, Any]:
        return {name: its_metrics[part] for name, its_metrics in beside.items()}

    print_figures(f"Validation, {in_validation}", metrics["validation"], of_baselines("validation"))
    for n, fold in enumerate(metrics.get("folds", [])):
        its_baselines = {name: folds[n] for name, folds in of_baselines("folds").items()}
        print_figures(f"Held out: {fold['held_out']}", fold, its_baselines)
    if "hold_out" in metrics:
        print_figures(
            f"Hold-out samples {hold_out}, never seen", metrics["hold_out"], of_baselines("hold_out")
        )
    typer.echo(in_words(card.calibration))
    if warning:
        typer.echo(f"Warning: {warning}", err=True)
    end(f"Model: {output}", {"model": str(output), "metrics": metrics}, as_json)


@app.command(epilog="Example: `zircon-cnn classify district --model lenet.keras`")
def classify(
    project: ProjectFolder,
    model: ModelFile,
    samples: Samples = "",
    prior: Annotated[
        Prior,
        typer.Option(
            help="Class frequencies that the probabilities assume: the training's, equal ones, or each "
            "sample's own, estimated from its grains."
        ),
    ] = Prior.TRAINING,
    as_json: Json = False,
) -> None:
    """Give each grain a calibrated probability and each sample a verdict."""
    from napari_zircon_cnn.jobs.classify import classify_project

    with progress_bar() as progress:
        verdicts = classify_project(project, model, names_in(samples), progress, prior=prior.value)
    rows = verdicts.to_dict("records")
    print_verdicts(rows)
    end(f"Verdicts: {project / 'verdicts.csv'}", {"verdicts": rows}, as_json)


@app.command(epilog="Example: `zircon-cnn evaluate district --classes classes.csv --model lenet.keras`")
def evaluate(
    project: ProjectFolder,
    classes: ClassesFile,
    model: ModelFile,
    samples: Samples = "",
    as_json: Json = False,
) -> None:
    """Score a network on a project's grains, those it was trained on apart from the others."""
    from napari_zircon_cnn.jobs.classify import evaluate_project

    with progress_bar() as progress:
        found = evaluate_project(project, classes, model, names_in(samples), progress)
    for name, figures in found["samples"].items():
        seen = f", {figures['n_in_training']} of them trained on" if figures["n_in_training"] else ""
        print_figures(f"{name} ({figures['class']}{seen})", figures)
    if found["seen"]:
        print_figures("Grains trained on, no test of the network", found["seen"])
    if found["overall"]:
        print_figures("Grains never seen", found["overall"], found["beside"])
    else:
        typer.echo("All these grains took part in the training; hold samples out for a test.")
    end("", found, as_json)
