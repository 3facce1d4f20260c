"""From a mount to its grains: label image, table, and what the method's gate rejects."""

from collections.abc import Mapping
from typing import Any

from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.grains import SegmentedMount, measure
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.segmentation.methods import DEFAULT_METHOD, METHODS, parameters_for, segment


def find_grains(
    mount: Mount,
    method: str = DEFAULT_METHOD,
    values: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> SegmentedMount:
    """Segment a mount and measure its grains.

    Parameters
    ----------
    mount
        The mosaic.
    method
        Name of the segmentation method, a key of `segmentation.methods.METHODS`.
    values
        The parameters that differ from the method's defaults, by name.
    progress
        Told of each step; may raise `Cancelled`.

    Returns
    -------
    SegmentedMount
        The fresh state that a ledger begins on: grains are unreviewed, but for those that the
        method's gate rejects, with the reason. The same input gives the same state.

    Raises
    ------
    ZirconError
        Where the method or a parameter is unknown, or the mount does not fit the method.
    """
    labels = segment(mount, method, values, part_of(progress, 0.0, 0.5))
    table = measure(labels, mount, progress=part_of(progress, 0.5, 1.0))
    for label, reason in METHODS[method].gate(table, parameters_for(method, values or {})).items():
        table.loc[label, ["status", "reason"]] = [REJECTED, reason]
    return SegmentedMount(mount, labels, table)
