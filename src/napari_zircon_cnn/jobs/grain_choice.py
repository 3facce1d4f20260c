"""One grain of a project by its name, SAMPLE:ID; light, so that a window may say why a grain will not do."""

from collections.abc import Sequence

import pandas as pd

from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing
from napari_zircon_cnn.project import Project

BORDER_NOTE = (
    "The grain touches the mosaic's border: it goes on where the mosaic ends, and its crop is black there."
)


def grain_named(name: str, project: Project) -> tuple[str, int]:
    """Return sample and label of a name such as `QVC028:17`.

    Parameters
    ----------
    name
        The sample and the label, with a colon between.
    project
        The project that holds the grain.

    Returns
    -------
    tuple
        The sample and the label.

    Raises
    ------
    ZirconError
        Where the name is none, or the grain is not there or does not count.
    """
    sample, sign, word = name.rpartition(":")
    if not sign or not word.isascii() or not word.isdecimal():
        raise ZirconError(f"A grain is named SAMPLE:ID, such as QVC028:17; {name!r} is no such name.")
    project.chosen([sample])
    check_counts(project.table(sample), sample, [int(word)])
    return sample, int(word)


def check_counts(table: pd.DataFrame, sample: str, labels: Sequence[int]) -> None:
    """Raise a `ZirconError` where a label is no grain, or one that was rejected."""
    known, is_rejected = set(existing(table).tolist()), table["status"].eq(REJECTED).to_numpy()
    for label in labels:
        if label not in known:
            raise ZirconError(f"{sample} has no grain {label}; it may have been deleted or merged.")
        if is_rejected[label]:
            reason = str(table["reason"].iloc[label]) or "no reason given"
            raise ZirconError(
                f"The grain {sample}:{label} is rejected ({reason}), so it counts nowhere; accept it first."
            )


def note_on(table: pd.DataFrame, label: int) -> str:
    """Return what must be known of a grain's crop, in a sentence; mostly nothing."""
    return BORDER_NOTE if table.at[label, "touches_border"] else ""
