"""What networks say of grains that they were not trained on, and what that tells of their doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from napari_zircon_cnn.calibration import FROM_GRAINS, FROM_SAMPLES, fit_calibration, scaled
from napari_zircon_cnn.dataset import Dataset, Fold
from napari_zircon_cnn.doubt import familiar_with
from napari_zircon_cnn.metrics import Probabilities, evaluation
from napari_zircon_cnn.networks.card import Calibration, Familiar, HeldOutSample
from napari_zircon_cnn.priors import with_priors
from napari_zircon_cnn.verdicts import log_ratio_noise, log_ratios


@dataclass(frozen=True, eq=False)
class Asked:
    """What a network says of grains that it was not trained on.

    Parameters
    ----------
    grains
        The grains.
    probabilities
        Shape (n, n_classes), as the network gives them.
    priors
        The class frequencies that they assume; see `priors.leaning`.
    """

    grains: Dataset
    probabilities: Probabilities
    priors: tuple[float, ...]

    def figures(self) -> dict[str, Any]:
        """Return the figures of `metrics.evaluation`."""
        return evaluation(self.probabilities, self.grains.y)

    def assuming(self, priors: Sequence[float]) -> Probabilities:
        """Return the probabilities for other class frequencies.

        A network that was trained without a sample leans to the other classes, which counts for nothing
        against the one that was trained with it.
        """
        return with_priors(self.probabilities, self.priors, priors)


@dataclass(frozen=True, eq=False)
class Doubt:
    """What a card says of how far its network can be trusted; see `card.ModelCard`."""

    calibration: Calibration
    held_out_samples: tuple[HeldOutSample, ...]
    familiar: Familiar | None


def know_doubt(
    model: keras.Model,
    grains: Dataset,
    split: Fold,
    asked: Mapping[str, Asked],
    of_folds: Sequence[Asked],
    *,
    over_samples: bool,
) -> Doubt:
    """Learn from held-out grains how far a network can be trusted.

    Parameters
    ----------
    model
        The network.
    grains
        The grains of known class that it could learn from.
    split
        Which of them it was trained on and which not.
    asked
        What it says of the `validation` grains and, where there are any, of the samples in `hold_out`.
    of_folds
        What networks like it say of what their folds hold out.
    over_samples
        Whether each fold holds out a whole sample.

    Returns
    -------
    Doubt
        The calibration is fitted on the best there is: the samples that the folds hold out, those in
        `hold_out`, the grains that the folds hold out, the validation's.
    """
    priors = asked["validation"].priors
    calibration = _best_calibration(asked, of_folds, priors, over_samples=over_samples)
    held_out = _held_out_samples(of_folds, calibration, priors) if over_samples else ()
    learnt = grains.take(split.train)
    familiar = familiar_with(model, learnt.crops, learnt.y, grains.crops[split.validation])
    return Doubt(calibration, held_out, familiar)


def _best_calibration(
    asked: Mapping[str, Asked], of_folds: Sequence[Asked], priors: Sequence[float], *, over_samples: bool
) -> Calibration:
    sources: list[tuple[Sequence[Asked], str]] = [
        (of_folds if over_samples else (), FROM_SAMPLES),
        ([asked["hold_out"]] if "hold_out" in asked else (), FROM_SAMPLES),
        (() if over_samples else of_folds, FROM_GRAINS),
        ([asked["validation"]], FROM_GRAINS),
    ]
    found = Calibration()
    for parts, name in sources:
        if parts:
            found = fit_calibration(
                np.concatenate([part.assuming(priors) for part in parts]),
                np.concatenate([part.grains.y for part in parts]),
                np.concatenate([part.grains.samples for part in parts]),
                name,
                priors,
            )
        if found.fitted_on:
            return found
    return found


def _held_out_samples(
    of_folds: Sequence[Asked], calibration: Calibration, priors: Sequence[float]
) -> tuple[HeldOutSample, ...]:
    found = []
    for part in of_folds:
        grains = part.grains
        counts = np.bincount(grains.y, minlength=len(grains.classes))
        said = scaled(part.assuming(priors), calibration)
        found.append(
            HeldOutSample(
                sample=str(grains.samples[0]),
                class_name=grains.classes[int(counts.argmax())],
                n_grains=len(grains),
                log_ratios=tuple(log_ratios(said).tolist()),
                noise=log_ratio_noise(said),
            )
        )
    return tuple(found)
