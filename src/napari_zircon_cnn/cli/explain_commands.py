"""The commands that show why a network answers as it does."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.options import Json, ModelFile, ProjectFolder, Samples
from napari_zircon_cnn.cli.output import end, progress_bar
from napari_zircon_cnn.cli.words import names_in
from napari_zircon_cnn.errors import ZirconError

if TYPE_CHECKING:
    from napari_zircon_cnn.jobs.neighbours import NearGrain
    from napari_zircon_cnn.jobs.saliency import Question


class Method(StrEnum):
    """How what moved an answer is found."""

    GRADCAM = "gradcam"
    INTEGRATED_GRADIENTS = "integrated-gradients"
    OCCLUSION = "occlusion"


class EmbeddingBy(StrEnum):
    """How grains are embedded."""

    UMAP = "umap"
    PCA = "pca"


class FitOn(StrEnum):
    """Which grains an embedding is fitted on."""

    TRAINING = "training"
    ALL = "all"


Grain = Annotated[str, typer.Option("--grain", metavar="SAMPLE:ID", help="The grain, such as QVC028:17.")]


@app.command(
    "feature-maps",
    epilog="Example: `zircon-cnn feature-maps district --model lenet.keras --grain QVC028:17 -o maps.png`",
)
def feature_maps(
    project: ProjectFolder,
    model: ModelFile,
    grain: Grain,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FIGURE", help="A picture (.png, .svg), or the maps as arrays (.npz)."
        ),
    ],
    layers: Annotated[
        str, typer.Option(metavar="LAYER,...", help="The layers; by default all with maps.")
    ] = "",
    maps: Annotated[int, typer.Option(min=1, help="How many maps of each layer a picture shows.")] = 5,
    as_json: Json = False,
) -> None:
    """Show what each layer of a network makes of a grain, as in figure 11 of the paper."""
    from napari_zircon_cnn.figures import check_picture_path, save_figure
    from napari_zircon_cnn.files import atomic_path, check_can_write
    from napari_zircon_cnn.jobs.feature_maps import feature_maps as read_maps
    from napari_zircon_cnn.map_figures import feature_map_figure

    as_arrays = output.suffix.lower() == ".npz"
    if not as_arrays:
        check_picture_path(output)
    check_can_write(output)
    with progress_bar() as progress:
        found = read_maps(
            project, model, grain, names_in(layers), n_maps=None if as_arrays else maps, progress=progress
        )
    shown = {layer.name: layer.maps for layer in found.layers}
    if as_arrays:
        import numpy as np

        with atomic_path(output) as temporary:
            np.savez_compressed(temporary, **found.arrays())  # type: ignore[arg-type]
    else:
        words = f"The crop of {grain} and its maps in {', '.join(shown)}"
        save_figure(feature_map_figure(found.crop, shown, grain, found.note), output, words)
    if found.note:
        typer.echo(f"Note: {found.note}", err=True)
    sizes = {layer.name: [*layer.grid.shape, layer.n_maps] for layer in found.layers}
    end(f"Maps: {output}", {"file": str(output), "layers": sizes, "note": found.note}, as_json)


@app.command(
    epilog="Example: `zircon-cnn saliency district --model lenet.keras --grain QVC028:17 --sanity -o why.png`"
)
def saliency(
    project: ProjectFolder,
    model: ModelFile,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A picture of the grain (.png, .svg), or of all grains one image over the mosaic (.tif).",
        ),
    ],
    grain: Annotated[
        str, typer.Option("--grain", metavar="SAMPLE:ID", help="The grain, such as QVC028:17.")
    ] = "",
    sample: Annotated[
        str, typer.Option("--sample", metavar="SAMPLE", help="In place of a grain: all grains of a sample.")
    ] = "",
    method: Annotated[
        Method, typer.Option(help="Grad-CAM, integrated gradients, or occlusion, which needs no gradients.")
    ] = Method.GRADCAM,
    class_name: Annotated[
        str, typer.Option("--class", metavar="CLASS", help="The class; by default the model's target class.")
    ] = "",
    layer: Annotated[
        str,
        typer.Option(metavar="LAYER", help="For Grad-CAM: by default the last convolution."),
    ] = "",
    sanity: Annotated[
        bool, typer.Option("--sanity", help="Compare with the maps that shuffled weights give.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what moved a network's answer on a grain, or on all grains of a sample."""
    from napari_zircon_cnn.jobs.saliency import Question

    if bool(grain) == bool(sample):
        raise ZirconError("Name one grain with --grain SAMPLE:ID, or all of a sample with --sample SAMPLE.")
    question = Question(method.value, class_name, layer)
    if sample:
        _of_sample(project, model, output, sample, question, as_json=as_json)
        return
    from napari_zircon_cnn.figures import check_picture_path, save_figure
    from napari_zircon_cnn.files import check_can_write
    from napari_zircon_cnn.jobs.saliency import saliency as explain
    from napari_zircon_cnn.map_figures import saliency_figure

    check_picture_path(output)
    check_can_write(output)
    with progress_bar() as progress:
        found = explain(project, model, grain, question, sanity=sanity, progress=progress)
    maps, test = found.found, found.sanity
    title = f"{method.value}{f' of {maps.layer}' if maps.layer else ''}:\nwhat speaks for {maps.class_name}"
    note = " ".join(part for part in (test.sentence if test else "", found.note) if part)
    figure = saliency_figure(found.crop, maps.maps[0], maps.grid, title=title, name=grain, note=note)
    save_figure(figure, output, f"{grain}, {title}")
    if note:
        typer.echo(note, err=True)
    facts = {
        "file": str(output),
        "method": method.value,
        "class": maps.class_name,
        "score": float(maps.scores[0]),
        "sanity": dataclasses.asdict(test) if test else None,
        "note": found.note,
    }
    end(f"Picture: {output}", facts, as_json)


