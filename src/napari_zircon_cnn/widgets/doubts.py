"""Which answers of a model not to trust: which grains, in which order to look at them, and why, in words."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.calibration import in_words
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.verdicts import caveat_of, spread_between

Doubt = Literal["unlike", "wavering", "seen"]

DOUBTS: dict[Doubt, str] = {
    "unlike": "Unlike the training",
    "wavering": "Could go either way",
    "seen": "Trained on",
}
"""Each doubt, in a few words."""

_ANSWER = ["probability", "uncertainty", "unlike_training", "in_training"]

_NOT_KNOWN: dict[Doubt, str] = {
    "unlike": "This model cannot tell which grains are unlike its training: it had fewer than 100.",
    "wavering": "How much the network wavers is not known, since it has no dropout.",
}
_FREQUENCIES = {
    "training": "classes as in training",
    "equal": "classes equally frequent",
    "estimated": "classes as estimated per sample",
}


def doubtful(table: pd.DataFrame, doubt: Doubt) -> NDArray[np.int64]:
    """Return the grains that count and whose probability a doubt speaks against.

    Parameters
    ----------
    table
        The grain table.
    doubt
        A key of `DOUBTS`: grains unlike any seen in training, the least alike first; grains whose
        probability is no further from 0.5 than the network wavers, the nearest first; or grains that the
        network was trained on.

    Returns
    -------
    ndarray of int64, shape (n,)
        Their labels.
    """
    labels = usable(table)
    # All columns would be copied in many times the time.
    rows = table[_ANSWER].loc[labels]
    if doubt == "unlike":
        unlike = rows["unlike_training"].to_numpy(np.float64)
        order = np.argsort(-np.nan_to_num(unlike), kind="stable")
        return labels[order[unlike[order] > 1]]
    if doubt == "wavering":
        apart = np.abs(rows["probability"].to_numpy(np.float64) - 0.5)
        order = np.argsort(apart, kind="stable")
        return labels[order[(apart <= rows["uncertainty"].to_numpy(np.float64))[order]]]
    seen: NDArray[np.int64] = labels[rows["in_training"].to_numpy(bool)]
    return seen


def doubt_in_words(table: pd.DataFrame, doubt: Doubt) -> str:
    """Return how many grains of a table a doubt is about, and what that means, in a sentence."""
    rows = table[_ANSWER].loc[usable(table)].dropna(subset="probability")
    if not len(rows):
        return "No grain of this sample has been classified yet."
    needed = {"unlike": "unlike_training", "wavering": "uncertainty"}.get(doubt)
    if needed is not None and rows[needed].isna().all():
        return _NOT_KNOWN[doubt]
    n = len(doubtful(table, doubt))
    told = f"{n or 'None'} of {len(rows)} grains {'is' if n == 1 else 'are'}"
    if doubt == "unlike":
        meaning = f"; {'its' if n == 1 else 'their'} probability means little" if n else ""
        return f"{told} unlike any seen in training{meaning}."
    if doubt == "wavering":
        return f"{told} so close to 0.5 that the network, which wavers, could say either."
    return f"{told} among those that the model was trained on{', which tests nothing' if n else ''}."


def answer_in_words(card: ModelCard) -> tuple[str, str]:
    """Return what the probabilities and intervals of a model's answer assume, in short and at length."""
    spread = spread_between(card.held_out_samples)
    n_samples = spread.n_samples if spread is not None else 0
    parts = (
        "Calibrated" if card.calibration.fitted_on else "Not calibrated",
        _FREQUENCIES[card.prior],
        f"intervals over {n_samples} samples" if n_samples else "intervals of this mount",
    )
    return " · ".join(parts), f"{in_words(card.calibration)} {caveat_of(n_samples)}"
