"""What is chosen about a network and its training; light, so that a window may read it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

ValueRange = Literal["zero_to_one", "minus_one_to_one"]
Augmentation = Literal["paper", "notebook", "none"]
Activation = Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]
Padding = Literal["same", "valid"]

IMAGENET = "imagenet"
"""Stands for the weights that Keras itself downloads."""

_CONFIG = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_CONFIG)
class NetworkSettings:
    """What a network is built from.

    Parameters
    ----------
    network
        Name of a network in `registry.network_names`.
    input_size
        Edge of the crops in px.
    n_classes
        Number of classes. Two share one sigmoid output; more have a softmax output each.
    dropout
        Whether the network is regularised by dropout.
    value_range
        What the first convolution sees: "zero_to_one" as in the paper, or "minus_one_to_one"
        as in its notebook. The crops that go in are 0 to 1 either way; the network rescales
        them itself.
    batch_normalisation
        Whether batch normalisation follows each convolution of LeNet-5.
    activation
        What the units of all layers but the output apply.
    padding
        Whether LeNet-5's convolutions pad with zeros to keep the size.
    stride
        Step of LeNet-5's convolutions in px.
    kernel_size
        Edge of LeNet-5's convolutions in px.
    """

    network: str = "lenet5"
    input_size: Annotated[int, Field(ge=8, le=1024)] = 32
    n_classes: Annotated[int, Field(ge=2, le=1000)] = 2
    dropout: bool = True
    value_range: ValueRange = "zero_to_one"
    batch_normalisation: bool = False
    activation: Activation = "relu"
    padding: Padding = "same"
    stride: Annotated[int, Field(ge=1, le=4)] = 1
    kernel_size: Annotated[int, Field(ge=1, le=15)] = 3


@dataclass(frozen=True, config=_CONFIG)
class TrainSettings:
    """How a network is trained; the defaults are those of Nathwani et al. (2023).

    Parameters
    ----------
    network
        Name of a network in `registry.network_names`.
    dropout
        Whether the network is regularised by dropout.
    augmentation
        How the training crops are varied, anew in each epoch: "paper" (flip, rotation, zoom,
        contrast, brightness), "notebook" (contrast, rotation, zoom) or "none".
    value_range
        "zero_to_one" as in the paper, or "minus_one_to_one" as in its notebook.
    epochs
        How many times all training crops are shown.
    batch_size
        Crops per step.
    learning_rate
        Step size of the Adam optimiser.
    class_weights
        Whether each class counts the same in the loss, however many grains it has.
    keep_best
        Whether the network keeps the weights of the epoch with the lowest loss on the validation
        grains instead of those of the last epoch. Its figures on the validation grains are then
        too good, since these have chosen the epoch.
    seed
        Seed of the initial weights, the order of the crops, the augmentation and the dropout.
    """

    network: str = "lenet5"
    dropout: bool = True
    augmentation: Augmentation = "paper"
    value_range: ValueRange = "zero_to_one"
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 200
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.001
    class_weights: bool = False
    keep_best: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def network_settings(self, input_size: int, n_classes: int) -> NetworkSettings:
        """Return what the network is built from for crops of `input_size` px."""
        return NetworkSettings(
            network=self.network,
            input_size=input_size,
            n_classes=n_classes,
            dropout=self.dropout,
            value_range=self.value_range,
        )
