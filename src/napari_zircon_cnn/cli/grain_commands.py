"""The commands that find grains, change them and hand them on."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.options import Json, ProjectFolder, Samples
from napari_zircon_cnn.cli.output import end, progress_bar
from napari_zircon_cnn.cli.words import labels_in, names_in, pairs_in


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

    with progress_bar() as progress:
        counts = segment_mosaics(
            output,
            mosaics,
            method=method,
            parameters=pairs_in(parameter or []),
            pixel_size_um=pixel_size,
            samples=sample or [],
            overwrite=overwrite,
            progress=progress,
        )
    for name, count in counts.items():
        typer.echo(f"{name}: {count} grains")
    end(f"Project: {output}", {"project": str(output), "grains": counts}, as_json)


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

    with progress_bar() as progress:
        counts = curate_sample(project, sample, read_ledger(ledger), progress)
    end(f"{sample}: {counts['grains']} grains, {counts['rejected']} of them rejected", counts, as_json)


@app.command(epilog="Example: `zircon-cnn export district -o for_gis --samples QVC028`")
def export(
    project: ProjectFolder,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")],
    samples: Samples = "",
    as_json: Json = False,
) -> None:
    """Write grains for other programs: tables (CSV), outlines in µm (GeoJSON), label images (TIFF)."""
    from napari_zircon_cnn.jobs.export import export_project

    with progress_bar() as progress:
        counts = export_project(project, output, names_in(samples), progress)
    for name, count in counts.items():
        rejected = (
            f", {count['rejected']} of them rejected, as the column status says" if count["rejected"] else ""
        )
        typer.echo(f"{name}: {count['grains']} grains{rejected}")
    end(f"Files: {output}", {"folder": str(output), "samples": counts}, as_json)


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

    with progress_bar() as progress:
        score = score_segmentation(
            labels,
            truth,
            table_file=table,
            ignore_file=ignore,
            uncertain=labels_in(uncertain),
            progress=progress,
        )
    for at in score.at_iou:
        typer.echo(f"IoU > {at.iou:g}: recall {at.recall:.3f}, precision {at.precision:.3f}, F1 {at.f1:.3f}")
    end(
        f"{score.n_truth} grains drawn, {score.n_found} found; {score.merges} merges, {score.splits} splits; "
        f"mean IoU of those found {score.mean_iou:.3f}",
        dataclasses.asdict(score),
        as_json,
    )
