import numpy as np
import pytest

from made_table import made_table
from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.embedding.axes import axis_correlations
from napari_zircon_cnn.grains import unplaced, usable, with_coordinates


def test_axes_go_along_with_what_they_were_made_of() -> None:
    table = made_table(200)
    labels = usable(table)
    area, mean = (table[name].to_numpy()[labels] for name in ("area_um2", "intensity_mean"))
    table = with_coordinates(table, labels, np.stack([np.exp(area / 50), -mean], axis=1), "umap")
    found = axis_correlations([table])
    first = found.groupby("axis", sort=True).first()
    assert first["column"].tolist() == ["area_um2", "intensity_mean"]
    assert first["rank_correlation"].tolist() == pytest.approx([1, -1])
    assert set(found["axis"]) == {"umap_1", "umap_2"}
    assert (found["n"] == len(labels)).all()
    others = found[~found["column"].isin(["area_um2", "intensity_mean"])]
    assert (others["rank_correlation"].abs() < 3 * others["by_chance"]).all()
    assert not found["column"].str.startswith(("centroid", "bbox")).any()


def test_rejected_grains_and_other_methods_do_not_count() -> None:
    table = unplaced(made_table(60))
    labels = usable(table)
    table = with_coordinates(table, labels, np.random.default_rng(0).random((len(labels), 2)), "pca")
    assert axis_correlations([table], "umap").empty
    assert not axis_correlations([table, table], "pca").empty
    table.loc[1:, "status"] = REJECTED
    assert axis_correlations([table], "pca").empty
    assert axis_correlations([], "pca").empty
