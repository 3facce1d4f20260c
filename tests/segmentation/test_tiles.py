import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.segmentation.adaptive import segment_adaptive, segment_region
from napari_zircon_cnn.segmentation.tiles import tiles_of

DRAWN = synthetic_mount(seed=8, shape=(310, 370), touching_share=0.6, n_grains=7).mount
WHOLE = segment_adaptive(DRAWN, tile_px=10_000)


def same_grains(labels: NDArray[np.int32], others: NDArray[np.int32]) -> bool:
    """Tell whether two label images show the same grains under whatever numbers."""
    pairs = np.unique(np.stack([labels.ravel(), others.ravel()]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs)


def test_tiles_cover_a_region_once() -> None:
    count = np.zeros((70, 90), int)
    for tile in tiles_of((slice(5, 70), slice(0, 83)), 32):
        count[tile] += 1

    assert (count[5:, :83] == 1).all()
    assert count.sum() == 65 * 83


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 400))
def test_the_labels_do_not_depend_on_the_tiles(tile_px: int) -> None:
    assert WHOLE.max() > 5
    assert np.array_equal(segment_adaptive(DRAWN, tile_px=tile_px), WHOLE)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_region_shows_the_grains_of_the_whole(data: st.DataObject) -> None:
    rows, columns = (
        slice(*sorted(data.draw(st.lists(st.integers(0, length), min_size=2, max_size=2, unique=True))))
        for length in WHOLE.shape
    )
    part = segment_region(DRAWN, (rows, columns), tile_px=data.draw(st.integers(50, 400)))

    assert same_grains(part, WHOLE[rows, columns])
    assert part.max() == len(np.unique(part[part > 0]))


def test_a_body_far_longer_than_a_tile_is_worked_on_whole() -> None:
    image = np.full((120, 1500), 5, np.uint8)
    image[50:70, 100:1400] = 120
    mount = Mount(image, 2.0, "prism")

    labels = segment_adaptive(mount, tile_px=64)
    assert labels.max() == 1
    assert np.array_equal(labels, segment_adaptive(mount))
    assert np.array_equal(segment_region(mount, (slice(0, 60), slice(700, 740))), labels[:60, 700:740])


def test_what_is_longer_than_any_grain_is_left_out_whatever_the_tiles() -> None:
    image = np.full((80, 2000), 5, np.uint8)
    image[30:50, 100:1900] = 120
    mount = Mount(image, 2.0, "frame")

    assert [segment_adaptive(mount, tile_px=tile_px).max() for tile_px in (64, 500, 5000)] == [0, 0, 0]


def test_a_region_in_a_hole_shows_the_grain_around_it() -> None:
    image = np.full((300, 300), 5, np.uint8)
    image[90:210, 90:210] = 120
    image[110:190, 110:190] = 5
    mount = Mount(image, 2.0, "ring")
    whole = segment_adaptive(mount)

    assert whole[150, 150] == 1
    for region in (
        (slice(140, 160), slice(140, 160)),
        (slice(115, 185), slice(115, 185)),
        (slice(120, 300), slice(150, 160)),
    ):
        assert np.array_equal(segment_region(mount, region), whole[region])
