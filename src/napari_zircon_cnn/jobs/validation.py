"""What a validation cannot tell; light, so that a window may say it while it is chosen."""

from collections.abc import Collection, Mapping
from typing import Literal

Validation = Literal["split", "kfold", "leave-one-sample-out"]


def warning_about(classes: Mapping[str, str], hold_out: Collection[str], validation: Validation) -> str:
    """Say where the validation of a network shares samples with its training.

    Parameters
    ----------
    classes
        The class of each sample; empty where it is not known.
    hold_out
        Samples that take no part in the training.
    validation
        How the network is validated beside that.

    Returns
    -------
    str
        The warning, in a sentence or two; empty where whole samples validate the network, or
        where no sample is trained on.
    """
    known = {sample for sample, name in classes.items() if name}
    if validation == "leave-one-sample-out" or not known.difference(hold_out):
        return ""
    shared = "Grains of the same samples are in training and validation; the figures tell how well the "
    if known.intersection(hold_out):
        return (
            f"{shared}network knows these samples. Only the held-out samples tell how it does on a new one."
        )
    return (
        f"{shared}network knows these samples, not how it does on a new one. "
        "Hold out samples or use leave-one-sample-out."
    )
