"""Which objects are too small to count: they stay in the label image and in the table, rejected."""

import pandas as pd

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters


def too_small(table: pd.DataFrame, parameters: AdaptiveParameters) -> dict[int, str]:
    """Name the objects whose long side is below the smallest grain's.

    The rotated box decides, so that turning the mosaic does not change which grains are kept.

    Parameters
    ----------
    table
        The grain table, with `box_length_um`.
    parameters
        The method's parameters, with `smallest_grain_um`.

    Returns
    -------
    dict
        The reason by label.
    """
    small = table.index[table["box_length_um"] < parameters.smallest_grain_um]
    reason = f"shorter than {parameters.smallest_grain_um:g} µm"
    return dict.fromkeys(small.tolist(), reason)
