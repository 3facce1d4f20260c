"""Flags of a grain that tell why it may not do: each a small rule, documented in `columns`."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.mount_facts import WHITE, MountFacts, Seams

TOUCHING_UM = 6.0
"""Grains touch where their pixels' centres are at most so far apart, three px of the paper's mosaics."""

CUT_UM = 10.0
"""A grain is cut where at least so much of its outline lies on a seam."""

DIM_SHARE = 1 / 3
"""A dim grain stands out from the resin by less than this share of what is usual in the mount."""

SATURATED_SHARE = 0.05
"""A saturated grain has more than this share of its pixels at the mount's white."""

STREAK_UM = 80.0
"""How far a charging streak must be seen beside the grain."""

_TOUCHING_AT_LEAST_PX = 1.5
_LINES_BESIDE = 3
_STREAK_AT_LEAST_PX = 20
_STREAK_GAP_UM = 6.0
_STREAK_HALF_SPAN_UM = 12.0
_STREAK_IN_EACH_HALF = 0.7
_FEWEST_BACKGROUND = 0.9

Box = tuple[slice, slice]


def _px(um: float, pixel_size_um: float, at_least: int) -> int:
    return max(round(um / pixel_size_um), at_least)


def reach_px(pixel_size_um: float) -> float:
    """Return how far apart in px the centres of touching pixels may be; corner to corner at least."""
    return max(TOUCHING_UM / pixel_size_um, _TOUCHING_AT_LEAST_PX)


def widened(box: Box, margin: int, shape: tuple[int, ...]) -> Box:
    """Return a box with a margin in px, as far as the image reaches."""
    rows, columns = (
        slice(max(part.start - margin, 0), min(part.stop + margin, size))
        for part, size in zip(box, shape, strict=True)
    )
    return rows, columns


