"""Touching grains apart: drawn bodies whose parts are known."""

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.cuts import Outlined
from napari_zircon_cnn.segmentation.notches import notches_of
from napari_zircon_cnn.segmentation.splitting import longest_outline, split

Mask = NDArray[np.uint8]
UM = 2.0


def discs(*middles: tuple[int, int], radius: int = 20) -> Outlined:
    """Return discs that overlap, as one body of even brightness."""
    mask = np.zeros((90, 170), np.uint8)
    for middle in middles:
        cv2.circle(mask, middle, radius, 1, -1)
    return body_of(mask)


def body_of(mask: Mask) -> Outlined:
    return Outlined(mask, longest_outline(mask), mask.astype(np.uint16) * np.uint16(1600))


ONE = discs((45, 45))
TWO = discs((45, 45), (81, 45))
THREE = discs((45, 45), (81, 45), (117, 45))
MIDDLES = st.tuples(st.integers(25, 145), st.integers(25, 65))


def test_a_disc_has_no_notch_and_two_have_one_at_each_end_of_their_neck() -> None:
    at = notches_of(TWO.outline, UM)

    assert len(notches_of(ONE.outline, UM)) == 0
    assert {(63, 37), (63, 53)} <= {tuple(pixel) for pixel in TWO.outline[at].tolist()}


@pytest.mark.parametrize(("body", "n_grains"), [(ONE, 1), (TWO, 2), (THREE, 3)])
def test_discs_that_touch_come_apart_at_the_neck(body: Outlined, n_grains: int) -> None:
    pieces = split(body, UM, AdaptiveParameters())

    assert len(pieces) == n_grains
    assert np.array_equal(np.sum(pieces, axis=0), body.mask)
    assert np.ptp([cv2.countNonZero(piece) for piece in pieces]) < 0.1 * cv2.countNonZero(pieces[0])


def test_a_dark_line_parts_what_is_too_broad_otherwise() -> None:
    mask = np.zeros((90, 170), np.uint8)
    mask[20:70, 20:140] = 1
    for edge in (20, 66):
        mask[edge : edge + 4, 78:82] = 0
    lined = body_of(mask)
    lined.light[:, 79:81] = 100

    assert len(split(body_of(mask), UM, AdaptiveParameters())) == 1
    assert len(split(lined, UM, AdaptiveParameters())) == 2
