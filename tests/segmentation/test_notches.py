"""The hull and the bays of outlines, beside those that OpenCV finds."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.notches import notches_of
from napari_zircon_cnn.segmentation.splitting import longest_outline

UM = 2.0
DISCS = st.lists(
    st.tuples(st.integers(25, 75), st.integers(25, 75), st.integers(4, 20)), min_size=1, max_size=4
)


def outline_of(discs: list[tuple[int, int, int]]) -> NDArray[np.int32]:
    mask = np.zeros((100, 100), np.uint8)
    for x, y, radius in discs:
        cv2.circle(mask, (x, y), radius, 1, -1)
    return longest_outline(mask)


def depth_below_the_hull(outline: NDArray[np.int32]) -> float:
    """Return OpenCV's depth of the deepest bay, in px."""
    hull = np.sort(cv2.convexHull(outline, returnPoints=False), axis=0)[::-1].copy()
    defects = cv2.convexityDefects(outline, hull)
    return 0.0 if defects is None else float(defects.reshape(-1, 4)[:, 3].max()) / 256


@settings(max_examples=60, deadline=None)
@given(DISCS)
def test_a_notch_lies_below_the_hull_and_a_shape_close_to_convex_has_none(
    discs: list[tuple[int, int, int]],
) -> None:
    outline = outline_of(discs)
    at = notches_of(outline, UM)

    hull = cv2.convexHull(outline)
    assert all(cv2.pointPolygonTest(hull, pixel, True) > 0 for pixel in outline[at].tolist())
    if depth_below_the_hull(outline) < 2.9:
        assert len(at) == 0


@settings(max_examples=30, deadline=None)
@given(DISCS, st.integers(0, 3))
def test_notches_turn_with_the_outline(discs: list[tuple[int, int, int]], quarters: int) -> None:
    outline = outline_of(discs)
    mask = np.zeros((100, 100), np.uint8)
    cv2.fillPoly(mask, [outline], 1)
    turned = longest_outline(np.ascontiguousarray(np.rot90(mask, quarters)))

    one = np.zeros((100, 100), bool)
    one[tuple(outline[notches_of(outline, UM)].T[::-1])] = True
    other = np.zeros((100, 100), bool)
    other[tuple(turned[notches_of(turned, UM)].T[::-1])] = True
    # The corners of the polygon through an outline may lie one pixel on; how many there are is the same.
    wide = cv2.dilate(np.rot90(one, quarters).astype(np.uint8), np.ones((7, 7), np.uint8))
    assert (wide[other] == 1).all() or abs(int(one.sum()) - int(other.sum())) <= 1
