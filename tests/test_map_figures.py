import numpy as np
import pytest

from made_table import made_table
from napari_zircon_cnn.embedding_figures import embedding_figure
from napari_zircon_cnn.grains import usable, with_coordinates
from napari_zircon_cnn.map_figures import feature_map_figure, saliency_figure
from napari_zircon_cnn.placement import MapGrid

CROP = np.random.default_rng(0).random((32, 32, 1), np.float32)


def test_a_column_for_each_layer_with_its_maps_below_each_other() -> None:
    maps = {"C1": np.zeros((32, 32, 5), np.float32), "S2": np.ones((16, 16, 2), np.float32)}
    shown = [axes for axes in feature_map_figure(CROP, maps, "A:1", "a note").axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown if axes.get_title()] == ["crop", "C1\n32 x 32", "S2\n16 x 16"]
    assert len(shown) == 1 + 5 + 2
    assert all(axes.images for axes in shown)
    assert shown[0].get_xlabel() == "A:1\na note"


def test_map_lies_over_the_crop_where_its_grid_says() -> None:
    values = np.linspace(-1, 2, 64, dtype=np.float32).reshape(8, 8)
    figure = saliency_figure(CROP, values, MapGrid((8, 8), (1.5, 1.5), (4.0, 4.0)), title="why", name="A:1")
    _, right, _ = figure.axes
    over = right.images[1]
    assert tuple(over.get_extent()) == (-0.5, 31.5, 31.5, -0.5)
    # As strong for the class as against it would be.
    assert over.get_clim() == (-2, 2)


def test_map_of_nothing_can_be_drawn() -> None:
    figure = saliency_figure(CROP, np.zeros((8, 8), np.float32), MapGrid((8, 8)), title="why")
    assert figure.axes[1].images[1].get_clim() == (-1, 1)


@pytest.mark.parametrize("components", [2, 3])
def test_embedding_shows_each_grain_that_counts_in_each_view(components: int) -> None:
    tables = {}
    for n, name in enumerate(("A", "$x^{")):
        table = made_table(30, seed=n)
        labels = usable(table)
        coordinates = np.random.default_rng(n).random((len(labels), components))
        tables[name] = with_coordinates(table, labels, coordinates, "umap")
    figure = embedding_figure(tables)
    assert len(figure.axes) == (3 if components == 3 else 1)
    for axes in figure.axes:
        shown = [len(np.asarray(part.get_offsets())) for part in axes.collections]
        assert shown == [len(usable(table)) for table in tables.values()]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(tables)
