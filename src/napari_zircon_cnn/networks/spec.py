"""What must be known of a network before it is built; readable without Keras."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NetworkSpec:
    """A network that can be trained here.

    Another package adds its own by an entry point that names one of these, in a module that does
    not import Keras; see `registry.ENTRY_POINT_GROUP`.

    Parameters
    ----------
    builder
        The function that builds it, as ``package.module:function``. It takes `NetworkSettings` and
        gives an uncompiled `keras.Model` with fresh weights, of Keras' plain layers, that takes
        crops (n, size, size, 1) of 0 to 1 and gives (n, 1) for two classes, the probability of
        class 1, or (n, n_classes).
    size_px
        Edge of the crops that it takes unless told otherwise.
    smallest_px
        Edge of the smallest crops that it can be built for.
    options
        Those of the `NetworkSettings` that it heeds, beside the size and the classes.
    pretrained
        The function that puts trained weights into its lower layers, as ``package.module:function``.
        It takes the model and `TrainSettings.weights`. Empty where training starts from nothing.
    frozen_until
        One layer for each stage of the training: all layers up to it keep their weights meanwhile,
        the others learn. Empty where all layers learn in a single stage.
    title
        What a window calls it; its own name where empty.
    about
        What it is, in a sentence.
    """

    builder: str
    size_px: Annotated[int, Field(ge=8, le=1024)] = 32
    smallest_px: Annotated[int, Field(ge=1, le=1024)] = 8
    options: tuple[str, ...] = ("dropout", "value_range")
    pretrained: str = ""
    frozen_until: tuple[str, ...] = ()
    title: str = ""
    about: str = ""