@app.command(epilog="Example: `zircon-cnn embed district --model lenet.keras`")
def embed(
    project: ProjectFolder,
    model: ModelFile,
    method: Annotated[
        EmbeddingBy, typer.Option(help="UMAP, or PCA, which takes no time.")
    ] = EmbeddingBy.UMAP,
    components: Annotated[int, typer.Option(min=2, max=3, help="How many coordinates a grain gets.")] = 3,
    fit: Annotated[
        FitOn,
        typer.Option(help="Fit on the training grains and place the others, or on all, as in the paper."),
    ] = FitOn.TRAINING,
    seed: Annotated[int, typer.Option(help="The same seed gives the same coordinates.")] = 1,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit anew, also if grains move that were embedded before.")
    ] = False,
    samples: Samples = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FIGURE", help="Also draw it: .png or .svg, as in figure 10."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Lay grains out by what a network sees in them, and tell what the axes go along with."""
    from napari_zircon_cnn.embedding.axes import axis_correlations
    from napari_zircon_cnn.embedding_file import EmbeddingSettings
    from napari_zircon_cnn.jobs.embed import embed_project
    from napari_zircon_cnn.project import Project
    from napari_zircon_cnn.settings import validated

    if output is not None:
        from napari_zircon_cnn.figures import check_picture_path

        check_picture_path(output)
    given = {"method": method.value, "components": components, "fit": fit.value, "seed": seed}
    settings = validated(EmbeddingSettings, given)
    with progress_bar() as progress:
        found = embed_project(project, model, settings, names_in(samples), refit=refit, progress=progress)
    for name, part in found.samples.items():
        typer.echo(f"{name}: {len(part.labels)} grains")
    now = Project.read(project)
    tables = {name: now.table(name) for name in now.samples}
    along = axis_correlations(tables.values(), method.value).to_dict("records")
    for axis in dict.fromkeys(row["axis"] for row in along):
        best = [row for row in along if row["axis"] == axis][:3]
        words = ", ".join(f"{row['column']} {row['rank_correlation']:+.2f}" for row in best)
        typer.echo(f"{axis} goes along with {words} (rank correlation)")
    if output is not None:
        from napari_zircon_cnn.embedding_figures import embedding_figure
        from napari_zircon_cnn.figures import save_figure

        save_figure(
            embedding_figure(tables, method.value), output, f"{method.value} of {len(tables)} samples"
        )
    facts = {
        "grains": {name: len(part.labels) for name, part in found.samples.items()},
        "fitted": found.n_fitted,
        "kept": found.n_kept,
        "axes": along,
    }
    end(f"{found.n_fitted} grains fitted on, {found.n_kept} stayed where they were", facts, as_json)


