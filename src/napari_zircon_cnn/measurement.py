"""One grain's numbers and flags: shape, place and brightness."""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.flags import Box, is_cut_by_seam, is_dim, is_saturated, is_streaked
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.mount_facts import MountFacts
from napari_zircon_cnn.zoning import zoning_frequency

_PERCENTILES = (5, 25, 50, 75, 95)


def measure_grain(mask: NDArray[np.bool_], mount: Mount, facts: MountFacts, box: Box) -> dict[str, Any]:
    """Measure one grain.

    Parameters
    ----------
    mask
        Which pixels of the box are the grain; it reaches all four sides.
    mount
        The mosaic.
    facts
        What holds for the whole mount.
    box
        The part of the mosaic that the mask covers.

    Returns
    -------
    dict
        A value for each column of `columns.MEASURED`, with the units given there, but for
        `touching`, which depends on the other grains as well.
    """
    from skimage.measure import perimeter_crofton

    um = mount.pixel_size_um
    whole = mount.image[box]
    grey = whole[mask].astype(np.float64)
    top, left = box[0].start, box[1].start
    area, (row, column), (major, minor), orientation = _ellipse(mask)
    hull = _hull_of_pixel_corners(mask)
    length, width, box_angle = _rotated_box(hull)
    feret_max, feret_min = _feret(hull)
    crofton = float(perimeter_crofton(mask, 4))  # type: ignore[no-untyped-call]
    perimeter = max(crofton, 2 * math.sqrt(math.pi * area))
    percentiles = np.percentile(grey, _PERCENTILES).tolist()
    values = {
        "centroid_x_um": (left + column) * um,
        "centroid_y_um": (top + row) * um,
        "bbox_x_min_um": (left - 0.5) * um,
        "bbox_y_min_um": (top - 0.5) * um,
        "bbox_x_max_um": (box[1].stop - 0.5) * um,
        "bbox_y_max_um": (box[0].stop - 0.5) * um,
        "box_length_um": length * um,
        "box_width_um": width * um,
        "box_angle_deg": box_angle,
        "area_um2": area * um**2,
        "equivalent_diameter_um": math.sqrt(4 * area / math.pi) * um,
        "ellipse_major_um": major * um,
        "ellipse_minor_um": minor * um,
        "feret_max_um": feret_max * um,
        "feret_min_um": feret_min * um,
        "aspect_ratio": major / minor,
        "perimeter_um": perimeter * um,
        "circularity": 4 * math.pi * area / perimeter**2,
        "solidity": area / float(cv2.contourArea(hull)),
        "orientation_deg": orientation,
        "intensity_mean": grey.mean(),
        "intensity_sd": grey.std(),
        "zoning_per_um": zoning_frequency(mask, whole, um),
        "touches_border": _touches_border(mask, box, mount.image.shape),
        "cut_by_seam": is_cut_by_seam(mask, box, facts, um),
        "dim": is_dim(percentiles[_PERCENTILES.index(50)], mount.white, facts),
        "saturated": is_saturated(grey, mount.white),
        "streaked": is_streaked(mount, box, facts),
    }
    values |= {f"intensity_p{p:02d}": value for p, value in zip(_PERCENTILES, percentiles, strict=True)}
    return values


def _ellipse(mask: NDArray[np.bool_]) -> tuple[float, tuple[float, float], tuple[float, float], float]:
    """Return area, centroid (row, column), axes (px) and angle (°) of the ellipse with a mask's moments."""
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    area = moments["m00"]
    across, down, both = (moments[name] / area for name in ("mu20", "mu02", "mu11"))
    middle, half = (across + down) / 2, math.hypot((across - down) / 2, both)
    # A grain of a single line of pixels has no minor axis; one pixel is the least that an axis can be.
    major, minor = (max(4 * math.sqrt(max(part, 0.0)), 1.0) for part in (middle + half, middle - half))
    # The angle is from x, counter-clockwise on the screen, where y points down.
    angle = _half_turn(-math.degrees(math.atan2(2 * both, across - down)) / 2)
    return area, (moments["m01"] / area, moments["m10"] / area), (major, minor), angle


def _hull_of_pixel_corners(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the convex hull around whole pixels, (n, 2) as x and y, so that one pixel has the area 1."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    x = np.concatenate([first, first, last, last])
    y = np.concatenate([rows, rows + 1, rows, rows + 1])
    hull: Any = cv2.convexHull(np.stack([x, y], axis=1).astype(np.float32))
    return np.asarray(hull)[:, 0]


def _rotated_box(hull: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return long side, short side (px) and angle (°) of the smallest box around a hull."""
    _, (side_a, side_b), angle = cv2.minAreaRect(hull)
    along_a = side_a >= side_b
    # OpenCV's angle turns clockwise on the screen, since y points down.
    return max(side_a, side_b), min(side_a, side_b), _half_turn(-(angle if along_a else angle + 90))


def _feret(hull: NDArray[np.float32]) -> tuple[float, float]:
    """Return the largest and the smallest caliper distance of a hull, in px."""
    points = hull.astype(np.float64)
    edges = np.roll(points, -1, axis=0) - points
    normals = np.stack([-edges[:, 1], edges[:, 0]]) / np.hypot(edges[:, 0], edges[:, 1])
    widths = np.ptp(points @ normals, axis=0)
    distances = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    return float(distances.max()), float(widths.min())


def _half_turn(degrees: float) -> float:
    # The second modulo catches a tiny negative angle, which the first rounds up to 180 itself.
    return degrees % 180.0 % 180.0


def _touches_border(mask: NDArray[np.bool_], box: Box, shape: tuple[int, ...]) -> bool:
    sides = (
        box[0].start == 0 and mask[0].any(),
        box[1].start == 0 and mask[:, 0].any(),
        box[0].stop == shape[0] and mask[-1].any(),
        box[1].stop == shape[1] and mask[:, -1].any(),
    )
    return bool(any(sides))
