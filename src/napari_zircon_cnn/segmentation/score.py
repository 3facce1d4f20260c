"""How well a label image agrees with hand-drawn masks."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError

IOUS = (0.5, 0.75, 0.9)
"""The intersections over union at which a score is told by default."""

MERGED_SHARE = 0.5
"""A found object is a merge where it covers more than this share of each of two true grains."""

SPLIT_SHARE = 0.2
"""A true grain is split where each of two found objects covers more than this share of it."""

_IGNORED_SHARE = 0.5
_MATCHED_IOU = 0.5
_ROWS_AT_A_TIME = 512


@dataclass(frozen=True)
class ScoreAtIoU:
    """How many grains were found with an outline of a given quality.

    Parameters
    ----------
    iou
        A grain counts as found where its intersection over union with an object exceeds this.
    recall
        Share of the true grains that were found; 0 where there is none.
    precision
        Share of the found objects that are a grain; 0 where there is none.
    f1
        Harmonic mean of the two.
    """

    iou: float
    recall: float
    precision: float
    f1: float


@dataclass(frozen=True)
class SegmentationScore:
    """How well a label image agrees with hand-drawn masks.

    Parameters
    ----------
    n_truth
        Number of true grains.
    n_found
        Number of found objects that are judged.
    at_iou
        Recall, precision and F1 at each intersection over union, in the order asked for.
    merges
        Number of found objects that hold two true grains or more; see `MERGED_SHARE`.
    splits
        Number of true grains that lie in two found objects or more; see `SPLIT_SHARE`.
    mean_iou
        Mean intersection over union of the grains found at 0.5; 0 where there is none.
    """

    n_truth: int
    n_found: int
    at_iou: tuple[ScoreAtIoU, ...]
    merges: int
    splits: int
    mean_iou: float

    def f1(self, iou: float = 0.5) -> float:
        """Return F1 at one of the intersections over union that were asked for."""
        return next(score.f1 for score in self.at_iou if math.isclose(score.iou, iou))


def score_labels(
    predicted: NDArray[Any],
    truth: NDArray[Any],
    *,
    ignore: NDArray[Any] | None = None,
    uncertain: Collection[int] = (),
    ious: Sequence[float] = IOUS,
) -> SegmentationScore:
    """Score a label image against hand-drawn masks.

    A true grain matches at most one found object and an object at most one grain, since no two
    can share more than half of their union with a third.

    Parameters
    ----------
    predicted
        The label image to judge, shape (rows, columns), of any integer type; 0 is background.
    truth
        The hand-drawn label image of the same shape.
    ignore
        Where nothing is judged: not 0 there. A found object with more than half of its pixels
        there, or on uncertain grains, counts neither way.
    uncertain
        Labels of true grains that count neither way.
    ious
        The intersections over union at which to score, each from 0.5 to below 1.

    Returns
    -------
    SegmentationScore
        The figures.

    Raises
    ------
    ZirconError
        Where the images differ in shape, are no label images, or an IoU is out of range.
    """
    _check_labels(predicted, "label image")
    _check_labels(truth, "truth")
    if ignore is not None and ignore.shape != truth.shape:
        raise ZirconError(
            f"The mask of what to ignore has the shape {ignore.shape}, the truth {truth.shape}; "
            "they must lie pixel on pixel."
        )
    if predicted.shape != truth.shape:
        raise ZirconError(
            f"The label image has the shape {predicted.shape}, the truth {truth.shape}; "
            "they must lie pixel on pixel."
        )
    if not all(_MATCHED_IOU <= iou < 1 for iou in ious):
        raise ZirconError(
            f"The grains can be matched at an IoU from 0.5 to below 1, not at all of {list(ious)}."
        )
    true, found, free, area = _runs(predicted, truth, ignore)
    is_uncertain = np.isin(true, list(uncertain))
    true_labels, true_ids = np.unique(np.where(is_uncertain, 0, true), return_inverse=True)
    found_labels, found_ids = np.unique(found, return_inverse=True)
    found_area = np.bincount(found_ids, area, len(found_labels))
    free_area = np.bincount(found_ids, area * (free | is_uncertain), len(found_labels))
    judged = (free_area <= _IGNORED_SHARE * found_area) & (found_labels > 0)
    true_area = np.bincount(true_ids, area, len(true_labels))

    # Only the pairs that overlap are kept: among thousands of grains they are few.
    shared = (true_labels[true_ids] > 0) & judged[found_ids]
    pairs, pair_ids = np.unique(true_ids[shared] * len(found_labels) + found_ids[shared], return_inverse=True)
    both = np.bincount(pair_ids, area[shared], len(pairs))
    pair_true, pair_found = np.divmod(pairs, len(found_labels))
    iou = both / (true_area[pair_true] + found_area[pair_found] - both)
    covered = both / true_area[pair_true]

    n_truth, n_found = int((true_labels > 0).sum()), int(judged.sum())
    matched = iou[iou > _MATCHED_IOU]
    return SegmentationScore(
        n_truth,
        n_found,
        tuple(_at(threshold, int((iou > threshold).sum()), n_truth, n_found) for threshold in ious),
        merges=_n_repeated(pair_found[covered > MERGED_SHARE]),
        splits=_n_repeated(pair_true[covered > SPLIT_SHARE]),
        mean_iou=float(matched.mean()) if len(matched) else 0.0,
    )


def _check_labels(labels: NDArray[Any], name: str) -> None:
    if labels.ndim != 2 or not labels.size:
        raise ZirconError(f"The {name} has the shape {labels.shape}; it must be one plane of labels.")
    if labels.dtype.kind not in "iu":
        raise ZirconError(
            f"The {name} holds {labels.dtype} values; a label image holds whole numbers, 0 for background."
        )
    if labels.min() < 0:
        raise ZirconError(f"The {name} holds negative numbers; labels begin at 1, and background is 0.")


def _runs(
    predicted: NDArray[Any], truth: NDArray[Any], ignore: NDArray[Any] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return true label, found label, whether ignored and length of each run of equal pixels.

    There are some thousand times fewer runs than pixels, so that all that follows is small.
    """
    parts = []
    for start in range(0, len(truth), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        true, found = truth[rows].ravel(), predicted[rows].ravel()
        free = np.zeros(true.size, bool) if ignore is None else ignore[rows].ravel() != 0
        changes = (true[1:] != true[:-1]) | (found[1:] != found[:-1]) | (free[1:] != free[:-1])
        first = np.concatenate([[0], np.flatnonzero(changes) + 1])
        parts.append((true[first], found[first], free[first], np.diff(first, append=true.size)))
    runs = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return runs[0].astype(np.int64), runs[1].astype(np.int64), runs[2], runs[3].astype(np.int64)


def _at(iou: float, hits: int, n_truth: int, n_found: int) -> ScoreAtIoU:
    return ScoreAtIoU(
        iou,
        recall=hits / max(n_truth, 1),
        precision=hits / max(n_found, 1),
        f1=2 * hits / max(n_truth + n_found, 1),
    )


def _n_repeated(ids: NDArray[np.int64]) -> int:
    return int((np.unique(ids, return_counts=True)[1] >= 2).sum())
