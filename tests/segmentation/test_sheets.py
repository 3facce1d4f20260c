import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_zircon_cnn.segmentation.sheets import Sheet, filled
from napari_zircon_cnn.segmentation.splitting import longest_outline

SHAPES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=12)


@settings(deadline=None)
@given(SHAPES, st.integers(1, 9))
def test_images_lie_apart_and_each_pixel_is_its_own_image_s(shapes: list[tuple[int, int]], gap: int) -> None:
    sheet = Sheet.of(shapes, gap)

    whole = sheet.holding(range(1, len(shapes) + 1), np.int32)
    for n, (box, shape) in enumerate(zip(sheet.boxes, shapes, strict=True)):
        assert whole[box].shape == shape
        assert (whole[box] == n + 1).all()
        around = tuple(slice(max(side.start - gap, 0), side.stop + gap) for side in box)
        assert set(np.unique(whole[around])) <= {0, n + 1}
    rows, columns = np.nonzero(whole)
    assert np.array_equal(sheet.owners(np.stack([columns, rows], axis=1)) + 1, whole[rows, columns])


@settings(deadline=None, max_examples=30)
@given(SHAPES, st.integers(0, 2**32 - 1))
def test_parts_of_an_image_are_those_that_slices_give(shapes: list[tuple[int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 4, (60, 70), np.int32)
    begin = np.array([rng.integers(0, (70 - columns, 60 - rows), endpoint=True) for rows, columns in shapes])
    values = rng.integers(0, 4, len(shapes), np.int32)
    sheet = Sheet.of(shapes, 2)

    cut, marked = sheet.cut_from(image, begin), sheet.where(image, begin, values)
    for (x, y), (rows, columns), box, value in zip(begin.tolist(), shapes, sheet.boxes, values, strict=True):
        part = image[y : y + rows, x : x + columns]
        assert np.array_equal(cut[box], part)
        assert np.array_equal(marked[box], part == value)
    assert marked.sum() == sum((marked[box] > 0).sum() for box in sheet.boxes)


def test_only_what_is_longer_than_a_hole_stays_open_in_each_image() -> None:
    ring, frame = np.zeros((30, 30), np.uint8), np.zeros((70, 80), np.uint8)
    cv2.circle(ring, (15, 15), 10, 1, 2)
    cv2.rectangle(frame, (5, 5), (70, 60), 1, 3)
    frame[1, 1] = 1
    sheet = Sheet.of([ring.shape, frame.shape], 3)

    outlines, whole = filled(sheet, sheet.holding([ring, frame], np.uint8), 40)
    assert whole[sheet.boxes[0]][15, 15] == 1
    assert whole[sheet.boxes[1]][30, 40] == 0
    assert whole[sheet.boxes[1]][1, 1] == 0
    for outline, image in zip(outlines, (ring, frame), strict=True):
        assert np.array_equal(outline, longest_outline(image))
