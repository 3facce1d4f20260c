"""The command `zircon-cnn`: each command runs one job of the room `jobs`."""

import dataclasses
import errno
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Progress, silent

_PROGRAM = "zircon-cnn"

app = typer.Typer(
    name=_PROGRAM,
    help="Segment, curate and classify zircon grains in cathodoluminescence mosaics.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

USER_ERROR = 2
INTERRUPTED = 130

_FAULTS_OF_THE_PLACE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
}
"""What the system says of a disk or a folder that the user can mend."""


class Validation(StrEnum):
    """How a network is validated."""

    SPLIT = "split"
    KFOLD = "kfold"
    LEAVE_ONE_SAMPLE_OUT = "leave-one-sample-out"


class Augmentation(StrEnum):
    """How training crops are varied."""

    PAPER = "paper"
    NOTEBOOK = "notebook"
    NONE = "none"


class Scaling(StrEnum):
    """What range of values the network sees."""

    PAPER = "paper"
    NOTEBOOK = "notebook"


ProjectFolder = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project folder.")]
ModelFile = Annotated[Path, typer.Option("--model", metavar="MODEL.keras", help="A trained network.")]
ClassesFile = Annotated[
    Path,
    typer.Option(
        "--classes",
        metavar="CLASSES.csv",
        help="The class of each sample: a CSV file with the header sample,class. The first class is class 0.",
    ),
]
Samples = Annotated[
    str, typer.Option("--samples", metavar="SAMPLE,...", help="Only these samples, with commas between.")
]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON for other programs to read.")]


@app.command(epilog="Example: `zircon-cnn demo -o demo`")
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all that is made.")] = Path(
        "zircon-demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed draws other mounts.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Show the whole job on synthetic mounts: draw, segment, train, classify, report."""
    from napari_zircon_cnn.jobs.demo import run_demo

    with _progress_bar() as progress:
        result = run_demo(output, seed, progress)
    _print_verdicts(result.verdicts.to_dict("records"))
    overall = result.evaluation["overall"]
    typer.echo(
        f"On {overall['n']} grains of samples that it never saw, the network is right for "
        f"{overall['accuracy']:.0%} (ROC-AUC {overall['roc_auc']:.2f})."
    )
    _end(
        f"Report: {result.report}",
        {
            "report": str(result.report),
            "verdicts": result.verdicts.to_dict("records"),
            "evaluation": result.evaluation,
        },
        as_json,
    )


