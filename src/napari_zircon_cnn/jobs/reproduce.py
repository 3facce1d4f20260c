"""The job that makes the paper's tables and figures anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_zircon_cnn.errors import CannotResumeError, ZirconError
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.jobs.trials import SIZES, size_curve
from napari_zircon_cnn.networks.card import ModelCard, read_card
from napari_zircon_cnn.networks.registry import network_spec
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.samples import quellaveco

if TYPE_CHECKING:
    from napari_zircon_cnn.reproduction.published import PaperModel

_PAPER_EPOCHS, _QUICK_CURVE_EPOCHS = 200, 40
_QUICK_SIZES = (50, 100, 200)
_SEGMENTED, _TRAINED = 0.05, 0.85
"""How much of the work is then done."""


@dataclass(frozen=True)
class _Plan:
    """What a reproduction is made from, and how."""

    folder: Path
    counts: Mapping[str, int]
    hold_out: Sequence[str]
    quick: bool
    epochs: int | None
    weights: str | None
    seed: int

    @property
    def project(self) -> Path:
        """The project folder."""
        return self.folder / "project"

    @property
    def classes(self) -> dict[str, str]:
        """The class of each sample at hand, batholith first as in the paper."""
        return quellaveco.classes(self.counts)

    def epochs_of(self, quick_epochs: int) -> int:
        """Return for how many epochs to train what a quick run trains for so many."""
        return self.epochs or (quick_epochs if self.quick else _PAPER_EPOCHS)

    def settings_of(self, model: "PaperModel") -> dict[str, Any]:
        """Return those of the `TrainSettings` of a network that differ from the defaults."""
        settings = {**model.training, "epochs": self.epochs_of(model.quick_epochs), "seed": self.seed}
        if _is_pretrained(model):
            settings |= {"weights": self.weights} if self.weights else {}
            settings |= {"cached_features": True, "fine_tuning_epochs": 1} if self.quick else {}
        return settings

    def settings_of_curve(self, networks: Sequence[str]) -> dict[str, Any]:
        """Return the same for the trainings of networks with more and more grains."""
        settings: dict[str, Any] = {"epochs": self.epochs_of(_QUICK_CURVE_EPOCHS)}
        if "vgg16" in networks:
            settings |= {"cached_features": True} | ({"weights": self.weights} if self.weights else {})
            settings |= {"fine_tuning_epochs": 1} if self.quick else {}
        return settings


def reproduce(
    folder: Path | str,
    mosaic_folder: Path | str | None = None,
    *,
    quick: bool = False,
    epochs: int | None = None,
    weights: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Path:
    """Segment the paper's mosaics, train its networks and write its tables and figures on one page.

    What an earlier call has finished in the same folder is not done again, and a training that was
    killed goes on to the same numbers.

    Parameters
    ----------
    folder
        Where all goes: `index.html`, the figures as PNG and SVG, their data and the tables as CSV, and
        the project and the networks that they come from.
    mosaic_folder
        A folder with the mosaics, or some of them, by their names such as QVC028.png; by default they
        are downloaded, as far as there is no copy yet.
    quick
        Whether to train for few epochs only, so that it takes minutes and not hours.
    epochs
        Epochs of every network; by default the paper's 200, or those of a quick run.
    weights
        A file with VGG-16's weights from ImageNet; by default Keras downloads them.
    seed
        Seed of all trainings.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ZirconError
        Where no mosaic is found, or there are not two classes among those found.
    """
    from napari_zircon_cnn.reproduction.published import MODELS
    from napari_zircon_cnn.reproduction.tables import choose_hold_out, notes_on_samples, notes_on_validation

    folder = Path(folder)
    counts = _segmented(folder / "project", mosaic_folder, part_of(progress, 0.0, _SEGMENTED))
    plan = _Plan(folder, counts, choose_hold_out(counts), quick, epochs, weights, seed)
    cards: dict[str, ModelCard] = {}
    notes = notes_on_samples(counts, plan.hold_out)
    ends = np.linspace(_SEGMENTED, _TRAINED, len(MODELS) + 1).tolist()
    for model, span in zip(MODELS, pairwise(ends), strict=True):
        try:
            cards[model.key] = _trained(plan, model, part_of(progress, *span, model.title))
        except ZirconError as error:
            # Without their weights from ImageNet, networks that need them are left out, and no other.
            if not _is_pretrained(model):
                raise
            notes.append(f"{model.title} is missing, its curve in figure 9 too. {error}")
    notes += notes_on_validation(cards)
    # The paper's two, as far as there are weights.
    curves = ["lenet5", *(["vgg16"] if "vgg16" in cards else [])]
    sizes = size_curve(
        plan.project,
        plan.classes,
        folder,
        networks=curves,
        sizes=_QUICK_SIZES if quick else SIZES,
        repeats=1 if quick else 3,
        training=plan.settings_of_curve(curves),
        seed=seed,
        progress=part_of(progress, _TRAINED, 0.95),
    )
    return _written(plan, cards, notes, sizes, part_of(progress, 0.95, 1.0))


def _segmented(project: Path, mosaic_folder: Path | str | None, progress: Progress) -> dict[str, int]:
    """Segment what is not yet in the project, and return the usable grains of each sample."""
    samples = quellaveco.SAMPLES
    if mosaic_folder is None:
        listed = [sample for sample in samples if sample.role != "not listed"]
        spans = pairwise(np.linspace(0, 0.5, len(listed) + 1).tolist())
        steps = (part_of(progress, *span) for span in spans)
        mosaics = [
            quellaveco.fetch(sample.name, progress=step) for sample, step in zip(listed, steps, strict=True)
        ]
    else:
        mosaics = [Path(mosaic_folder, sample.file_name) for sample in samples]
        mosaics = [path for path in mosaics if path.is_file()]
        if not mosaics:
            raise ZirconError(
                f"The folder {mosaic_folder} holds none of the paper's mosaics, such as "
                f"{samples[0].file_name}; name the folder that holds them, or none to have them downloaded."
            )
    classes = {quellaveco.classes()[path.stem] for path in mosaics}
    if len(classes) < 2:
        raise ZirconError(
            f"All mosaics found are of the class {classes.pop()}; add one of the other class, "
            "such as QVC082.png (batholith) or QVC028.png (porphyry)."
        )
    segment_mosaics(
        project,
        mosaics,
        method="nathwani2023",
        pixel_size_um=quellaveco.PIXEL_SIZE_UM,
        progress=part_of(progress, 0.5, 1.0),
    )
    opened = Project.read(project)
    return {name: len(usable(opened.table(name))) for name in opened.samples}


def _is_pretrained(model: "PaperModel") -> bool:
    return bool(network_spec(model.training.get("network", "lenet5")).pretrained)


def _trained(plan: _Plan, model: "PaperModel", progress: Progress) -> ModelCard:
    """Return the card of a network, trained if it is not there as it should be."""
    from napari_zircon_cnn.reproduction.published import CROSS_VALIDATED

    settings, file = plan.settings_of(model), plan.folder / "networks" / f"{model.key}.keras"
    if file.is_file():
        card = read_card(file)
        wanted = {name: value for name, value in settings.items() if name != "weights"}
        known = {name: getattr(card.training, name) for name in wanted}
        if known == wanted and _is_of_these_grains(card, plan):
            return card
    train = partial(
        train_model,
        plan.project,
        plan.classes,
        file,
        training=settings,
        hold_out=plan.hold_out,
        validation="kfold" if model.key == CROSS_VALIDATED else "split",
        progress=progress,
    )
    try:
        return train(resume=True)
    except CannotResumeError:
        # What a run of other grains or settings left unfinished is of no use to this one.
        return train(resume=False)


def _is_of_these_grains(card: ModelCard, plan: _Plan) -> bool:
    """Tell whether a network was trained and tested on the grains that are there now."""
    samples = Project.read(plan.project).record.samples
    trained = {part.sample: (part.n_grains, part.mosaic_sha256) for part in card.samples}
    wanted = {
        name: (count, samples[name].sha256)
        for name, count in plan.counts.items()
        if count and name not in plan.hold_out
    }
    metrics: Mapping[str, Any] = card.metrics
    tested = metrics.get("hold_out", {}).get("n", 0)
    return (
        trained == wanted
        and card.validation.get("hold_out") == list(plan.hold_out)
        and tested == sum(plan.counts[name] for name in plan.hold_out)
    )


def _written(
    plan: _Plan,
    cards: Mapping[str, ModelCard],
    notes: Sequence[str],
    sizes: pd.DataFrame,
    progress: Progress,
) -> Path:
    """Write tables, figures and page, and return the page."""
    from napari_zircon_cnn.figures import as_svg, save_figure
    from napari_zircon_cnn.jobs.reproduced_figures import drawn_figures
    from napari_zircon_cnn.pages import data_uri
    from napari_zircon_cnn.reproduction.page import PageFigure, write_page
    from napari_zircon_cnn.reproduction.published import CROSS_VALIDATED
    from napari_zircon_cnn.reproduction.tables import fold_rows, network_rows, sample_rows

    folder = plan.folder
    tables = {
        "table-1": sample_rows(plan.counts, plan.hold_out),
        "table-2": network_rows(cards),
        "cross-validation": fold_rows(cards.get(CROSS_VALIDATED)),
    }
    for name, rows in tables.items():
        _write_csv(pd.DataFrame(rows), folder / f"{name}.csv")
    figures = []
    for drawn in drawn_figures(folder, cards, plan.hold_out, sizes, progress):
        for suffix in (".png", ".svg"):
            save_figure(drawn.figure, folder / f"{drawn.key}{suffix}", drawn.caption)
        _write_csv(drawn.data, folder / f"{drawn.key}.csv")
        uri = data_uri("image/svg+xml", as_svg(drawn.figure, drawn.caption).encode())
        figures.append(PageFigure(drawn.key, drawn.title, drawn.caption, uri))
    page = folder / "index.html"
    write_page(
        page,
        samples=tables["table-1"],
        networks=tables["table-2"],
        folds=tables["cross-validation"],
        figures=figures,
        notes=notes,
        hold_out=plan.hold_out,
        seed=plan.seed,
        quick=plan.quick,
    )
    progress(1.0, f"wrote {page}")
    return page


def _write_csv(table: pd.DataFrame, file: Path) -> None:
    with atomic_path(file) as path:
        table.to_csv(path, index=False)
