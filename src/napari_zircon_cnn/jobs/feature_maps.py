"""The jobs that show what a network's layers make of a grain."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.grain_choice import grain_named, note_on
from napari_zircon_cnn.jobs.loading import load
from napari_zircon_cnn.jobs.model_cache import read_model
from napari_zircon_cnn.placement import MapGrid, Placement, place_crops
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.project import Project

MAPS_SHOWN = 5
"""How many of a layer's maps figure 11 of the paper shows."""


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """Maps of one layer for one grain; can be pickled.

    Parameters
    ----------
    name
        The layer.
    maps
        Shape (rows, columns, n); the first n of the layer's maps.
    n_maps
        How many the layer has.
    grid
        Where their pixels lie on the crop.
    """

    name: str
    maps: NDArray[np.float32]
    n_maps: int
    grid: MapGrid


@dataclass(frozen=True, eq=False)
class GrainMaps:
    """What a network's layers make of a grain of a project; can be pickled.

    Parameters
    ----------
    sample, label
        The grain.
    crop
        What the network was given, shape (size, size, 1).
    placement
        Where the crop lies on the mosaic; `Placement.of_map` tells the same of a layer's maps.
    pixel_size_um
        Edge of the mosaic's pixels in µm.
    layers
        The maps of each layer, from the input on.
    note
        What must be known of the crop, or nothing.
    """

    sample: str
    label: int
    crop: NDArray[np.float32]
    placement: Placement
    pixel_size_um: float
    layers: list[LayerMaps]
    note: str = ""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all as arrays by name, for a file: the maps of C1 as `C1`, and where they lie.

        Of each layer, and of the `crop`, there is also `<name>_origin_um`, row and column of the centre
        of its first pixel in the frame of the grain table, and `<name>_step_um`.
        """
        arrays: dict[str, NDArray[Any]] = {"crop": self.crop[..., 0]}
        places = {"crop": self.placement}
        for layer in self.layers:
            arrays[layer.name] = layer.maps
            places[layer.name] = self.placement.of_map(layer.grid)
        for name, place in places.items():
            arrays[f"{name}_origin_um"] = np.array(place.origin_px) * self.pixel_size_um
            arrays[f"{name}_step_um"] = np.array(place.step_px) * self.pixel_size_um
        return arrays


def maps_of_crops(
    model_file: Path | str,
    crops: NDArray[np.float32],
    layers: Sequence[str] = (),
    *,
    n_maps: int | None = MAPS_SHOWN,
    progress: Progress = silent,
) -> list[list[LayerMaps]]:
    """Return the maps of crops that were cut already, as a window does from the mosaic that it shows.

    Parameters
    ----------
    model_file
        The .keras file of a trained network.
    crops
        Shape (n, size, size, 1), 0 to 1, cut with the settings on the model's card.
    layers
        Layers with maps, in this order; all of them by default.
    n_maps
        How many maps of each layer, the first ones; None for all.
    progress
        Told when it is done; may raise `Cancelled`.

    Returns
    -------
    list of list of LayerMaps
        For each crop the maps of each layer.

    Raises
    ------
    ZirconError
        Where the model cannot be read, has no convolution or no such layer, or takes other crops.
    """
    progress(0.0, "reading the model")
    read = read_model(model_file)
    check_crops(crops, read.card.network.input_size)
    reader = read.reader(tuple(layers))
    found = reader.read(crops)
    progress(1.0, f"maps of {len(crops)} grains")
    return [
        [
            # A copy, so that what is not shown need not be sent to another process.
            LayerMaps(name, maps[n, ..., :n_maps].copy(), maps.shape[-1], reader.grids[name])
            for name, maps in found.items()
        ]
        for n in range(len(crops))
    ]


def feature_maps(
    project_folder: Path | str,
    model_file: Path | str,
    grain: str,
    layers: Sequence[str] = (),
    *,
    n_maps: int | None = MAPS_SHOWN,
    progress: Progress = silent,
) -> GrainMaps:
    """Return the maps of a grain of a project.

    Parameters
    ----------
    project_folder
        The project folder; nothing is written to it.
    model_file
        The .keras file of a trained network.
    grain
        The grain as SAMPLE:ID.
    layers, n_maps
        As for `maps_of_crops`.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    GrainMaps
        The maps and where they lie.

    Raises
    ------
    ZirconError
        Where the project or the model cannot be read, the grain is not there or rejected, or the
        network has no convolution or no such layer.
    """
    project = Project.read(project_folder)
    sample, label = grain_named(grain, project)
    settings = read_model(model_file).crop_settings
    segmented = load(project, sample, part_of(progress, 0.0, 0.8))
    crops = cut_crops(segmented, [label], settings)
    (found,) = maps_of_crops(model_file, crops, layers, n_maps=n_maps, progress=part_of(progress, 0.8, 1.0))
    pixel_size_um = segmented.mount.pixel_size_um
    (placement,) = place_crops(segmented.table, [label], settings, pixel_size_um)
    return GrainMaps(
        sample, label, crops[0], placement, pixel_size_um, found, note_on(segmented.table, label)
    )


def check_crops(crops: NDArray[np.float32], size_px: int) -> None:
    """Raise a `ZirconError` where crops are not those that a network takes."""
    if crops.shape[1:] != (size_px, size_px, 1):
        raise ZirconError(
            f"The crops have the shape {crops.shape[1:]} and the network takes {(size_px, size_px, 1)}; "
            "cut them with the settings on the model's card."
        )
