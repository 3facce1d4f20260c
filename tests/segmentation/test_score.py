from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.segmentation.score import score_labels

SHAPE = (40, 60)


def squares(*corners: tuple[int, int], side: int = 10) -> NDArray[np.int32]:
    """Return squares by their upper left corners, labelled 1, 2 and so on."""
    labels = np.zeros(SHAPE, np.int32)
    for label, (top, left) in enumerate(corners, start=1):
        labels[top : top + side, left : left + side] = label
    return labels


def test_shifted_grain_is_found_at_the_iou_that_it_has() -> None:
    # A shift by one of ten pixels leaves 90 of 110: 0.82.
    score = score_labels(squares((0, 0), (0, 31)), squares((0, 0), (0, 30), (20, 0)))

    assert (score.n_truth, score.n_found) == (3, 2)
    assert [(at.recall, at.precision) for at in score.at_iou] == [(2 / 3, 1), (2 / 3, 1), (1 / 3, 1 / 2)]
    assert [at.f1 for at in score.at_iou] == [0.8, 0.8, 0.4]
    assert score.f1(0.9) == 0.4
    assert score.mean_iou == pytest.approx((1 + 90 / 110) / 2)
    assert (score.merges, score.splits) == (0, 0)


def test_merges_and_splits_are_counted() -> None:
    side_by_side = squares((0, 0), (0, 10))
    as_one = (side_by_side > 0).astype(np.uint8) * 9

    assert score_labels(as_one, side_by_side).merges == 1
    assert score_labels(as_one, side_by_side).f1() == 0
    assert score_labels(side_by_side, as_one).splits == 1
    assert score_labels(side_by_side, as_one).merges == 0


def test_what_lies_in_the_mask_or_on_uncertain_grains_counts_neither_way() -> None:
    truth = squares((0, 0), (20, 0))
    found = squares((0, 0), (20, 1), (0, 30), (20, 31))
    ignore = np.zeros(SHAPE, np.uint8)
    ignore[0:20, 30:60] = 255

    score = score_labels(found, truth, ignore=ignore, uncertain=[2])

    assert (score.n_truth, score.n_found) == (1, 2)
    assert (score.at_iou[0].recall, score.at_iou[0].precision) == (1, 0.5)
    ignore[0:20, 35:60] = 0
    assert score_labels(found, truth, ignore=ignore, uncertain=[2]).n_found == 3


def test_true_grain_in_the_mask_must_still_be_found() -> None:
    truth = squares((0, 0))
    assert score_labels(truth, truth, ignore=np.ones(SHAPE)).at_iou[0].recall == 0


def test_empty_images_have_no_score() -> None:
    nothing, one = squares(), squares((0, 0))
    for predicted, truth in ((nothing, one), (one, nothing), (nothing, nothing)):
        score = score_labels(predicted, truth)
        assert (score.n_truth, score.n_found) == (truth.max(), predicted.max())
        assert {(at.recall, at.precision, at.f1) for at in score.at_iou} == {(0, 0, 0)}
        assert score.mean_iou == 0


@pytest.mark.parametrize(
    ("predicted", "options", "answer"),
    [
        (np.zeros((40, 61), int), {}, r"has the shape \(40, 61\), the truth \(40, 60\); they must lie pixel"),
        (np.zeros(SHAPE), {}, "The label image holds float64 values; a label image holds whole numbers"),
        (np.full(SHAPE, -1), {}, "The label image holds negative numbers; labels begin at 1"),
        (np.zeros((40, 60, 3), int), {}, "must be one plane of labels"),
        (squares(), {"ignore": np.zeros((3, 3))}, r"what to ignore has the shape \(3, 3\), the truth"),
        (squares(), {"ious": [0.3]}, "matched at an IoU from 0.5 to below 1"),
    ],
)
def test_what_cannot_be_scored_is_answered_with_a_sentence(
    predicted: NDArray[Any], options: dict[str, Any], answer: str
) -> None:
    with pytest.raises(ZirconError, match=answer):
        score_labels(predicted, squares((0, 0)), **options)


images = arrays(np.uint8, (6, 7), elements=st.integers(0, 4))


@settings(max_examples=100, deadline=None)
@given(images)
def test_image_against_itself_is_perfect(labels: NDArray[np.uint8]) -> None:
    score = score_labels(labels, labels)

    perfect = 1.0 if labels.any() else 0.0
    assert score.mean_iou == perfect
    assert {at.f1 for at in score.at_iou} == {perfect}
    assert (score.merges, score.splits) == (0, 0)


@settings(max_examples=100, deadline=None)
@given(images, images, arrays(bool, (6, 7)), st.permutations(range(1, 5)), st.permutations(range(1, 5)))
def test_names_of_the_labels_do_not_matter(
    predicted: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    ignore: NDArray[np.bool_],
    one: list[int],
    other: list[int],
) -> None:
    # Far apart and large, as labels of a mount that was merged and split may be.
    renamed = np.array([0, *(1_000_000_007 * name for name in one)], np.uint64)[predicted]
    redrawn = np.array([0, *other], np.int16)[truth]

    before = score_labels(predicted, truth, ignore=ignore, uncertain=[1])
    after = score_labels(renamed, redrawn, ignore=ignore, uncertain=[other[0]])

    assert after.mean_iou == pytest.approx(before.mean_iou)
    assert after.at_iou == before.at_iou
    assert (after.merges, after.splits) == (before.merges, before.splits)


@settings(max_examples=100, deadline=None)
@given(images, images)
def test_figures_are_those_of_the_full_matrix_of_overlaps(
    predicted: NDArray[np.uint8], truth: NDArray[np.uint8]
) -> None:
    score = score_labels(predicted, truth)

    overlaps = [
        [((truth == true) & (predicted == found)).sum() for found in range(1, 5)] for true in range(1, 5)
    ]
    unions = [
        [((truth == true) | (predicted == found)).sum() for found in range(1, 5)] for true in range(1, 5)
    ]
    iou = np.array(overlaps) / np.maximum(unions, 1)
    n_truth, n_found = len(np.unique(truth[truth > 0])), len(np.unique(predicted[predicted > 0]))
    for at in score.at_iou:
        hits = (iou.max(axis=1) > at.iou).sum()
        assert at.f1 == pytest.approx(2 * hits / max(n_truth + n_found, 1))
