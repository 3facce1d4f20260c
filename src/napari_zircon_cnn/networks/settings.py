"""What is chosen about a network and its training; light, so that a window may read it."""

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

ValueRange = Literal["zero_to_one", "minus_one_to_one"]
Augmentation = Literal["paper", "notebook", "session", "none"]
Activation = Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]
Padding = Literal["same", "valid"]
Optimiser = Literal["adam", "adamw", "nadam", "rmsprop", "adagrad", "sgd"]

IMAGENET = "imagenet"
"""Stands for the weights that Keras itself downloads."""
NO_WEIGHTS = "none"
"""Stands for random weights."""

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
        contrast, brightness), "notebook" (contrast, rotation, zoom), "session" (flip, rotation, zoom, and
        the light of an imaging session drawn at random in place of the grain's own) or "none".
    value_range
        "zero_to_one" as in the paper, or "minus_one_to_one" as in its notebook.
    batch_normalisation, activation, padding, stride, kernel_size
        The hyperparameters of the paper's table S5; see `NetworkSettings`.
    epochs
        How many times all training crops are shown.
    fine_tuning_epochs
        For how many epochs more a network with pretrained weights goes on at a tenth of the learning
        rate, with the last of its frozen convolutions learning too.
    batch_size
        Crops per step.
    optimiser
        How the weights follow the gradient.
    learning_rate
        Step size of the optimiser.
    class_weights
        Whether each class counts the same in the loss, however many grains it has.
    balanced_batches
        Whether each batch holds every class equally often: a rare class is then shown more than
        once in an epoch, a common one in part.
    keep_best
        Whether the network keeps the weights of the epoch with the lowest loss on the validation
        grains instead of those of the last epoch. Its figures on the validation grains are then
        too good, since these have chosen the epoch.
    early_stopping
        After how many epochs without a lower loss on the validation grains a stage ends; 0 for
        never. The weights of the best epoch are kept then, as with `keep_best`.
    cached_features
        Whether a network with frozen layers sees the crops without augmentation as long as all its
        convolutions are frozen. What these make of the crops is then computed once and not in each
        epoch, many times faster. Without augmentation that is done in any case.
    mixed_precision
        Whether the layers compute with 16 bits; the weights keep their 32. Fast where the device has
        units for it, as recent GPUs have, and slow elsewhere.
    weights
        What the lower layers of a network with pretrained weights start from: "imagenet", which Keras
        downloads once; the path of such a file; or "none" for random weights.
    seed
        Seed of the initial weights, the order of the crops, the augmentation and the dropout.
    """

    network: str = "lenet5"
    dropout: bool = True
    augmentation: Augmentation = "paper"
    value_range: ValueRange = "zero_to_one"
    batch_normalisation: bool = False
    activation: Activation = "relu"
    padding: Padding = "same"
    stride: Annotated[int, Field(ge=1, le=4)] = 1
    kernel_size: Annotated[int, Field(ge=1, le=15)] = 3
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 200
    fine_tuning_epochs: Annotated[int, Field(ge=0, le=100_000)] = 20
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32
    optimiser: Optimiser = "adam"
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.001
    class_weights: bool = False
    balanced_batches: bool = False
    keep_best: bool = False
    early_stopping: Annotated[int, Field(ge=0, le=100_000)] = 0
    cached_features: bool = False
    mixed_precision: bool = False
    weights: str = IMAGENET
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @property
    def keeps_best(self) -> bool:
        """Whether the weights of the best epoch are kept, not those of the last one."""
        return self.keep_best or self.early_stopping > 0

    def network_settings(self, input_size: int, n_classes: int) -> NetworkSettings:
        """Return what the network is built from for crops of `input_size` px."""
        names = {field.name for field in dataclasses.fields(NetworkSettings)} & set(vars(self))
        shared: dict[str, Any] = {name: getattr(self, name) for name in names}
        return NetworkSettings(**shared, input_size=input_size, n_classes=n_classes)
