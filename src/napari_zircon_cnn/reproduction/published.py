"""The figures that Nathwani et al. (2023, doi:10.1029/2022JB025933) published."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Score:
    """Loss, accuracy and ROC-AUC, to the two digits that the paper gives."""

    loss: float
    accuracy: float
    roc_auc: float


@dataclass(frozen=True)
class PaperModel:
    """A network of the paper's table 2.

    Parameters
    ----------
    key
        Name for files.
    title
        Name for people.
    training
        Those of the `TrainSettings` that differ from the defaults, which are the paper's.
    quick_epochs
        Epochs of a quick run.
    validation, test
        What the paper reports; None for the MLP, of which it shows the curve alone.
    """

    key: str
    title: str
    training: dict[str, Any] = field(default_factory=dict)
    quick_epochs: int = 60
    validation: Score | None = None
    test: Score | None = None


_PLAIN: dict[str, Any] = {"dropout": False, "augmentation": "none"}

MODELS = (
    PaperModel("mlp", "MLP (baseline)", {"network": "mlp", **_PLAIN}),
    PaperModel(
        "lenet-none", "LeNet-5", _PLAIN, validation=Score(0.96, 0.82, 0.89), test=Score(2.90, 0.69, 0.81)
    ),
    PaperModel(
        "lenet-dropout",
        "LeNet-5, dropout",
        {"augmentation": "none"},
        validation=Score(0.73, 0.81, 0.91),
        test=Score(0.43, 0.83, 0.91),
    ),
    PaperModel(
        "lenet-augmentation",
        "LeNet-5, augmentation",
        {"dropout": False},
        validation=Score(0.30, 0.83, 0.95),
        test=Score(1.36, 0.69, 0.74),
    ),
    PaperModel(
        "lenet-both",
        "LeNet-5, dropout and augmentation",
        validation=Score(0.31, 0.88, 0.94),
        test=Score(0.59, 0.75, 0.88),
    ),
    PaperModel(
        "alexnet",
        "AlexNet",
        {"network": "alexnet"},
        quick_epochs=5,
        validation=Score(0.31, 0.86, 0.95),
        test=Score(1.09, 0.56, 0.79),
    ),
    PaperModel(
        "vgg16",
        "VGG-16",
        {"network": "vgg16"},
        quick_epochs=20,
        validation=Score(0.24, 0.88, 0.96),
        test=Score(0.40, 0.86, 0.93),
    ),
)
"""The networks of table 2 with its figures, and the MLP of figure 6."""

CROSS_VALIDATED = "lenet-both"
"""The network of which the paper gives a cross-validation in five folds."""

FOLDS = {"loss": (0.43, 0.06), "accuracy": (0.81, 0.02), "roc_auc": (0.90, 0.03)}
"""Mean and spread of that cross-validation."""
