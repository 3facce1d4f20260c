"""Make the pictures of docs/explaining.md: `python docs/make_explaining_pictures.py`.

The eight mosaics that the README's tables tell of are fetched, or taken from the folder that
ZIRCON_CNN_DATA names.
"""

import tempfile
from pathlib import Path

from napari_zircon_cnn.embedding.axes import axis_correlations
from napari_zircon_cnn.embedding_figures import embedding_figure
from napari_zircon_cnn.embedding_file import EmbeddingSettings
from napari_zircon_cnn.figures import crop_gallery, save_figure
from napari_zircon_cnn.jobs.classify import classify_project
from napari_zircon_cnn.jobs.embed import embed_project
from napari_zircon_cnn.jobs.feature_maps import feature_maps
from napari_zircon_cnn.jobs.neighbours import neighbours
from napari_zircon_cnn.jobs.saliency import METHODS, Question, saliency
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.map_figures import feature_map_figure, saliency_figure
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.samples import quellaveco

IMAGES = Path(__file__).parent / "images" / "explaining"
SAMPLES = ("QVC024", "QVC028", "QVC029", "QVC034", "QVC058", "QVC060", "QVC061", "QVC082")


def main() -> None:
    """Draw what can be seen of a network that was trained as the README does, with class weights."""
    with tempfile.TemporaryDirectory() as name:
        draw(*prepare(Path(name)))


def prepare(folder: Path) -> tuple[Path, Path]:
    """Find grains, train LeNet-5, classify and lay out in a folder; return project and model."""
    project, model = folder / "district", folder / "lenet.keras"
    segment_mosaics(project, [quellaveco.fetch(sample) for sample in SAMPLES], method="nathwani2023")
    # The first class named is class 0, so that the probability is that of porphyry.
    classes = {sample: quellaveco.classes()[sample] for sample in reversed(SAMPLES)}
    training = {"augmentation": "notebook", "value_range": "minus_one_to_one", "class_weights": True}
    train_model(project, classes, model, training=training, hold_out=["QVC061"])
    classify_project(project, model)
    embed_project(project, model, EmbeddingSettings(fit="all"))
    return project, model


def draw(project: Path, model: Path) -> None:
    """Draw the pictures of a trained and classified project, and print the figures in the text."""
    now = Project.read(project)
    tables = {sample: now.table(sample) for sample in now.samples}
    save_figure(embedding_figure(tables), IMAGES / "umap.png")
    print(axis_correlations(tables.values()).groupby("axis").head(4).to_string(index=False))
    most = int(tables["QVC028"]["probability"].idxmax())
    grain = f"QVC028:{most}"
    found = feature_maps(project, model, grain)
    maps = {layer.name: layer.maps for layer in found.layers}
    save_figure(feature_map_figure(found.crop, maps, grain), IMAGES / "feature-maps.png")
    for method in METHODS:
        why = saliency(project, model, grain, Question(method), sanity=True)
        sentence = why.sanity.sentence if why.sanity else ""
        shown = saliency_figure(
            why.crop,
            why.found.maps[0],
            why.found.grid,
            title=f"{method}:\nwhat speaks for {why.found.class_name}",
            name=grain,
            note=sentence,
        )
        save_figure(shown, IMAGES / f"{method}.png")
        print(f"{method}: {sentence}")
    near = neighbours(project, model, grain, 15, with_crops=True)
    if near.crops is None:
        raise AssertionError("the crops were asked for")
    shown_grains = [near.grain, *near.neighbours]
    names = [f"{one.sample}:{one.label}" for one in shown_grains]
    gallery = crop_gallery(near.crops, [one.probability for one in shown_grains], names)
    save_figure(gallery, IMAGES / "neighbours.png")


if __name__ == "__main__":
    main()
