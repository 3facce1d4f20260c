"""Dim parts of grains that foreground leaves out, where an edge of their own parts them from the resin.

A glow has no such edge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.segmentation.bodies import LARGEST_HOLE_UM, Bodies, LaidOut, Mask, square
from napari_zircon_cnn.segmentation.ragged import Index, upper_medians
from napari_zircon_cnn.segmentation.sheets import Outline, Sheet, filled
from napari_zircon_cnn.segmentation.views import GAP_UM, SOBEL_GAIN

_DIMMEST, _SHARP_PER_UM, _LEAST_DIM_UM2 = 0.22, 0.09, 100.0

Pieces = list[Mask]


@dataclass(frozen=True, eq=False)
class _Lit:
    """What is bright and what is dim around bodies, each in its box on a sheet.

    Parameters
    ----------
    bodies
        The bodies.
    sheet
        Where their boxes lie.
    light
        Brightness above the resin.
    own
        1 where a body is.
    whole
        1 where it or another bright one is.
    dim
        1 where something is dim, and no thinner than a crack.
    near
        The square that is a crack's width.
    um
        Edge of a pixel.
    """

    bodies: Bodies
    sheet: Sheet
    light: NDArray[np.uint16]
    own: Mask
    whole: Mask
    dim: Mask
    near: Mask
    um: float

    @classmethod
    def around(cls, laid: LaidOut, pieces: Sequence[Pieces], um: float) -> "_Lit":
        """Look around bodies that consist of pieces."""
        near = square(GAP_UM, um)
        sheet, light = laid.sheet, laid.light
        least = sheet.holding((_DIMMEST * laid.bodies.contrasts).astype(np.uint16), np.uint16)
        own = sheet.holding([sum(each[1:], each[0]) for each in pieces], np.uint8)
        whole: Any = own | laid.others & (light > 2 * least)
        dim: Any = cv2.morphologyEx((light > least) & (1 - whole), cv2.MORPH_OPEN, near)
        return cls(laid.bodies, sheet, light, own, whole, dim, near, um)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Dim parts that may belong to bodies, numbered from 1.

    Parameters
    ----------
    numbers
        The part that a pixel of the sheet is in; 0 in none.
    owners
        The body that each belongs to; the first stands for none.
    at, of
        The pixels of parts by their index in the flat sheet, and the part of each.
    """

    numbers: NDArray[np.int32]
    owners: Index
    at: Index
    of: NDArray[np.int32]


def with_dim_parts(laid: LaidOut, pieces: Sequence[Pieces], pixel_size_um: float) -> list[Pieces]:
    """Return bodies' pieces with the dim parts that a sharp edge parts from the resin.

    Parameters
    ----------
    laid
        The bodies, further apart than filters of twice a crack's width reach.
    pieces
        The grains that each consists of, as masks of its shape.
    pixel_size_um
        Edge of a pixel.

    Returns
    -------
    list of list of ndarray
        The same pieces; a dim part is added to the one that it touches most.
    """
    lit = _Lit.around(laid, pieces, pixel_size_um)
    outlines = _inside(lit.sheet, lit.dim, _LEAST_DIM_UM2 / pixel_size_um**2)
    if not outlines:
        return list(pieces)
    parts = _parts(lit, outlines)
    touches = cv2.dilate(lit.own, lit.near).ravel()[parts.at] > 0
    is_added = _are_sharp(parts, lit) & (np.bincount(parts.of[touches], minlength=len(parts.owners)) > 0)
    added: dict[tuple[int, int], list[int]] = {}
    for part in np.flatnonzero(is_added).tolist():
        n, k = int(parts.owners[part]), 0
        if len(pieces[n]) > 1:
            k = _touched_most(parts.numbers[lit.sheet.boxes[n]] == part, pieces[n], lit.near)
        added.setdefault((n, k), []).append(part)
    return _with(added, pieces, parts, lit) if added else list(pieces)


