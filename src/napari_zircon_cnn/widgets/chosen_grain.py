"""The grain that a network is asked about: the one selected, cut out of the mosaic that is shown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.jobs.feature_maps import GrainMaps, LayerMaps
from napari_zircon_cnn.jobs.grain_choice import check_counts, note_on
from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.placement import Placement, place_crops
from napari_zircon_cnn.settings import validated
from napari_zircon_cnn.widgets.open_sample import OpenSample

_COMPARED = 24


@dataclass(frozen=True, eq=False)
class ChosenGrain:
    """A grain as a network is asked about it.

    Parameters
    ----------
    sample
        The sample on the screen that it belongs to.
    label
        Its label.
    crops
        What the network is given, shape (1, size, size, 1).
    placement
        Where the crop lies on the mosaic.
    note
        What must be known of the crop, or nothing.
    """

    sample: OpenSample
    label: int
    crops: NDArray[np.float32]
    placement: Placement
    note: str

    @property
    def name(self) -> str:
        """The grain as a person names it, SAMPLE:ID."""
        return f"{self.sample.name}:{self.label}"

    def is_same_as(self, other: "ChosenGrain") -> bool:
        """Tell whether the network would be asked the very same."""
        same = self.sample is other.sample and self.label == other.label
        return same and self.placement == other.placement and np.array_equal(self.crops, other.crops)

    def with_maps(self, layers: list[LayerMaps]) -> GrainMaps:
        """Return the grain with a network's answer, as files hold it."""
        um = self.sample.segmented.mount.pixel_size_um
        return GrainMaps(self.sample.name, self.label, self.crops[0], self.placement, um, layers, self.note)


def chosen_grain(
    active: OpenSample | None, card: ModelCard | None, last: tuple[str, int] | None = None
) -> ChosenGrain:
    """Return the grain that is selected, the last one where there are several.

    Parameters
    ----------
    active
        The sample that the panels are about.
    card
        The card of the model in use.
    last
        Sample and label of the grain that was asked about before; that it is gone is said.

    Returns
    -------
    ChosenGrain
        The grain.

    Raises
    ------
    ZirconError
        Where there is no model or no sample, no grain is selected, or one that does not count.
    """
    if card is None:
        raise ZirconError("No model is in use; train one or load one, then click a grain.")
    if active is None:
        raise ZirconError("No grains are shown; open a sample or find the grains of a mosaic.")
    if not active.selected:
        if last is not None and last[0] == active.name:
            check_counts(active.table, active.name, [last[1]])
        raise ZirconError("No grain is selected; click one to see what the network sees in it.")
    label = active.selected[-1]
    segmented, settings = active.segmented, validated(CropSettings, card.crop)
    check_counts(active.table, active.name, [label])
    (placement,) = place_crops(active.table, [label], settings, segmented.mount.pixel_size_um)
    note = note_on(active.table, label)
    return ChosenGrain(active, label, cut_crops(segmented, [label], settings), placement, note)


def crops_to_compare(active: OpenSample, card: ModelCard) -> NDArray[np.float32]:
    """Return crops of some two dozen of a sample's grains, evenly chosen, shape (n, size, size, 1)."""
    there = usable(active.table)
    if not len(there):
        raise ZirconError(f"{active.name} has no grain that counts; accept some first.")
    chosen = np.unique(np.linspace(0, len(there) - 1, min(len(there), _COMPARED)).astype(int))
    return cut_crops(active.segmented, there[chosen], validated(CropSettings, card.crop))
