"""The figures of a reproduction, each with the data behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.jobs.loading import known_grains
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.settings import validated

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from napari_zircon_cnn.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure.

    Parameters
    ----------
    key
        Name of its files.
    title, caption
        What stands above and below it on a page.
    figure
        The figure.
    data
        What it shows.
    """

    key: str
    title: str
    caption: str
    figure: "Figure"
    data: pd.DataFrame


_CROPS, _VARIED_CROPS, _VARIATIONS = 16, 5, 6
_BEST = "lenet-both"
_CURVES = {"lenet5": "LeNet-5, dropout and augmentation", "vgg16": "VGG-16"}


def drawn_figures(
    folder: Path,
    cards: Mapping[str, ModelCard],
    hold_out: Sequence[str],
    sizes: pd.DataFrame,
    progress: Progress,
) -> Iterator[Drawn]:
    """Draw the figures 5 to 9, S1 and S2 of the paper.

    Parameters
    ----------
    folder
        The reproduction, with its project and networks.
    cards
        The cards of the networks, by the keys of `published.MODELS`.
    hold_out
        The samples of the test.
    sizes
        What `trials.size_curve` returned.
    progress
        Told of each figure; may raise `Cancelled`.

    Yields
    ------
    Drawn
        One figure after the other.
    """
    from napari_zircon_cnn.figures import crop_gallery
    from napari_zircon_cnn.reproduction.pictures import (
        Curve,
        curves_figure,
        histograms_figure,
        size_figure,
        variations_figure,
    )
    from napari_zircon_cnn.reproduction.published import MODELS

    titles = {model.key: model.title for model in MODELS if model.key in cards}
    tested = _asked_about(folder, cards, hold_out, progress)
    best = tested[_BEST]
    shown = best.iloc[np.linspace(0, len(best) - 1, min(_CROPS, len(best))).round().astype(int)]
    grains = _grains_of(folder, cards[_BEST])
    crops = np.stack([grains.crops[index] for index in shown["index"]])
    yield Drawn(
        "figure-5",
        "Figure 5: grains with their probability",
        f"Grains of the test by rising probability of {cards[_BEST].target_class}, by {titles[_BEST]}.",
        crop_gallery(crops, shown["probability"], list(shown["sample"] + ":" + shown["label"].astype(str))),
        shown.drop(columns="index"),
    )
    curve = [
        Curve("training", cards[_BEST].history, "", "-", 0),
        Curve("validation", cards[_BEST].history, "val_", "-", 1),
        Curve("validation of the MLP", cards["mlp"].history, "val_", "--", 7),
    ]
    yield Drawn(
        "figure-6",
        f"Figure 6: training of {titles[_BEST]}",
        "Accuracy, loss and ROC-AUC after each epoch, with the MLP as a baseline.",
        curves_figure(curve),
        _histories({key: cards[key] for key in (_BEST, "mlp")}),
    )
    others = [
        Curve(title, cards[key].history, "val_", "-", n) for n, (key, title) in enumerate(titles.items())
    ]
    yield Drawn(
        "figure-7",
        "Figure 7: validation of all networks",
        "Accuracy, loss and ROC-AUC of the validation after each epoch.",
        curves_figure(others),
        _histories(cards),
    )
    by_network = {
        titles[key]: {str(name): part["probability"].to_numpy() for name, part in rows.groupby("class")}
        for key, rows in tested.items()
    }
    yield Drawn(
        "figure-8",
        "Figure 8: probabilities of the test",
        "Grains of the test by their probability, in 25 bins, in the colour of their true class.",
        histograms_figure(by_network, cards[_BEST].target_class),
        pd.concat([rows.drop(columns="index").assign(network=titles[key]) for key, rows in tested.items()]),
    )
    yield Drawn(
        "figure-9",
        "Figure 9: how much data is needed",
        "ROC-AUC of the validation against the number of training grains; VGG-16, where there are weights "
        "for it, without augmentation while all its convolutions are frozen. In grey: what needs no "
        "network, learnt from the same grains.",
        size_figure(sizes, _CURVES),
        sizes,
    )
    yield _variations(grains, cards[_BEST].training.seed, variations_figure)
    lenets = [key for key in titles if key.startswith("lenet")]
    regularised = [
        Curve(f"{titles[key]}, {which}", cards[key].history, prefix, style, n)
        for n, key in enumerate(lenets)
        for which, prefix, style in (("training", "", "--"), ("validation", "val_", "-"))
    ]
    yield Drawn(
        "figure-S2",
        "Figure S2: regularisation of LeNet-5",
        "The four variants of LeNet-5; dashed: training, solid: validation.",
        curves_figure(regularised),
        _histories({key: cards[key] for key in lenets}),
    )


def _variations(grains: "Dataset", seed: int, draw: Any) -> Drawn:
    from napari_zircon_cnn.networks.augmentation import draw_variations, vary

    crops = grains.crops[:_VARIED_CROPS]
    rng = np.random.default_rng(seed)
    drawn = [draw_variations(len(crops), "paper", rng) for _ in range(_VARIATIONS)]
    data = pd.DataFrame(
        {
            "grain": f"{grains.samples[n]}:{grains.labels[n]}",
            "variation": k,
            "turn": each.turns[n],
            "zoom": each.zooms[n],
            "contrast": each.contrasts[n],
            "brightness": each.brightnesses[n],
        }
        for n in range(len(crops))
        for k, each in enumerate(drawn, start=1)
    )
    figure = draw(crops, [vary(crops, each) for each in drawn])
    caption = "Grains as they are, and as training varies them."
    return Drawn("figure-S1", "Figure S1: augmentation", caption, figure, data)


def _grains_of(folder: Path, card: ModelCard) -> "Dataset":
    """Return all grains of the project as a network takes them."""
    project = Project.read(folder / "project")
    classes = quellaveco.classes(project.samples)
    return known_grains(project, classes, validated(CropSettings, card.crop), silent)


def _asked_about(
    folder: Path, cards: Mapping[str, ModelCard], hold_out: Sequence[str], progress: Progress
) -> dict[str, pd.DataFrame]:
    """Return what each network says of the test's grains, from the least to the most probable."""
    from napari_zircon_cnn.inference import predict
    from napari_zircon_cnn.networks import bundle
    from napari_zircon_cnn.networks.start import start_keras

    start_keras()
    found = {}
    for n, (key, card) in enumerate(cards.items()):
        progress(n / len(cards), "asking the networks about the test")
        grains = _grains_of(folder, card)
        index = np.flatnonzero(np.isin(grains.samples, list(hold_out)))
        tested = grains.take(index)
        trained = bundle.load(folder / "networks" / f"{key}.keras")
        target = card.classes.index(card.target_class)
        rows = pd.DataFrame(
            {
                "index": index,
                "sample": tested.samples,
                "label": tested.labels,
                "class": [card.classes[at] for at in tested.y],
                "probability": predict(trained.model, tested.crops)[:, target],
            }
        )
        found[key] = rows.sort_values("probability", kind="stable", ignore_index=True)
    return found


def _histories(cards: Mapping[str, ModelCard]) -> pd.DataFrame:
    table = pd.DataFrame([{"network": key, **entry} for key, card in cards.items() for entry in card.history])
    # How long an epoch took differs from run to run, and no figure shows it.
    return table.drop(columns="seconds", errors="ignore")
