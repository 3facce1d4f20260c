"""Options and arguments that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Validation(StrEnum):
    """How a network is validated."""

    SPLIT = "split"
    KFOLD = "kfold"
    LEAVE_ONE_SAMPLE_OUT = "leave-one-sample-out"


class Augmentation(StrEnum):
    """How training crops are varied."""

    PAPER = "paper"
    NOTEBOOK = "notebook"
    SESSION = "session"
    NONE = "none"


class Scaling(StrEnum):
    """What range of values the network sees."""

    PAPER = "paper"
    NOTEBOOK = "notebook"


def value_range_of(scaling: Scaling) -> str:
    """Return what the training's settings call a range of values."""
    return "zero_to_one" if scaling is Scaling.PAPER else "minus_one_to_one"


class Prior(StrEnum):
    """Which class frequencies probabilities assume."""

    TRAINING = "training"
    EQUAL = "equal"
    ESTIMATED = "estimated"


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
Weights = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="For vgg16: a file of ImageNet's weights instead of the download, or none for random ones.",
    ),
]
CachedFeatures = Annotated[
    bool,
    typer.Option(
        "--cached-features",
        help="For vgg16: compute what the frozen layers see once, without augmentation; much faster.",
    ),
]
ClassWeights = Annotated[
    bool, typer.Option("--class-weights", help="Let each class count the same, however few its grains.")
]
Masked = Annotated[bool, typer.Option("--masked", help="Blacken all but the grain itself in its crop.")]