def is_touching(labels: NDArray[np.int32], label: int, box: Box, pixel_size_um: float) -> bool:
    """Tell whether another grain touches a grain.

    Parameters
    ----------
    labels
        The label image, or a part of it.
    label
        The grain.
    box
        The grain's bounding box in `labels`.
    pixel_size_um
        Edge of a pixel in µm.

    Returns
    -------
    bool
        Whether a pixel of another grain, rejected or not, is within `TOUCHING_UM`.
    """
    reach = reach_px(pixel_size_um)
    around = labels[widened(box, int(reach), labels.shape)]
    is_grain = around == label
    is_other = (around != 0) & ~is_grain
    if not is_other.any():
        return False
    distance: Any = cv2.distanceTransform((~is_grain).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return bool(np.asarray(distance)[is_other].min() <= reach + 1e-3)


def is_cut_by_seam(mask: NDArray[np.bool_], box: Box, facts: MountFacts, pixel_size_um: float) -> bool:
    """Tell whether a grain's outline follows a seam, since it ends there or goes on displaced.

    Parameters
    ----------
    mask
        Which pixels of the box are the grain.
    box
        The grain's bounding box in the mosaic.
    facts
        What holds for the mount.
    pixel_size_um
        Edge of a pixel in µm.

    Returns
    -------
    bool
        Whether at least `CUT_UM` of the outline lie on a seam, less what runs along the lines beside it.
    """
    run = max(
        _run_on_seams(mask, box[0], box[1], facts.row_seams),
        _run_on_seams(mask.T, box[1], box[0], facts.column_seams),
    )
    return run * pixel_size_um >= CUT_UM


def is_dim(median: float, white: float, facts: MountFacts) -> bool:
    """Tell whether a grain hardly stands out.

    Parameters
    ----------
    median
        The median of the grain's grey values.
    white
        The mount's white.
    facts
        What holds for the mount.

    Returns
    -------
    bool
        Whether the median is nearer to the resin than `DIM_SHARE` of the way to the typical grain.
    """
    above = median * WHITE / white - facts.background
    return above < DIM_SHARE * (facts.grain_level - facts.background)


def is_saturated(grey: NDArray[np.float64], white: float) -> bool:
    """Tell whether more than `SATURATED_SHARE` of a grain's grey values are at the mount's white."""
    return bool((grey >= white).mean() > SATURATED_SHARE)


def is_streaked(mount: Mount, box: Box, facts: MountFacts) -> bool:
    """Tell whether a charging streak runs through a grain.

    Parameters
    ----------
    mount
        The mosaic.
    box
        The grain's bounding box.
    facts
        What holds for the mount.

    Returns
    -------
    bool
        Whether in line with the grain the resin beside it shows a thin dark or bright line along a row
        or a column, `STREAK_UM` long, that is no seam.
    """
    um = mount.pixel_size_um
    outer = widened(
        box, _px(STREAK_UM, um, _STREAK_AT_LEAST_PX) + _px(_STREAK_GAP_UM, um, 1), mount.image.shape
    )
    grey = mount.image[outer] * np.float32(WHITE / mount.white)
    for axis, seams in enumerate((facts.row_seams, facts.column_seams)):
        across, along = (
            slice(box[way].start - outer[way].start, box[way].stop - outer[way].start)
            for way in (axis, 1 - axis)
        )
        in_line = np.zeros(grey.shape[axis], bool)
        in_line[across.start + 1 : across.stop - 1] = True
        for line in seams[_near(seams, outer[axis], outer[1 - axis], 0), 0] - outer[axis].start:
            in_line[max(line - _LINES_BESIDE, 0) : line + _LINES_BESIDE + 1] = False
        if in_line.any() and _line_leads_to(along, in_line, grey if axis == 0 else grey.T, facts, um):
            return True
    return False


def _run_on_seams(mask: NDArray[np.bool_], across: slice, along: slice, seams: Seams) -> float:
    """Return the length in px of the outline that lies on a seam along the mask's rows.

    A pixel of outline is one that is grain on one side of the line only. What a slanting outline
    has beside the seam as well does not count.
    """
    run = 0.0
    for line, start, stop in seams[_near(seams, across, along, _LINES_BESIDE)]:
        columns = slice(max(start - along.start, 0), max(stop - along.start, 0))
        margin = _LINES_BESIDE + 2
        padded = np.pad(mask[:, columns], ((margin, margin), (0, 0)))
        # Steps between rows, the first of them `margin` - 1 rows above the mask; a seam has one on each side.
        steps = (padded[1:] != padded[:-1]).sum(axis=1)
        first = line - across.start + margin - 1
        beside = steps[max(first - _LINES_BESIDE, 0) : first + 2 + _LINES_BESIDE]
        on_seam = steps[max(first, 0) : first + 2]
        if len(on_seam):
            run += max(float(on_seam.max() - np.median(beside)), 0.0)
    return run


def _near(seams: Seams, across: slice, along: slice, margin: int) -> NDArray[np.bool_]:
    """Return which seams lie in a box or at most `margin` px beside it."""
    line, start, stop = seams.T
    near: NDArray[np.bool_] = (
        (line >= across.start - margin)
        & (line < across.stop + margin)
        & (start < along.stop)
        & (stop > along.start)
    )
    return near


def _line_leads_to(
    along: slice, in_line: NDArray[np.bool_], grey: NDArray[np.float32], facts: MountFacts, um: float
) -> bool:
    """Tell whether one of some rows shows a thin line to the left or the right of a grain's columns."""
    from scipy import ndimage

    length, gap = _px(STREAK_UM, um, _STREAK_AT_LEAST_PX), _px(_STREAK_GAP_UM, um, 1)
    half_span = _px(_STREAK_HALF_SPAN_UM, um, 3)
    lines = np.flatnonzero(in_line)
    rows = slice(max(lines[0] - half_span, 0), lines[-1] + half_span + 1)
    # One row for each half of a side, so that one product takes all their means.
    halves = np.zeros((4, grey.shape[1]), np.float32)
    for side, start in enumerate((along.start - gap - length, along.stop + gap)):
        if start >= 0 and start + length <= grey.shape[1]:
            halves[2 * side, start : start + length // 2] = 1
            halves[2 * side + 1, start + length // 2 : start + length] = 1
    resin = (grey[rows] <= facts.background_limit).astype(np.float32)
    n_resin = resin @ halves.T
    means = ((grey[rows] * resin) @ halves.T) / np.maximum(n_resin, 1)
    known = n_resin >= np.maximum(_FEWEST_BACKGROUND * halves.sum(axis=1), 1)
    usual = _medians(means, known | ~known.any(axis=0))
    around = ndimage.median_filter(np.where(known, means, usual), (2 * half_span + 1, 1))
    near, far = np.moveaxis(np.where(known, means - around, 0.0).reshape(-1, 2, 2), 2, 0) / facts.noise
    same_way = np.minimum(np.abs(near), np.abs(far)) * (np.sign(near) == np.sign(far))
    is_line = (same_way > _STREAK_IN_EACH_HALF) & (np.abs(near + far) > 2)
    return bool(is_line[in_line[rows]].any())


def _medians(values: NDArray[np.float32], counted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return each column's median over the values that count; numpy's own is ten times as slow."""
    ordered = np.sort(np.where(counted, values, np.float32(np.inf)), axis=0)
    n = counted.sum(axis=0)
    columns = np.arange(len(n))
    return np.asarray((ordered[(n - 1) // 2, columns] + ordered[n // 2, columns]) / np.float32(2))
