"""The stages of a training: in each, some lower layers keep their weights and the others learn."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.networks.spec import NetworkSpec

_SLOWER = 0.1


@dataclass(frozen=True)
class Stage:
    """One stage of a training.

    Parameters
    ----------
    number
        From 1.
    epochs
        How many epochs it has at most.
    learning_rate
        Step size of the optimiser.
    frozen_until
        The last of the layers that keep their weights; empty where all learn.
    is_augmented
        Whether the crops are varied.
    """

    number: int
    epochs: int
    learning_rate: float
    frozen_until: str
    is_augmented: bool


def stages_of(spec: NetworkSpec, settings: TrainSettings) -> list[Stage]:
    """Return the stages of a network's training.

    Parameters
    ----------
    spec
        The network.
    settings
        How it is trained. The first stage takes `epochs`; each further one `fine_tuning_epochs`, at
        a tenth of the learning rate of the one before.

    Returns
    -------
    list of Stage
        In order, without those of no epoch.
    """
    stages = []
    for n, layer in enumerate(spec.frozen_until or ("",)):
        is_augmented = settings.augmentation != "none" and not (settings.cached_features and n == 0)
        epochs = settings.fine_tuning_epochs if n else settings.epochs
        stages.append(Stage(n + 1, epochs, settings.learning_rate * _SLOWER**n, layer, is_augmented))
    return [stage for stage in stages if stage.epochs]


def split_at(network: keras.Model, frozen_until: str) -> tuple[keras.Model | None, keras.Model]:
    """Return a network in two parts that share its layers: what is frozen, if anything, and what learns.

    The frozen part is run by itself, so that its layers never see a gradient and its normalisation
    keeps its means; what comes out of it is what the other part learns from.
    """
    if not frozen_until:
        return None, network
    features = network.get_layer(frozen_until).output
    return keras.Model(network.input, features), keras.Model(features, network.output)


def learning_layers(network: keras.Model, stages: Sequence[Stage]) -> list[keras.Layer]:
    """Return the layers of a network that learn in any of the stages."""
    names = [layer.name for layer in network.layers]
    first = min(names.index(stage.frozen_until) + 1 if stage.frozen_until else 0 for stage in stages)
    return list(network.layers[first:])
