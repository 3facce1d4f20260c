"""Touching grains apart: straight cuts from one re-entrant corner to another, or along a dark valley.

The more two bodies narrow towards each other, the more likely they are two grains; a cut may be longer the
darker the line under it is. The pieces are looked at again.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.cuts import SMALLEST_PIECE_UM2, Outlined, cuts_of
from napari_zircon_cnn.segmentation.notches import notches_of

Mask = NDArray[np.uint8]

_SMALLEST_WIDTH_UM = 10.0
_MOST_PIECES = 500


@dataclass(frozen=True, eq=False)
class _Piece:
    """A part of a body, in its own box.

    Parameters
    ----------
    top, left
        Row and column of the box in the body's mask.
    part
        The part.
    """

    top: int
    left: int
    part: Outlined

    def cut_out(self, mask: Mask) -> "_Piece":
        """Return a part of this one."""
        x, y, width, height = cv2.boundingRect(mask)
        top, left = max(y - 1, 0), max(x - 1, 0)
        box = (slice(top, y + height + 1), slice(left, x + width + 1))
        mask = np.ascontiguousarray(mask[box])
        part = Outlined(mask, longest_outline(mask), self.part.light[box])
        return _Piece(self.top + top, self.left + left, part)

    def placed(self, whole: Outlined) -> Mask:
        """Return the part's mask in the frame of its body."""
        mask = np.zeros_like(whole.mask)
        height, width = self.part.mask.shape
        mask[self.top : self.top + height, self.left : self.left + width] = self.part.mask
        return mask


def split(body: Outlined, pixel_size_um: float, parameters: AdaptiveParameters) -> list[Mask]:
    """Cut a body into the grains that touch each other in it.

    Parameters
    ----------
    body
        The body.
    pixel_size_um
        Edge of a pixel.
    parameters
        Of the method.

    Returns
    -------
    list of ndarray
        The pieces, of the body's mask's shape; just its mask where there is nothing to cut.
    """
    whole: list[_Piece] = []
    todo = deque([_Piece(0, 0, body)])
    while todo:
        piece = todo.popleft()
        parts = None
        if len(whole) + len(todo) + 1 < _MOST_PIECES:
            parts = _best_cut(piece.part, pixel_size_um, parameters)
        if parts is None:
            whole.append(piece)
        else:
            todo += [piece.cut_out(part) for part in parts]
    return [body.mask] if len(whole) == 1 else [piece.placed(body) for piece in whole]


def longest_outline(mask: Mask) -> NDArray[np.int32]:
    """Return the pixels along the outside of a mask's longest outline as x and y, shape (n, 2)."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest: Any = contours[0] if len(contours) == 1 else max(contours, key=len)
    return np.asarray(longest).reshape(-1, 2)


def _best_cut(body: Outlined, um: float, parameters: AdaptiveParameters) -> tuple[Mask, Mask] | None:
    """Return the two parts of a body beside its best cut, None where there is none."""
    if cv2.countNonZero(body.mask) < 2 * SMALLEST_PIECE_UM2 / um**2:
        return None
    notches = notches_of(body.outline, um)
    if not len(notches):
        return None
    width = 2 * cv2.minMaxLoc(cv2.distanceTransform(body.mask, cv2.DIST_L2, 5))[1]
    cuts = cuts_of(body, notches, width, um, parameters.neck_ratio)
    for ends, length, limit in zip(cuts.ends, cuts.lengths.tolist(), cuts.limits.tolist(), strict=True):
        start, stop = body.outline[ends].tolist()
        pieces = _cut(body.mask, start, stop, um)
        if pieces is not None and (length + 1) / pieces[2] < limit:
            return pieces[:2]
    return None


def _cut(body: Mask, start: Sequence[int], stop: Sequence[int], um: float) -> tuple[Mask, Mask, float] | None:
    """Return the two parts of a body beside a line and the narrower one's width, unless one is tiny."""
    knife = body.copy()
    cv2.line(knife, start, stop, 0, 1, cv2.LINE_4)
    contours, _ = cv2.findContours(knife, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if len(contours) < 2:
        return None
    parts = []
    for contour in contours:
        part = np.zeros_like(knife)
        cv2.fillPoly(part, [contour], 1)
        part &= knife
        column, row = contour.reshape(-1, 2)[0].tolist()
        parts.append((-cv2.countNonZero(part), row, column, part))
    parts.sort(key=lambda part: part[:3])
    if -parts[1][0] < SMALLEST_PIECE_UM2 / um**2:
        return None
    one, other = parts[0][3], parts[1][3]
    depth = cv2.distanceTransform(knife, cv2.DIST_L2, 5)
    width = 2 * min(cv2.minMaxLoc(depth, mask)[1] for mask in (one, other))
    if width < _SMALLEST_WIDTH_UM / um:
        return None
    # The pixels under the line, and crumbs beside it, go to the nearer part.
    wider: Any = cv2.dilate(one, np.ones((3, 3), np.uint8))
    one = wider & body & (1 - other)
    return one, body & (1 - one), width