@app.command(epilog="Example: `zircon-cnn neighbours district --model lenet.keras --grain QVC028:17 -n 12`")
def neighbours(
    project: ProjectFolder,
    model: ModelFile,
    grain: Grain,
    n: Annotated[int, typer.Option("-n", min=1, help="How many neighbours.")] = 12,
    samples: Samples = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FIGURE", help="Also draw their crops: .png or .svg."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the grains that look most like one to a network."""
    from napari_zircon_cnn.jobs.neighbours import neighbours as find

    if output is not None:
        from napari_zircon_cnn.figures import check_picture_path

        check_picture_path(output)
    with progress_bar() as progress:
        found = find(
            project,
            model,
            grain,
            n,
            samples=names_in(samples),
            with_crops=output is not None,
            progress=progress,
        )
    for near in found.neighbours:
        typer.echo(_line_on(near))
    if output is not None and found.crops is not None:
        from napari_zircon_cnn.figures import crop_gallery, save_figure

        shown = [found.grain, *found.neighbours]
        names = [f"{near.sample}:{near.label}" for near in shown]
        figure = crop_gallery(found.crops, [near.probability for near in shown], names)
        save_figure(figure, output, f"{grain} and its nearest neighbours")
    if found.note:
        typer.echo(f"Note: {found.note}", err=True)
    facts = {
        "grain": dataclasses.asdict(found.grain),
        "neighbours": [dataclasses.asdict(near) for near in found.neighbours],
        "note": found.note,
    }
    end("", facts, as_json)


@app.command(epilog="Example: `zircon-cnn outliers district --model lenet.keras`")
def outliers(project: ProjectFolder, model: ModelFile, samples: Samples = "", as_json: Json = False) -> None:
    """List the grains that are unlike all that a network was trained on."""
    from napari_zircon_cnn.jobs.neighbours import outliers as find

    with progress_bar() as progress:
        found = find(project, model, names_in(samples), progress)
    for far in found.outliers:
        typer.echo(_line_on(far))
    end(
        f"{len(found.outliers)} of {found.n_grains} grains are farther than {found.limit:.3g} from the five "
        "nearest training grains; 99 % of the training grains are not",
        dataclasses.asdict(found),
        as_json,
    )


def _line_on(grain: "NearGrain") -> str:
    name, known = f"{grain.sample}:{grain.label}", ", trained on" if grain.in_training else ""
    return f"{name}: distance {grain.distance:.3g}, probability {grain.probability:.2f}{known}"


def _of_sample(
    project: Path,
    model: Path,
    output: Path,
    sample: str,
    question: "Question",
    *,
    as_json: bool,
) -> None:
    import tifffile

    from napari_zircon_cnn.files import atomic_path, check_can_write
    from napari_zircon_cnn.jobs.saliency import saliency_of_sample

    if output.suffix.lower() not in (".tif", ".tiff"):
        raise ZirconError(f"The image of all grains is a TIFF; end its name in .tif, not {output.suffix!r}.")
    check_can_write(output)
    with progress_bar() as progress:
        image = saliency_of_sample(project, model, sample, question, progress)
    with atomic_path(output) as temporary:
        tifffile.imwrite(temporary, image, compression="zlib")
    end(f"Image: {output}", {"file": str(output), "method": question.method, "shape": image.shape}, as_json)
