"""The job that scores a label image against hand-drawn masks."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn.columns import REJECTED
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.sample_files import read_rows
from napari_zircon_cnn.segmentation.score import SegmentationScore, score_labels


def score_segmentation(
    labels_file: Path,
    truth_file: Path,
    *,
    table_file: Path | None = None,
    ignore_file: Path | None = None,
    uncertain: Collection[int] = (),
    progress: Progress = silent,
) -> SegmentationScore:
    """Score a label image file against a file of hand-drawn masks.

    Parameters
    ----------
    labels_file
        The label image to judge: a TIFF or PNG of any integer depth; 0 is background.
    truth_file
        The hand-drawn label image of the same shape.
    table_file
        The grain table that goes with the label image; what it calls rejected was not found.
    ignore_file
        A mask of the same shape, not 0 where nothing is judged.
    uncertain
        Labels of true grains that count neither way.
    progress
        Told when the files are read.

    Returns
    -------
    SegmentationScore
        The figures; see `segmentation.score.score_labels`.

    Raises
    ------
    ZirconError
        Where a file cannot be read or does not fit the others.
    """
    progress(0.0, f"reading {labels_file.name}")
    predicted = read_label_image(labels_file)
    if table_file is not None:
        predicted = np.where(np.isin(predicted, _rejected(table_file)), 0, predicted)
    progress(0.3, f"reading {truth_file.name}")
    truth = read_label_image(truth_file)
    ignore = None if ignore_file is None else read_label_image(ignore_file)
    progress(0.6, "comparing")
    score = score_labels(predicted, truth, ignore=ignore, uncertain=uncertain)
    progress(1.0, f"{score.n_found} objects scored")
    return score


def read_label_image(path: Path) -> NDArray[Any]:
    """Read a label image or a mask as it stands in a TIFF or PNG file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ndarray, shape (rows, columns)
        The numbers, of the file's own type.

    Raises
    ------
    ZirconError
        Where the file is missing, broken, in colour or more than one plane.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
        if start == b"\x89PNG":
            labels = imagecodecs.png_decode(path.read_bytes())
        elif start in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
            labels = tifffile.imread(path)
        else:
            raise ZirconError(f"{path} is neither a TIFF nor a PNG file; export the labels as one of these.")
    except ZirconError:
        raise
    except OSError as error:
        raise ZirconError(
            f"The label image {path} cannot be read ({error.strerror or error}); check its name."
        ) from error
    except Exception as error:
        # The decoders raise types of their own for a broken file.
        raise ZirconError(f"The label image {path} is broken ({error}); export it again.") from error
    plane = labels.squeeze()
    if plane.ndim != 2:
        raise ZirconError(
            f"{path} has the shape {labels.shape}; a label image is one plane of numbers, not a picture."
        )
    return np.asarray(plane)


def _rejected(table_file: Path) -> NDArray[np.int64]:
    try:
        rows = read_rows(table_file, ("status", "reason", "class", "predicted_class"))
        return rows.loc[rows["status"] == REJECTED, "label"].to_numpy(np.int64)
    except KeyError as error:
        raise ZirconError(
            f"The grain table {table_file} has no column {error}; give the grains.csv of a project."
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise ZirconError(
            f"The grain table {table_file} cannot be read ({error}); check its name."
        ) from error
