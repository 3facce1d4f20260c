"""What a training has come to so far."""

import math
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Epoch = dict[str, int | float]
"""One epoch's figures.

`epoch` and `stage` from 1, `loss`, `accuracy`, `roc_auc`, these three with `val_`, and `seconds`.
"""
History = list[Epoch]
Values = list[NDArray[Any]]
"""What the variables of a network, or of its optimiser, hold."""


@dataclass
class Record:
    """The figures of a training so far, and the values of its best epoch.

    Parameters
    ----------
    history
        Figures per epoch.
    best_epoch
        The first epoch with the lowest loss on the validation crops, or on the training crops where
        there are no others; 0 before any.
    best
        The values of what learns at its end; empty where they are not to be kept.
    least_loss
        Its loss.
    stage_loss
        The lowest loss within the stage.
    waited
        How many epochs ago that was.
    """

    history: History = field(default_factory=list)
    best_epoch: int = 0
    best: Values = field(default_factory=list)
    least_loss: float = math.inf
    stage_loss: float = math.inf
    waited: int = 0

    def add(self, epoch: Epoch, has_validation: bool) -> bool:
        """Add an epoch's figures; return whether it is the best so far."""
        self.history.append(epoch)
        loss = epoch["val_loss" if has_validation else "loss"]
        self.waited = 0 if loss < self.stage_loss else self.waited + 1
        self.stage_loss = min(self.stage_loss, math.inf if math.isnan(loss) else loss)
        # Where the loss was never a number, the first epoch is as good as any.
        is_best = loss < self.least_loss or not self.best_epoch
        if is_best:
            self.least_loss = math.inf if math.isnan(loss) else loss
            self.best_epoch = int(epoch["epoch"])
        return is_best

    def begin_stage(self) -> None:
        """Forget what the stage before has waited for."""
        self.stage_loss, self.waited = math.inf, 0
