"""The maps of a network's layers, and where they lie over the grain."""

import keras
import numpy as np
import pytest
from keras import layers

from drawn_crops import discs_and_rings
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.explain.feature_maps import MapReader
from napari_zircon_cnn.explain.layers import last_convolution, map_grid, map_layers
from napari_zircon_cnn.grains import SegmentedMount, measure
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.networks.lenet5 import build_lenet5
from napari_zircon_cnn.networks.registry import build_network
from napari_zircon_cnn.networks.settings import NetworkSettings
from napari_zircon_cnn.placement import place_crops

FEATURE_MAPS = ("C1", "S2", "C3", "S4", "C5", "S6")


def test_maps_are_those_of_the_network_cut_at_each_layer() -> None:
    model = build_lenet5()
    crops, _ = discs_and_rings(7)
    found = MapReader(model).read(crops)
    assert tuple(found) == FEATURE_MAPS == map_layers(model)
    for name in FEATURE_MAPS:
        cut = keras.Model(model.inputs[0], model.get_layer(name).output)
        np.testing.assert_allclose(found[name], cut.predict(crops, verbose=0), atol=1e-5)
    assert last_convolution(model) == "C5"


def test_some_layers_in_the_order_asked_for() -> None:
    reader = MapReader(build_lenet5(), ["S4", "C1"])
    assert list(reader.read(discs_and_rings(1)[0])) == ["S4", "C1"]


def test_network_without_convolutions_and_unknown_layers_are_answered_with_a_sentence() -> None:
    crops = keras.Input((32, 32, 1))
    dense = keras.Model(crops, layers.Dense(1)(layers.Flatten()(crops)), name="mlp")
    with pytest.raises(ZirconError, match="mlp has no convolutions, so it makes no maps"):
        MapReader(dense)
    with pytest.raises(ZirconError, match="has no layer F7 with maps; it has C1, S2, C3, S4, C5, S6"):
        MapReader(build_lenet5(), ["F7"])


def sees(model: keras.Model, name: str, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last pixel of the crop that each pixel in the middle of a map depends on."""
    size = model.input_shape[1]
    cut = keras.Model(model.inputs[0], model.get_layer(name).output)
    flashes = np.zeros((size, size, size, 1), np.float32)
    for n in range(size):
        flashes[n, n] = 1
    seen = cut.predict(flashes if axis == 0 else flashes.transpose(0, 2, 1, 3), verbose=0)
    dark = cut.predict(np.zeros((1, size, size, 1), np.float32), verbose=0)
    middle = seen.shape[2 - axis] // 2
    changed = (np.abs(seen - dark) > 1e-9).any(axis=-1)
    along = changed[:, :, middle] if axis == 0 else changed[:, middle, :]
    return along.argmax(axis=0), size - 1 - along[::-1].argmax(axis=0)


def odd_network() -> keras.Model:
    """Return a network with strides, dilation, padding of both kinds, and all positive weights."""
    crops = keras.Input((64, 64, 1))
    x = layers.ZeroPadding2D(((3, 1), (2, 2)))(crops)
    x = layers.Conv2D(2, (5, 3), strides=(2, 1), padding="valid", name="a", kernel_initializer="ones")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(2, 3, strides=2, padding="same", name="b", kernel_initializer="ones")(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same", name="c")(x)
    x = layers.Conv2D(2, 3, dilation_rate=2, padding="valid", name="d", kernel_initializer="ones")(x)
    return keras.Model(crops, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_maps_pixel_lies_in_the_middle_of_what_it_sees(name: str, axis: int) -> None:
    model = odd_network()
    grid = map_grid(model, name)
    first, last = sees(model, name, axis)
    # At the crop's edges the padding takes part in what a pixel sees.
    inner = np.flatnonzero((first > 0) & (last < 63))
    assert len(inner) >= 2
    centres = grid.offset_px[axis] + inner * grid.step_px[axis]
    np.testing.assert_allclose(centres, (first + last)[inner] / 2)


def test_lenets_maps_cover_the_whole_crop() -> None:
    model = build_lenet5()
    for name in FEATURE_MAPS:
        grid = map_grid(model, name)
        assert grid.offset_px[0] - grid.step_px[0] / 2 == -0.5
        assert grid.offset_px[0] + (grid.shape[0] - 0.5) * grid.step_px[0] == 31.5


@pytest.mark.parametrize("network", ["alexnet", "vgg16"])
def test_the_papers_other_networks_have_maps_with_a_place(network: str) -> None:
    model = build_network(NetworkSettings(network=network, input_size=96))
    grids = [map_grid(model, name) for name in map_layers(model)]
    steps = [grid.step_px[0] for grid in grids]
    assert steps == sorted(steps)
    for grid in grids:
        assert grid.offset_px[0] - grid.step_px[0] / 2 >= -0.5 - grid.step_px[0]


@pytest.mark.parametrize("kernel", ["identity", "edge"])
@pytest.mark.parametrize("corner", [(60, 70), (0, 0), (159, 140)], ids=["inside", "top left", "bottom right"])
@pytest.mark.parametrize("pixel_size_um", [2.0, 0.8])
def test_bright_line_of_a_grain_is_bright_in_its_map_laid_over_the_mount(
    kernel: str, corner: tuple[int, int], pixel_size_um: float
) -> None:
    labels = np.zeros((200, 200), np.int32)
    rows, columns = slice(corner[0], corner[0] + 41), slice(corner[1], corner[1] + 60)
    labels[rows, columns] = 1
    line = corner[1] + 23
    image = np.where(labels == 1, 60, 5).astype(np.uint8)
    image[rows, line : line + 3] = 250
    mount = Mount(image, pixel_size_um, "line")
    grain = SegmentedMount(mount, labels, measure(labels, mount))
    # Cut to the grain's own size, so that a pixel of the map is about one to three of the mount.
    settings = CropSettings(box_um=60 * pixel_size_um)

    model = build_lenet5()
    weights = np.zeros((3, 3, 1, 6), np.float32)
    weights[1, :, 0, 0] = (0, 1, 0) if kernel == "identity" else (-1, 2, -1)
    model.get_layer("C1").set_weights([weights, np.zeros(6, np.float32)])
    for layer in ("C1", "S2"):
        reader = MapReader(model, [layer])
        values = reader.read(cut_crops(grain, [1], settings))[layer][0, :, :, 0]
        (crop,) = place_crops(grain.table, [1], settings, pixel_size_um)
        place = crop.of_map(reader.grids[layer])
        middle = values[len(values) // 2]
        ridge = place.origin_px[1] + place.step_px[1] * int(middle.argmax())
        assert abs(ridge - (line + 1)) <= place.step_px[1] / 2 + 0.5
