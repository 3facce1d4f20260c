"""Touching grains apart: straight cuts from one re-entrant corner to another, or along a dark valley.

The more two bodies narrow towards each other, the more likely they are two grains; a cut may be longer the
darker the line under it is. After each round of cuts the pieces are looked at again. Many bodies are looked
at together, since a call of numpy's costs more than its work for one; what comes out depends on each alone.
"""

from collections.abc import Iterator, Sequence
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
_PIXELS_AT_A_TIME = 2**21


@dataclass(frozen=True, eq=False)
class _Piece:
    """A part of a body, in its own box.

    Parameters
    ----------
    body
        Number of the body.
    top, left
        Row and column of the box in the body's mask.
    part
        The part.
    """

    body: int
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
        return _Piece(self.body, self.top + top, self.left + left, part)

    def placed(self, whole: Outlined) -> Mask:
        """Return the part's mask in the frame of its body."""
        mask = np.zeros_like(whole.mask)
        height, width = self.part.mask.shape
        mask[self.top : self.top + height, self.left : self.left + width] = self.part.mask
        return mask


def split(
    bodies: Sequence[Outlined], pixel_size_um: float, parameters: AdaptiveParameters
) -> list[list[Mask]]:
    """Cut bodies into the grains that touch each other in them.

    Parameters
    ----------
    bodies
        The bodies, each in a box of its own.
    pixel_size_um
        Edge of a pixel.
    parameters
        Of the method.

    Returns
    -------
    list of list of ndarray
        The pieces of each body, of its mask's shape; just its mask where there is nothing to cut.
    """
    whole: list[list[_Piece]] = [[] for _ in bodies]
    n_pieces = [1] * len(bodies)
    todo = [_Piece(n, 0, 0, body) for n, body in enumerate(bodies)]
    while todo:
        following = []
        cuts = _best_cuts([piece.part for piece in todo], pixel_size_um, parameters)
        for piece, parts in zip(todo, cuts, strict=True):
            if parts is None or n_pieces[piece.body] >= _MOST_PIECES:
                whole[piece.body].append(piece)
            else:
                n_pieces[piece.body] += 1
                following += [piece.cut_out(part) for part in parts]
        todo = following
    return [
        [body.mask] if len(pieces) == 1 else [piece.placed(body) for piece in pieces]
        for body, pieces in zip(bodies, whole, strict=True)
    ]


def longest_outline(mask: Mask) -> NDArray[np.int32]:
    """Return the pixels along the outside of a mask's longest outline as x and y, shape (n, 2)."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest: Any = contours[0] if len(contours) == 1 else max(contours, key=len)
    return np.asarray(longest).reshape(-1, 2)


def _best_cuts(
    bodies: Sequence[Outlined], um: float, parameters: AdaptiveParameters
) -> list[tuple[Mask, Mask] | None]:
    """Return the two parts of each body beside its best cut, None where there is none."""
    best: list[tuple[Mask, Mask] | None] = [None] * len(bodies)
    least_px = 2 * SMALLEST_PIECE_UM2 / um**2
    large = [n for n, body in enumerate(bodies) if cv2.countNonZero(body.mask) >= least_px]
    for batch in _batches(large, bodies):
        of, at = notches_of([bodies[n].outline for n in batch], um)
        notched, of = np.unique(of, return_inverse=True)
        numbers = [batch[n] for n in notched.tolist()]
        if not numbers:
            continue
        depths = [cv2.distanceTransform(bodies[n].mask, cv2.DIST_L2, 5) for n in numbers]
        widths = np.array([2 * cv2.minMaxLoc(depth)[1] for depth in depths])
        cuts = cuts_of([bodies[n] for n in numbers], (of, at), widths, um, parameters.neck_ratio)
        for n, ends, length, limit in zip(
            cuts.bodies.tolist(), cuts.ends, cuts.lengths.tolist(), cuts.limits.tolist(), strict=True
        ):
            number = numbers[n]
            if best[number] is not None:
                continue
            start, stop = bodies[number].outline[ends].tolist()
            pieces = _cut(bodies[number].mask, start, stop, um)
            if pieces is not None and (length + 1) / pieces[2] < limit:
                best[number] = pieces[:2]
    return best


def _batches(numbers: list[int], bodies: Sequence[Outlined]) -> Iterator[list[int]]:
    """Yield the numbers of so many bodies that their pixels are not too many at a time."""
    batch: list[int] = []
    pixels = 0
    for n in numbers:
        batch.append(n)
        pixels += bodies[n].mask.size
        if pixels > _PIXELS_AT_A_TIME:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


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