@app.command(epilog="Example: `zircon-cnn segment QVC028.png QVC082.png -o district`")
def segment(
    mosaics: Annotated[list[Path], typer.Argument(metavar="MOSAIC", help="PNG, TIFF or JPEG mosaics.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PROJECT", help="The project folder; made if need be.")
    ],
    method: Annotated[
        str, typer.Option(help="The segmentation method: adaptive, or nathwani2023, the paper's preset.")
    ] = "adaptive",
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="UM", help="Edge of a pixel in µm; by default what the file says, else 2."),
    ] = None,
    sample: Annotated[
        list[str] | None,
        typer.Option("--sample", help="Name of the sample, once per mosaic; by default the file's name."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the method; may be repeated."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace samples that were curated; their ledgers are kept.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find the grains of mosaics and keep them in a project folder."""
    from napari_zircon_cnn.jobs.segment import segment_mosaics

    with _progress_bar() as progress:
        counts = segment_mosaics(
            output,
            mosaics,
            method=method,
            parameters=_pairs(parameter or []),
            pixel_size_um=pixel_size,
            samples=sample or [],
            overwrite=overwrite,
            progress=progress,
        )
    for name, count in counts.items():
        typer.echo(f"{name}: {count} grains")
    _end(f"Project: {output}", {"project": str(output), "grains": counts}, as_json)


@app.command(epilog="Example: `zircon-cnn curate district QVC028 curation.jsonl`")
def curate(
    project: ProjectFolder,
    sample: Annotated[str, typer.Argument(help="Name of the sample.")],
    ledger: Annotated[
        Path,
        typer.Argument(
            metavar="LEDGER.jsonl",
            help='One action a line, such as {"action": "reject", "labels": [7], "reason": "fragment"} or '
            '{"action": "reject_flagged", "flag": "cut_by_seam"}.',
        ),
    ],
    as_json: Json = False,
) -> None:
    """Reject, accept, merge, split, delete or set the class of grains as a ledger says."""
    from napari_zircon_cnn.curation import read_ledger
    from napari_zircon_cnn.jobs.curate import curate_sample

    with _progress_bar() as progress:
        counts = curate_sample(project, sample, read_ledger(ledger), progress)
    _end(f"{sample}: {counts['grains']} grains, {counts['rejected']} of them rejected", counts, as_json)


@app.command(
    epilog="Example: `zircon-cnn train district --classes classes.csv --hold-out QVC061 -o lenet.keras`"
)
def train(
    project: ProjectFolder,
    classes: ClassesFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL.keras", help="Where to save the network.")
    ],
    model: Annotated[str, typer.Option(help="The network.")] = "lenet5",
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
        Augmentation, typer.Option(help="Vary the training crops as the paper or its notebook does.")
    ] = Augmentation.PAPER,
    scaling: Annotated[
        Scaling, typer.Option(help="Grey values 0 to 1 as in the paper, or -1 to 1 as in its notebook.")
    ] = Scaling.PAPER,
    class_weights: Annotated[
        bool, typer.Option("--class-weights", help="Let each class count the same, however few its grains.")
    ] = False,
    keep_best: Annotated[
        bool,
        typer.Option("--keep-best", help="Keep the epoch with the lowest validation loss, not the last."),
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Grains per step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Step size of the Adam optimiser.")] = 0.001,
    box_um: Annotated[float, typer.Option("--box-um", help="Edge of a grain's crop in µm.")] = 180.0,
    size_px: Annotated[int, typer.Option("--size-px", help="Edge of the crop that the network takes.")] = 32,
    masked: Annotated[
        bool, typer.Option("--masked", help="Blacken all but the grain itself in its crop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a network on the grains of a project."""
    from napari_zircon_cnn.dataset import sample_classes
    from napari_zircon_cnn.jobs.train import train_model
    from napari_zircon_cnn.jobs.validation import warning_about
    from napari_zircon_cnn.project import Project

    by_sample = sample_classes(classes, Project.read(project).samples).by_sample
    warning = warning_about(by_sample, _names(hold_out), validation.value)
    with _progress_bar() as progress:
        card = train_model(
            project,
            classes,
            output,
            training={
                "network": model,
                "dropout": dropout,
                "augmentation": augmentation.value,
                "value_range": "zero_to_one" if scaling is Scaling.PAPER else "minus_one_to_one",
                "epochs": epochs,
                "batch_size": batch_size,
                "learning_rate": learning_rate,
                "class_weights": class_weights,
                "keep_best": keep_best,
                "seed": seed,
            },
            crop={"box_um": box_um, "size_px": size_px, "masked": masked},
            hold_out=_names(hold_out),
            validation=validation.value,
            progress=progress,
        )
    metrics: Mapping[str, Any] = card.metrics
    chose = f", which chose epoch {card.validation['best_epoch']}" if keep_best else ""
    in_validation = f"a random fifth of the grains of the same samples{chose}"
    _print_figures(f"Validation, {in_validation}", metrics["validation"])
    for fold in metrics.get("folds", []):
        _print_figures(f"Held out: {fold['held_out']}", fold)
    if "hold_out" in metrics:
        _print_figures(f"Hold-out samples {hold_out}, never seen", metrics["hold_out"])
    if warning:
        typer.echo(f"Warning: {warning}", err=True)
    _end(f"Model: {output}", {"model": str(output), "metrics": metrics}, as_json)


@app.command(epilog="Example: `zircon-cnn classify district --model lenet.keras`")
def classify(project: ProjectFolder, model: ModelFile, samples: Samples = "", as_json: Json = False) -> None:
    """Give each grain a probability and each sample a verdict."""
    from napari_zircon_cnn.jobs.classify import classify_project

    with _progress_bar() as progress:
        verdicts = classify_project(project, model, _names(samples), progress)
    rows = verdicts.to_dict("records")
    _print_verdicts(rows)
    _end(f"Verdicts: {project / 'verdicts.csv'}", {"verdicts": rows}, as_json)


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

    with _progress_bar() as progress:
        found = evaluate_project(project, classes, model, _names(samples), progress)
    for name, figures in found["samples"].items():
        seen = f", {figures['n_in_training']} of them trained on" if figures["n_in_training"] else ""
        _print_figures(f"{name} ({figures['class']}{seen})", figures)
    if found["seen"]:
        _print_figures("Grains trained on, no test of the network", found["seen"])
    if found["overall"]:
        _print_figures("Grains never seen", found["overall"])
    else:
        typer.echo("All these grains took part in the training; hold samples out for a test.")
    _end("", found, as_json)


@app.command(epilog="Example: `zircon-cnn report district -o report`")
def report(
    project: ProjectFolder,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the page.")],
    as_json: Json = False,
) -> None:
    """Write one HTML page with pictures and tables of all samples."""
    from napari_zircon_cnn.jobs.report import report_project

    with _progress_bar() as progress:
        page = report_project(project, output, progress)
    _end(f"Report: {page}", {"report": str(page)}, as_json)


@app.command(epilog="Example: `zircon-cnn export district -o for_gis --samples QVC028`")
def export(
    project: ProjectFolder,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")],
    samples: Samples = "",
    as_json: Json = False,
) -> None:
    """Write grains for other programs: tables (CSV), outlines in µm (GeoJSON), label images (TIFF)."""
    from napari_zircon_cnn.jobs.export import export_project

    with _progress_bar() as progress:
        counts = export_project(project, output, _names(samples), progress)
    for name, count in counts.items():
        rejected = (
            f", {count['rejected']} of them rejected, as the column status says" if count["rejected"] else ""
        )
        typer.echo(f"{name}: {count['grains']} grains{rejected}")
    _end(f"Files: {output}", {"folder": str(output), "samples": counts}, as_json)


@app.command(
    "score-segmentation",
    epilog="Example: `zircon-cnn score-segmentation district/samples/QVC061/labels.tif QVC061_truth.png`",
)
def score_segmentation(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="The label image to judge: TIFF or PNG.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="Hand-drawn masks: a label image as well.")],
    table: Annotated[
        Path | None,
        typer.Option(metavar="grains.csv", help="The label image's table; what it rejects was not found."),
    ] = None,
    ignore: Annotated[
        Path | None, typer.Option(metavar="IGNORE", help="A mask, not 0 where nothing is to be judged.")
    ] = None,
    uncertain: Annotated[
        str, typer.Option(metavar="LABEL,...", help="Hand-drawn grains that count neither way.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Score a segmentation against your own hand-drawn masks."""
    from napari_zircon_cnn.jobs.score import score_segmentation

    with _progress_bar() as progress:
        score = score_segmentation(
            labels,
            truth,
            table_file=table,
            ignore_file=ignore,
            uncertain=_labels(uncertain),
            progress=progress,
        )
    for at in score.at_iou:
        typer.echo(f"IoU > {at.iou:g}: recall {at.recall:.3f}, precision {at.precision:.3f}, F1 {at.f1:.3f}")
    _end(
        f"{score.n_truth} grains drawn, {score.n_found} found; {score.merges} merges, {score.splits} splits; "
        f"mean IoU of those found {score.mean_iou:.3f}",
        dataclasses.asdict(score),
        as_json,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: exit 0, 2 where the user can mend it (with a sentence), 1 for a bug of ours.

    Parameters
    ----------
    arguments
        The words after `zircon-cnn`; by default those of this process.
    """
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(arguments, prog_name=_PROGRAM, standalone_mode=False)
    except ZirconError as error:
        _fail(str(error), as_json)
    except typer.TyperException as error:
        # Without any word the help is shown, and nothing is left to say.
        if error.format_message():
            context = getattr(error, "ctx", None)
            command = context.command_path if context else _PROGRAM
            message = error.format_message()
            end = "" if message.endswith((".", "?")) else "."
            _fail(f"{message}{end} `{command} --help` shows how.", as_json)
        sys.exit(USER_ERROR)
    except OSError as error:
        if error.errno not in _FAULTS_OF_THE_PLACE:
            raise
        _fail(f"{error.filename or 'A file'} cannot be used: {error.strerror}; nothing was changed.", as_json)
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


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """Give a progress callback that draws a bar on a terminal and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from tqdm import tqdm

    with tqdm(total=1.0, bar_format="{percentage:3.0f}% |{bar:24}| {desc}", leave=False) as bar:

        def show(fraction: float, message: str) -> None:
            bar.set_description_str(message, refresh=False)
            bar.update(fraction - bar.n)

        yield show


def _pairs(words: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise ZirconError(f"--set takes NAME=VALUE, such as min_side_px=30; {word!r} has no '='.")
        pairs[name.strip()] = value.strip()
    return pairs


def _labels(words: str) -> list[int]:
    try:
        return [int(word) for word in _names(words)]
    except ValueError as error:
        raise ZirconError(
            f"Grains are named by their labels with commas between, such as 3,7; {words!r} is none."
        ) from error


def _names(words: str) -> list[str]:
    return [name.strip() for name in words.split(",") if name.strip()]


def _print_verdicts(rows: Sequence[Mapping[Any, Any]]) -> None:
    from napari_zircon_cnn.metrics import VERDICT_CAVEAT

    for row in rows:
        typer.echo(f"{row['sample']}: {_verdict_sentence(row)}")
    typer.echo(VERDICT_CAVEAT)


def _verdict_sentence(row: Mapping[Any, Any]) -> str:
    if not row["n_grains"]:
        return f"{row['verdict']} (it has no grain that counts)"
    # One grain has no interval.
    known = not math.isnan(row["low"])
    interval = f", 95% interval {row['low']:.2f} to {row['high']:.2f}" if known else ""
    return (
        f"{row['verdict']} (mean {row['target_class']} probability {row['mean_probability']:.2f}{interval}, "
        f"{row['share_above_half']:.0%} of {row['n_grains']} grains above 0.5)"
        + ("; trained on this sample" if row["in_training"] else "")
    )


def _print_figures(name: str, figures: Mapping[str, Any]) -> None:
    auc = figures["roc_auc"]
    # Without both classes there is no ROC curve.
    shown = "" if auc is None or auc != auc else f", ROC-AUC {auc:.2f}"  # noqa: PLR0124 - NaN
    typer.echo(
        f"{name}: {figures['n']} grains, accuracy {figures['accuracy']:.2f} "
        f"({figures['accuracy_low']:.2f} to {figures['accuracy_high']:.2f}), "
        f"loss {figures['loss']:.2f}{shown}"
    )


def _end(sentence: str, found: Mapping[str, Any], as_json: bool) -> None:
    if sentence:
        typer.echo(sentence)
    if as_json:
        from pydantic_core import to_json

        typer.echo(to_json(found, inf_nan_mode="null").decode())
