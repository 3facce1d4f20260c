"""An embedding as a file of a project: plain arrays and settings, with nothing in it that could be run."""

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.settings import validated

EmbeddingMethod = Literal["umap", "pca"]


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class EmbeddingSettings:
    """How grains are embedded; the defaults are those of Nathwani et al. (2023), but for `fit`.

    Parameters
    ----------
    method
        "umap", or "pca", which takes no time.
    components
        How many coordinates a grain gets.
    fit
        What the embedding is fitted on: the grains that the model was trained on, among which all
        others are then placed, or all grains, as in the paper.
    seed
        The same seed gives the same coordinates; only UMAP needs one.
    neighbours
        How many neighbours, itself counted, UMAP keeps together with each grain.
    min_dist
        How near to each other UMAP may lay two grains.
    """

    method: EmbeddingMethod = "umap"
    components: Annotated[int, Field(ge=2, le=3)] = 3
    fit: Literal["training", "all"] = "training"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    neighbours: Annotated[int, Field(ge=2, le=200)] = 15
    min_dist: Annotated[float, Field(ge=0, le=0.99)] = 0.1


@dataclass(frozen=True, eq=False)
class Embedding:
    """Grains with their features and coordinates; n grains in the order in which they came.

    Parameters
    ----------
    settings
        How they were embedded.
    model
        The SHA-256 of the weights of the network that the features are from.
    hashes
        By which a grain's crop is known again, shape (n,); see `Dataset.hashes`.
    features
        What the network's penultimate layer gives, shape (n, units), float32.
    coordinates
        Shape (n, components); to four decimals, so that a table of text holds them exactly.
    is_fitted
        Which of the grains the embedding was fitted on, shape (n,); the others were placed among them.
    """

    settings: EmbeddingSettings
    model: str
    hashes: NDArray[np.str_]
    features: NDArray[np.float32]
    coordinates: NDArray[np.float64]
    is_fitted: NDArray[np.bool_]

    def is_by(self, settings: EmbeddingSettings, model: str) -> bool:
        """Tell whether it was made with some settings by a model, so that it can be gone on with."""
        return self.settings == settings and self.model == model


def write_embedding(embedding: Embedding, path: Path) -> None:
    """Write an embedding to the path that a writer of whole files gave."""
    head = json.dumps({"settings": asdict(embedding.settings), "model": embedding.model})
    with path.open("wb") as stream:
        np.savez_compressed(
            stream,
            head=np.array(head),
            hashes=embedding.hashes.astype(np.str_),
            features=embedding.features,
            coordinates=embedding.coordinates,
            is_fitted=embedding.is_fitted,
        )


def read_embedding(path: Path) -> Embedding:
    """Read an embedding.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Embedding
        The embedding.

    Raises
    ------
    ZirconError
        Where the file is not one that `write_embedding` wrote.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            head = json.loads(str(arrays["head"]))
            found = Embedding(
                validated(EmbeddingSettings, head["settings"]),
                str(head["model"]),
                arrays["hashes"].astype(np.str_),
                arrays["features"].astype(np.float32),
                arrays["coordinates"].astype(np.float64),
                arrays["is_fitted"].astype(np.bool_),
            )
        n = len(found.hashes)
        shapes = found.features.shape[:1], found.coordinates.shape, found.is_fitted.shape
        if shapes != ((n,), (n, found.settings.components), (n,)) or found.features.ndim != 2:
            raise ValueError("its parts are not of one length")
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, ZirconError) as error:
        raise ZirconError(
            f"The embedding {path} cannot be read ({error}); remove it, and embed the grains anew."
        ) from error
    return found