def _inside(sheet: Sheet, dim: Mask, least_px: float) -> list[Outline]:
    """Return the outlines of what is large enough; what reaches the border of its box goes on beyond it."""
    contours: Any = cv2.findContours(dim, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    # What has a shorter outline has no such area.
    contours = [contour for contour in contours if len(contour) >= 2 * (math.sqrt(least_px) - 1)]
    if not contours:
        return []
    begin, size = np.split(np.array([cv2.boundingRect(contour) for contour in contours]), 2, axis=1)
    first, last = np.split(sheet.places[sheet.owners(begin)], 2, axis=1)
    is_inside = ((begin > first) & (begin + size < first + last)).all(axis=1)
    return [contours[n] for n in np.flatnonzero(is_inside).tolist()]


def _parts(lit: _Lit, outlines: list[Outline]) -> _Parts:
    """Return what is dim within outlines."""
    enclosed = np.zeros(lit.sheet.shape, np.uint8)
    cv2.fillPoly(enclosed, outlines, 1)
    n_parts: int
    numbers: Any
    n_parts, numbers = cv2.connectedComponents(enclosed)
    # What it encloses, and is not dim, is none of a part.
    enclosed &= lit.dim
    numbers *= enclosed
    firsts = np.array([outline[0, 0] for outline in outlines])
    owners = np.zeros(n_parts, np.intp)
    owners[numbers[firsts[:, 1], firsts[:, 0]]] = lit.sheet.owners(firsts)
    at = np.flatnonzero(enclosed.view(bool))
    return _Parts(numbers, owners, at, numbers.ravel()[at])


def _are_sharp(parts: _Parts, lit: _Lit) -> NDArray[np.bool_]:
    """Tell which parts are large enough and have a steep rim towards the resin."""
    bodies, sheet, n_parts = lit.bodies, lit.sheet, len(parts.owners)
    resin: Any = sheet.holding(np.ones(len(bodies)), np.uint8) & (1 - (lit.dim | lit.whole))
    is_rim = cv2.dilate(resin, lit.near).ravel()[parts.at] > 0
    rim = parts.of[is_rim]
    row, column = np.divmod(parts.at[is_rim], sheet.shape[1])
    right_by, down_by = (bodies.begin - sheet.corners)[parts.owners[rim]].T
    right, down = (slope[row + down_by, column + right_by].astype(np.int64) for slope in bodies.view.slopes)
    slope = np.sqrt(upper_medians(right * right + down * down, rim, n_parts))
    brightness = upper_medians(lit.light.ravel()[parts.at], parts.of, n_parts)
    is_large = np.bincount(parts.of, minlength=n_parts) >= _LEAST_DIM_UM2 / lit.um**2
    return np.asarray(is_large & (slope > _SHARP_PER_UM * lit.um * SOBEL_GAIN * brightness))


def _touched_most(part: NDArray[np.bool_], pieces: Pieces, near: Mask) -> int:
    around: Any = cv2.dilate(part.view(np.uint8), near)
    contacts = [cv2.countNonZero(around & piece) for piece in pieces]
    return contacts.index(max(contacts))


def _with(
    added: dict[tuple[int, int], list[int]], pieces: Sequence[Pieces], parts: _Parts, lit: _Lit
) -> list[Pieces]:
    """Return the pieces with what is added to some, and the cracks between filled."""
    boxes = [lit.sheet.boxes[n] for n, _ in added]
    goes_to = np.zeros(len(parts.owners), np.intp)
    for number, those in enumerate(added.values(), 1):
        goes_to[those] = number
    wider = [
        pieces[n][k] | (goes_to[parts.numbers[box]] == number)
        for number, ((n, k), box) in enumerate(zip(added, boxes, strict=True), 1)
    ]
    sheet = Sheet.of([mask.shape for mask in wider], 2 * len(lit.near))
    masks = sheet.holding(wider, np.uint8)
    closed: Any = cv2.morphologyEx(masks, cv2.MORPH_CLOSE, lit.near)
    closed = closed & (1 - sheet.holding([lit.whole[box] for box in boxes], np.uint8)) | masks
    _, full = filled(sheet, closed, LARGEST_HOLE_UM / lit.um)
    found = [list(each) for each in pieces]
    for (n, k), box in zip(added, sheet.boxes, strict=True):
        found[n][k] = full[box]
    return found
