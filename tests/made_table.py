"""Grain tables whose figures are made up, for what only shows them."""

import numpy as np
import pandas as pd

from napari_zircon_cnn.columns import ACCEPTED, FLAGS, REJECTED, UNREVIEWED
from napari_zircon_cnn.grains import empty_rows


def made_table(n: int, *, missing: tuple[int, ...] = (), seed: int = 0) -> pd.DataFrame:
    """Return the table of grains 1 to n, of which some have no pixels.

    Every third grain is rejected as a fragment, the next one accepted; half of them are classified.
    """
    random = np.random.default_rng(seed)
    table = empty_rows(pd.RangeIndex(n + 1, name="label"))
    for name in table.columns[table.dtypes == np.float64]:
        table.loc[1:, name] = random.uniform(1, 200, n)
    for flag in FLAGS:
        table.loc[1:, flag] = random.random(n) < 0.2
    labels = np.arange(1, n + 1)
    table.loc[1:, "status"] = np.choose(labels % 3, [REJECTED, ACCEPTED, UNREVIEWED])
    table.loc[1:, "reason"] = np.where(labels % 3 == 0, "fragment", "")
    table.loc[1:, "probability"] = np.where(labels % 2, random.random(n), np.nan)
    table.loc[1:, "predicted_class"] = np.where(labels % 2, "porphyry", "")
    table.loc[list(missing)] = empty_rows(pd.Index(missing))
    return table
