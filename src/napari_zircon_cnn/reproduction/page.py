"""The page of a reproduction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.pages import environment, own_version


@dataclass(frozen=True)
class PageFigure:
    """A figure on the page.

    Parameters
    ----------
    key
        Name of its files.
    title, caption
        What stands above and below it.
    uri
        The picture itself, as an address.
    """

    key: str
    title: str
    caption: str
    uri: str


def write_page(
    file: Path,
    *,
    samples: Sequence[Mapping[str, Any]],
    networks: Sequence[Mapping[str, Any]],
    folds: Sequence[Mapping[str, Any]],
    figures: Sequence[PageFigure],
    notes: Sequence[str],
    hold_out: Sequence[str],
    seed: int,
    quick: bool,
) -> None:
    """Write the page.

    Parameters
    ----------
    file
        Where it goes.
    samples, networks, folds
        The rows of `tables`.
    figures
        The figures in their order.
    notes
        Sentences that stand above all.
    hold_out
        The samples of the test.
    seed
        Seed of the trainings.
    quick
        Whether the run was a quick one.
    """
    tested = f"the samples {', '.join(hold_out)}, never seen in training" if hold_out else "no sample"
    text = (
        environment()
        .get_template("reproduction.html")
        .render(
            date=datetime.now().astimezone(),
            version=own_version(),
            samples=samples,
            networks=networks,
            folds=folds,
            figures=figures,
            notes=notes,
            test_caption=f"Test: {tested}.",
            seed=seed,
            quick=quick,
        )
    )
    with atomic_path(file) as path:
        path.write_text(text, encoding="utf-8")
