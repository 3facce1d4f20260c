import numpy as np
import pytest

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.segmentation.methods import METHODS, parameters_for, segment
from napari_zircon_cnn.segmentation.nathwani2023 import CannyParameters


def test_default_parameters_are_the_papers() -> None:
    assert parameters_for("nathwani2023", {}) == CannyParameters(20, 255, 3, 4, 40, 90)


def test_parameters_are_converted_from_texts() -> None:
    assert parameters_for("nathwani2023", {"min_side_px": "20"}).min_side_px == 20


@pytest.mark.parametrize(
    ("method", "values", "answer"),
    [
        ("sobel", {}, "There is no segmentation method 'sobel'; there are "),
        ("nathwani2023", {"size": 3}, "There is no setting 'size'; there are low_threshold, high_threshold"),
        (
            "nathwani2023",
            {"aperture_px": 4},
            "The setting aperture_px cannot be 4: Input should be 3, 5 or 7",
        ),
        ("nathwani2023", {"low_threshold": 300}, "low_threshold must not exceed high_threshold"),
        ("nathwani2023", {"min_side_px": 90}, "max_side_px must exceed min_side_px by two or more"),
    ],
)
def test_wrong_parameters_are_answered_with_a_sentence(
    method: str, values: dict[str, int], answer: str
) -> None:
    with pytest.raises(ZirconError, match=answer):
        parameters_for(method, values)


@pytest.mark.parametrize("method", METHODS)
def test_progress_ends_at_one(method: str) -> None:
    told: list[float] = []
    segment(synthetic_mount(seed=1, shape=(300, 300)).mount, method, progress=lambda f, _: told.append(f))

    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("method", METHODS)
def test_isolated_synthetic_grains_of_fitting_size_are_found(method: str) -> None:
    truth = synthetic_mount(seed=3, shape=(1200, 1200))
    labels = segment(truth.mount, method)
    found = 0
    wanted = 0
    for label in range(1, truth.labels.max() + 1):
        mask = truth.labels == label
        rows, columns = np.nonzero(mask)
        sides = (np.ptp(rows) + 1, np.ptp(columns) + 1)
        if label in truth.touching | truth.dim or not all(42 < side < 82 for side in sides):
            continue
        wanted += 1
        inside = labels[mask]
        best = int(np.bincount(inside[inside > 0]).argmax()) if inside.any() else -1
        found += int((inside == best).sum() > 0.5 * (mask | (labels == best)).sum())
    assert wanted >= 10
    assert found / wanted > 0.7


def test_colour_depth_does_not_change_the_labels() -> None:
    mount = synthetic_mount(seed=5, shape=(400, 400)).mount
    deep = Mount(mount.image.astype(np.uint16) * np.uint16(257), 2.0, "deep", white=65535)

    assert np.array_equal(segment(mount), segment(deep))
