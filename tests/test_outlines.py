import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from napari_zircon_cnn.outlines import doubled_area, polygons_of


def mask_of(*rows: str) -> NDArray[np.bool_]:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def test_outline_of_a_grain_runs_along_its_pixels_edges() -> None:
    (polygon,) = polygons_of(mask_of("##.", "###"))
    (ring,) = polygon
    assert ring.tolist() == [[0, 0], [2, 0], [2, 1], [3, 1], [3, 2], [0, 2]]


def test_a_hole_has_its_own_ring() -> None:
    (polygon,) = polygons_of(mask_of("###", "#.#", "###"))
    assert [doubled_area(ring) / 2 for ring in polygon] == [9, -1]


@pytest.mark.parametrize(
    ("mask", "areas"),
    [
        (mask_of("#.", ".#"), [[1], [1]]),
        (mask_of(".#", "#."), [[1], [1]]),
        # What is around the hole meets itself at a corner only, from the inside and from the outside.
        (mask_of("###", "#.#", "##."), [[8, -1]]),
        (mask_of("####", "#.##", "##.#", "####"), [[16, -1, -1]]),
    ],
)
def test_parts_that_meet_at_a_corner_do_not_cross(mask: NDArray[np.bool_], areas: list[list[int]]) -> None:
    found = [[int(doubled_area(ring) / 2) for ring in polygon] for polygon in polygons_of(mask)]
    assert found == areas


@settings(max_examples=300, deadline=None)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_outlines_hold_the_pixels_and_no_more(mask: NDArray[np.bool_]) -> None:
    polygons = polygons_of(mask)

    assert len(polygons) == ndimage.label(mask)[1]
    drawn = np.zeros(mask.shape, int)
    for polygon in polygons:
        assert [doubled_area(ring) > 0 for ring in polygon] == [True] + [False] * (len(polygon) - 1)
        for ring in polygon:
            assert len(np.unique(ring, axis=0)) == len(ring)
            assert (np.count_nonzero(np.diff(ring, axis=0, append=ring[:1]), axis=1) == 1).all()
            drawn += pixels_inside(ring, mask.shape) * (1 if doubled_area(ring) > 0 else -1)
    np.testing.assert_array_equal(drawn, mask)


def pixels_inside(ring: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels whose centre a ring goes around, found as a ray to the left crosses it."""
    crossings = np.zeros((shape[0], shape[1] + 1), int)
    for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if x == next_x:
            crossings[min(y, next_y) : max(y, next_y), x] += 1
    return np.asarray(crossings.cumsum(axis=1)[:, :-1] % 2 == 1)
