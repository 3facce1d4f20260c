"""Where the grains of a synthetic mount lie: alone or touching, never one over another.

Touching grains are first pushed together on a small sheet of their own and then set down as one `Body`.
"""

from dataclasses import dataclass
from math import cos, hypot, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.samples.grain_drawing import DrawnGrain
from napari_zircon_cnn.samples.grain_outline import largest_piece

_CONTACT_TRIES = 12
_MIN_CONTACT_PX = 2
# A grain cut by the mosaic's border, or pushed against another, keeps at least this part of itself.
_MIN_VISIBLE = 0.4
_MIN_UNCUT = 0.8

Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Body:
    """One grain, or a few that touch one another.

    Parameters
    ----------
    labels
        0 outside, otherwise 1 for the first grain, 2 for the second and so on; shape (h, w).
    grey
        Grey levels, uint8, the same shape.
    """

    labels: Labels
    grey: NDArray[np.uint8]

    @property
    def n_grains(self) -> int:
        """Number of grains in the body."""
        return int(self.labels.max())


def single(grain: DrawnGrain) -> Body:
    """Make a body of one grain."""
    return Body(grain.body.astype(np.int32), grain.grey)


def push_together(rng: np.random.Generator, grains: list[DrawnGrain]) -> Body | None:
    """Let each grain touch one before it.

    Parameters
    ----------
    rng
        Where the randomness comes from.
    grains
        Two grains or more.

    Returns
    -------
    Body or None
        The grains, numbered in the order given and each sharing at least two pixels' length of border
        with another; None if they could not be brought together.
    """
    cluster = single(grains[0])
    for grain in grains[1:]:
        for _ in range(_CONTACT_TRIES):
            joined = _join(rng, cluster, grain)
            if joined is not None:
                cluster = joined
                break
        else:
            return None
    return cluster


def touching_labels(labels: Labels) -> set[int]:
    """Return the labels that share a border with another label."""
    touching: set[int] = set()
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        border = (one != other) & (one != 0) & (other != 0)
        touching.update(one[border].tolist(), other[border].tolist())
    return touching


def set_down(
    rng: np.random.Generator,
    labels: Labels,
    image: NDArray[np.uint8],
    body: Body,
    first_label: int,
    *,
    gap_px: int,
    tries: int,
) -> Labels | None:
    """Draw a body at a random free place of a mount.

    Parameters
    ----------
    rng
        Where the randomness comes from.
    labels, image
        The mount's label image and image, shape (rows, columns); both are drawn on.
    body
        What to draw; the mount's border may cut it as long as most of every grain stays, in one piece,
        and every grain of several keeps touching another.
    first_label
        Label of the body's first grain.
    gap_px
        Free distance to everything drawn before, at least 2.
    tries
        How many random places to try.

    Returns
    -------
    ndarray or None
        The part of the body that lies in the mount, labelled as in the mount; None, and nothing drawn,
        if no place was free.
    """
    height, width = body.labels.shape
    grown = np.pad(body.labels > 0, gap_px).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap_px + 1, 2 * gap_px + 1))
    near = np.asarray(cv2.dilate(grown, kernel) > 0)
    rows, columns = labels.shape
    for _ in range(tries):
        top, left = (rng.random(2) * (rows + 1, columns + 1)).astype(int) - (height // 2, width // 2)
        around, inside = _overlap((top - gap_px, left - gap_px), near.shape, labels.shape)
        if np.any((labels[around] != 0) & near[inside]):
            continue
        place, part = _overlap((top, left), body.labels.shape, labels.shape)
        seen = body.labels[part]
        if seen.shape != body.labels.shape and not _still_whole(seen, body):
            continue
        is_grain = seen > 0
        numbered = np.where(is_grain, seen + np.int32(first_label - 1), np.int32(0))
        np.copyto(labels[place], numbered, where=is_grain)
        np.copyto(image[place], body.grey[part], where=is_grain)
        return numbered
    return None


def _join(rng: np.random.Generator, cluster: Body, grain: DrawnGrain) -> Body | None:
    """Slide a grain towards a random member of a cluster until they touch along a short border."""
    height, width = grain.body.shape
    way, sideways = rng.uniform(0, 2 * pi), rng.normal(0, 0.2)
    press = int(rng.integers(0, 3))
    member = cluster.labels == rng.integers(1, cluster.n_grains + 1)
    rows, columns = np.nonzero(member)
    target = np.array([rows.mean() - height / 2, columns.mean() - width / 2])
    direction = np.array([sin(way), cos(way)])
    target += sideways * min(height, width) * np.array([cos(way), -sin(way)])
    occupied = cluster.labels > 0

    def corner(distance: float) -> tuple[int, int]:
        top, left = np.rint(target + distance * direction).astype(int)
        return int(top), int(left)

    def collides(distance: float) -> bool:
        there, here = _overlap(corner(distance), grain.body.shape, occupied.shape)
        return bool(np.any(occupied[there] & grain.body[here]))

    inside, outside = 0.0, hypot(*occupied.shape) + hypot(height, width)
    while outside - inside > 0.5:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if collides(middle) else (inside, middle)
    top, left = corner(outside - press - 0.5)

    pad_top, pad_left = max(-top, 0), max(-left, 0)
    shape = (
        max(occupied.shape[0], top + height) + pad_top,
        max(occupied.shape[1], left + width) + pad_left,
    )
    sheet, grey = np.zeros(shape, np.int32), np.zeros(shape, np.uint8)
    old = (slice(pad_top, pad_top + occupied.shape[0]), slice(pad_left, pad_left + occupied.shape[1]))
    new = (slice(pad_top + top, pad_top + top + height), slice(pad_left + left, pad_left + left + width))
    sheet[old], grey[old] = cluster.labels, cluster.grey
    free = largest_piece(grain.body & (sheet[new] == 0))
    if np.count_nonzero(free) < _MIN_UNCUT * np.count_nonzero(grain.body):
        return None
    np.copyto(grey[new], grain.grey, where=free)
    np.copyto(sheet[new], np.int32(cluster.n_grains + 1), where=free)
    return Body(sheet, grey) if _contact_px(sheet, cluster.n_grains + 1) >= _MIN_CONTACT_PX else None


def _contact_px(labels: Labels, label: int) -> int:
    """Return how many pixel edges a label shares with other labels."""
    contact = 0
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        contact += int(np.count_nonzero((one == label) & (other != label) & (other != 0)))
        contact += int(np.count_nonzero((other == label) & (one != label) & (one != 0)))
    return contact


def _still_whole(seen: Labels, body: Body) -> bool:
    """Tell whether every grain of a cut body is still there, mostly, in one piece and touching."""
    for label in range(1, body.n_grains + 1):
        grain = seen == label
        size = np.count_nonzero(grain)
        if size < _MIN_VISIBLE * np.count_nonzero(body.labels == label):
            return False
        if np.count_nonzero(largest_piece(grain)) < size:
            return False
    return body.n_grains == 1 or len(touching_labels(seen)) == body.n_grains


def _overlap(
    corner: tuple[int, int], shape: tuple[int, ...], sheet: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where a patch set at a corner lies on a sheet, and which part of the patch that is."""
    top, left = (max(int(at), 0) for at in corner)
    bottom, right = (
        max(min(int(at) + size, limit), start)
        for at, size, limit, start in zip(corner, shape, sheet, (top, left), strict=True)
    )
    on_sheet = (slice(top, bottom), slice(left, right))
    of_patch = (
        slice(top - int(corner[0]), bottom - int(corner[0])),
        slice(left - int(corner[1]), right - int(corner[1])),
    )
    return on_sheet, of_patch
