"""One sample's grains for other programs: table as CSV, outlines as GeoJSON in µm, labels as TIFF.

All three hold every grain, the rejected ones with their status and reason.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn import scratch
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.grains import SegmentedMount, existing, pixel_boxes
from napari_zircon_cnn.outlines import polygons_of
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.sample_files import write_table

_DIGITS = 3  # of a coordinate in µm
_REPORT_EVERY = 200
_PIXELS_OF_A_STRIP = 2**18
_QUICK_LEVEL = 3
_LARGEST_PART = 2**32 - 1  # of a fraction in a TIFF tag
_UM_IN_A_CM = 10_000


def export_csv(grains: SegmentedMount | pd.DataFrame, path: Path, progress: Progress = silent) -> None:
    """Write a grain table as CSV, one row a grain, with the columns of `columns.COLUMNS`.

    Parameters
    ----------
    grains
        A sample or its grain table.
    path
        The file, written whole or not at all.
    progress
        Told of the file; may raise `Cancelled`.

    Raises
    ------
    ZirconError
        Where the folder cannot be written to.
    """
    progress(0.0, f"writing {path.name}")
    with atomic_path(path) as temporary:
        write_table(grains if isinstance(grains, pd.DataFrame) else grains.table, temporary)
        progress(1.0, f"wrote {path.name}")


def export_geojson(segmented: SegmentedMount, path: Path, progress: Progress = silent) -> None:
    """Write the outlines of a sample's grains as GeoJSON, one feature a grain.

    Parameters
    ----------
    segmented
        The sample.
    path
        The file, written whole or not at all.
    progress
        Told of the grains written; may raise `Cancelled`.

    Raises
    ------
    ZirconError
        Where the folder cannot be written to.

    Notes
    -----
    Outlines run along the edges of the pixels, with holes; a grain in several parts is a
    MultiPolygon. Coordinates are µm in the frame of the columns centroid_x_um and centroid_y_um:
    x to the right, y downwards, 0 in the centre of the mosaic's first pixel. A grain's properties
    are its row of the table; what is not known is null.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        head = json.dumps(_frame(segmented), ensure_ascii=False, allow_nan=False)
        stream.write(f'{head[:-1]}, "features": [')
        end = "\n"
        for feature in _features(segmented, progress):
            stream.write(end + json.dumps(feature, ensure_ascii=False, allow_nan=False))
            end = ",\n"
        stream.write("\n]}\n")


def export_labels(segmented: SegmentedMount, path: Path, progress: Progress = silent) -> None:
    """Write a sample's label image as a compressed TIFF that knows its pixel size.

    Parameters
    ----------
    segmented
        The sample.
    path
        The file, written whole or not at all; its pixels are of 16 bits where these hold all
        labels, else of 32, and 0 is background.
    progress
        Told of the rows written; may raise `Cancelled`.

    Raises
    ------
    ZirconError
        Where the folder cannot be written to.

    Notes
    -----
    The pixel size stands in the resolution tags, per cm, and in OME metadata. The file is in
    strips, which ImageJ opens without any plugin.
    """
    labels, pixel_size_um = segmented.labels, segmented.mount.pixel_size_um
    highest, identity = 0, hashlib.sha256()
    for rows in scratch.row_blocks(labels.shape):
        highest = max(highest, int(labels[rows].max(initial=0)))
        identity.update(np.ascontiguousarray(labels[rows]).data)
        scratch.release(labels)
    dtype = np.dtype(np.uint16 if highest < 2**16 else np.uint32)
    rows_per_strip = max(1, _PIXELS_OF_A_STRIP // labels.shape[1])
    per_cm = _per_cm(pixel_size_um)
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            _strips(labels, dtype, rows_per_strip, progress),
            ome=True,
            shape=labels.shape,
            dtype=dtype,
            photometric="minisblack",
            byteorder="<",
            rowsperstrip=rows_per_strip,
            compression="zlib",
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
            metadata={
                "axes": "YX",
                # The default tells the machine's address and differs from one run to the next.
                "UUID": str(UUID(bytes=identity.digest()[:16])),
                "Name": segmented.mount.sample,
                "PhysicalSizeX": pixel_size_um,
                "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": pixel_size_um,
                "PhysicalSizeYUnit": "µm",
            },
        )
        progress(1.0, f"wrote {path.name}")


def _frame(segmented: SegmentedMount) -> dict[str, Any]:
    mount = segmented.mount
    return {
        "type": "FeatureCollection",
        "sample": mount.sample,
        "frame": "µm; x to the right, y downwards, 0 in the centre of the mosaic's first pixel",
        "pixel_size_um": mount.pixel_size_um,
        "mosaic_shape_px": list(mount.image.shape),
    }


def _features(segmented: SegmentedMount, progress: Progress) -> Iterator[dict[str, Any]]:
    table, labels, pixel_size_um = segmented.table, segmented.labels, segmented.mount.pixel_size_um
    which = existing(table)
    boxes = pixel_boxes(table, which, pixel_size_um)
    rows = table.loc[which].to_dict("records")
    for n, (label, box, row) in enumerate(zip(which.tolist(), boxes, rows, strict=True)):
        if n % _REPORT_EVERY == 0:
            scratch.release(labels)
            progress(n / len(which), f"drew {n} of {len(which)} outlines")
        corner = np.array([box[1].start, box[0].start])
        polygons = [
            [_in_um(ring + corner, pixel_size_um) for ring in polygon]
            for polygon in polygons_of(labels[box] == label)
        ]
        yield {
            "type": "Feature",
            "id": label,
            "properties": {"label": label} | {str(name): _plain(value) for name, value in row.items()},
            "geometry": _geometry(polygons),
        }
    progress(1.0, f"drew {len(which)} outlines")


def _in_um(ring: NDArray[np.int64], pixel_size_um: float) -> list[list[float]]:
    """Return a ring in µm, closed as GeoJSON has it; a pixel's centre is its index times its size."""
    closed = np.concatenate([ring, ring[:1]])
    corners: list[list[float]] = np.round((closed - 0.5) * pixel_size_um, _DIGITS).tolist()
    return corners


def _geometry(polygons: list[list[list[list[float]]]]) -> dict[str, Any]:
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _strips(
    labels: NDArray[np.int32], dtype: "np.dtype[Any]", rows_per_strip: int, progress: Progress
) -> Iterator[bytes]:
    n_rows = len(labels)
    for top in range(0, n_rows, rows_per_strip):
        progress(top / n_rows, f"wrote {top} of {n_rows} rows of the label image")
        strip = labels[top : top + rows_per_strip].astype(dtype.newbyteorder("<"))
        yield zlib.compress(strip.tobytes(), _QUICK_LEVEL)
        scratch.release(labels)


def _per_cm(pixel_size_um: float) -> tuple[int, int]:
    """Return the pixels in a cm as a fraction that a TIFF tag holds."""
    per_cm = min(_UM_IN_A_CM / pixel_size_um, _LARGEST_PART - 1)
    return Fraction(per_cm).limit_denominator(int(_LARGEST_PART / (per_cm + 1))).as_integer_ratio()
