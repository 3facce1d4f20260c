"""The synthetic mount: what is drawn is what the labels, classes and sets say."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.samples.detector import expose
from napari_zircon_cnn.samples.synthetic import (
    BATHOLITH,
    PORPHYRY,
    MountSettings,
    SyntheticMount,
    synthetic_mount,
)

PLAIN = MountSettings(noise=0, tile_step=0, streaks_per_tile=0, fading=0, halo=0)


@pytest.fixture(scope="module")
def drawn() -> SyntheticMount:
    return synthetic_mount(3, (700, 900), touching_share=0.4)


def neighbours(labels: NDArray[np.int32]) -> set[int]:
    """Labels that have another grain among their pixels' eight neighbours, found the slow way."""
    found = set()
    for label in range(1, labels.max() + 1):
        around = cv2.dilate((labels == label).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        if np.any((labels[around] != label) & (labels[around] != 0)):
            found.add(label)
    return found


def check_truth(drawn: SyntheticMount) -> None:
    labels = drawn.labels
    assert labels.dtype == np.int32
    assert labels.shape == drawn.mount.image.shape
    assert drawn.mount.image.dtype == np.uint8
    assert drawn.classes[0] == ""
    assert set(drawn.classes[1:]) <= {PORPHYRY, BATHOLITH}
    present = np.unique(labels[labels > 0])
    assert present.tolist() == list(range(1, len(drawn.classes)))
    for label in present:
        assert cv2.connectedComponents((labels == label).astype(np.uint8), connectivity=4)[0] == 2
    assert neighbours(labels) == drawn.touching
    assert drawn.dim <= set(present.tolist())


def test_truth_agrees_with_the_picture(drawn: SyntheticMount) -> None:
    check_truth(drawn)
    assert drawn.mount.white == 255
    assert drawn.mount.sample == "synthetic"
    assert drawn.mount.pixel_size_um == 2
    image, labels = drawn.mount.image, drawn.labels
    assert np.median(image[labels == 0]) == 4
    bright = [label for label in range(1, drawn.n_grains + 1) if label not in drawn.dim]
    medians = [np.median(image[labels == label]) for label in bright]
    assert 80 < np.median(medians) < 120
    assert min(medians) > 40


def test_same_seed_same_bytes_another_seed_another_picture(drawn: SyntheticMount) -> None:
    again = synthetic_mount(3, (700, 900), touching_share=0.4)
    assert np.array_equal(again.mount.image, drawn.mount.image)
    assert np.array_equal(again.labels, drawn.labels)
    assert (again.classes, again.touching, again.dim) == (drawn.classes, drawn.touching, drawn.dim)
    other = synthetic_mount(4, (700, 900), touching_share=0.4)
    assert not np.array_equal(other.labels, drawn.labels)


def test_number_of_threads_changes_nothing(drawn: SyntheticMount) -> None:
    one, three = (np.where(drawn.labels > 0, 100, 0).astype(np.uint8) for _ in range(2))
    for image, workers in ((one, 1), (three, 3)):
        expose(image, np.random.SeedSequence(1), 2.0, MountSettings(), workers)
    assert np.array_equal(one, three)


def test_strips_leave_no_trace() -> None:
    image = np.zeros((800, 300), np.uint8)
    image[:, 100:200] = 120
    # With tiles this large there is neither seam nor mark in the picture.
    expose(image, np.random.SeedSequence(0), 2.0, replace(PLAIN, halo=0.3, tile_px=100_000))
    assert np.all(image == image[400])
    assert image[400, 150] > 100 > image[400, 98] > image[400, 50]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_shares_are_met_exactly(share: float) -> None:
    drawn = synthetic_mount(
        1, n_grains=40, porphyry_share=share, touching_share=share, settings=MountSettings(dim_share=share)
    )
    assert drawn.n_grains == 40
    assert drawn.classes.count(PORPHYRY) == 40 * share
    assert len(drawn.touching) == 40 * share
    assert len(drawn.dim) == 40 * share


def test_the_number_of_grains_follows_the_area() -> None:
    small, large = synthetic_mount(0, (500, 500)), synthetic_mount(0, (500, 1000))
    assert large.n_grains == 2 * small.n_grains > 10


def test_outlines_lie_where_the_light_falls_to_half() -> None:
    uniform = replace(
        PLAIN, background=0, broken_share=0, inclusion_rate=0, crack_rate=0, dim_share=0, ambiguous_share=0
    )
    drawn = synthetic_mount(
        2, porphyry_share=1, touching_share=0, settings=replace(uniform, porphyry_contrast=0)
    )
    differing = 0
    for label in range(1, drawn.n_grains + 1):
        grain = drawn.labels == label
        near = cv2.dilate(grain.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        half = np.median(drawn.mount.image[grain]) / 2
        differing += int(np.count_nonzero(near & ((drawn.mount.image > half) != grain)))
    assert differing < 0.03 * np.count_nonzero(drawn.labels)


def test_halving_the_pixel_size_draws_the_same_grains_twice_as_large() -> None:
    settings = MountSettings(broken_share=0)
    areas = []
    for pixel_size_um, shape in ((2.0, (900, 900)), (1.0, (1800, 1800))):
        drawn = synthetic_mount(
            6, shape, n_grains=15, touching_share=0, pixel_size_um=pixel_size_um, settings=settings
        )
        inside = set(range(1, 16)) - {*drawn.labels[[0, -1]].ravel(), *drawn.labels[:, [0, -1]].ravel()}
        areas_um2 = np.bincount(drawn.labels.ravel())[1:] * pixel_size_um**2
        areas.append({label: areas_um2[int(label) - 1] for label in inside})
    both = areas[0].keys() & areas[1].keys()
    assert len(both) > 8
    for label in both:
        assert areas[0][label] == pytest.approx(areas[1][label], rel=0.06)


def test_classes_differ_in_zoning_but_overlap(drawn: SyntheticMount) -> None:
    mount = synthetic_mount(8, (1500, 1500), touching_share=0)
    image = mount.mount.image.astype(np.float32)
    detail = np.abs(image - cv2.GaussianBlur(image, (0, 0), 2))
    core = cv2.erode((mount.labels > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    zoning: dict[str, list[float]] = {PORPHYRY: [], BATHOLITH: []}
    for label in set(range(1, mount.n_grains + 1)) - mount.dim:
        inner = core & (mount.labels == label)
        if inner.any():
            zoning[mount.classes[label]].append(float(detail[inner].mean() / image[inner].mean()))
    strong, weak = (np.array(zoning[name]) for name in (PORPHYRY, BATHOLITH))
    assert np.median(strong) > 1.15 * np.median(weak)
    assert np.quantile(weak, 0.9) > np.quantile(strong, 0.1)


def test_brightness_can_be_tied_to_a_class() -> None:
    drawn = synthetic_mount(5, settings=MountSettings(porphyry_brightness=60, batholith_brightness=160))
    medians: dict[str, list[float]] = {PORPHYRY: [], BATHOLITH: []}
    for label in set(range(1, drawn.n_grains + 1)) - drawn.dim:
        medians[drawn.classes[label]].append(float(np.median(drawn.mount.image[drawn.labels == label])))
    assert np.median(medians[BATHOLITH]) > 2 * np.median(medians[PORPHYRY])


def test_dim_grains_are_dim() -> None:
    drawn = synthetic_mount(2, settings=MountSettings(dim_share=0.5))
    medians = [np.median(drawn.mount.image[drawn.labels == label]) for label in range(1, drawn.n_grains + 1)]
    assert max(medians[label - 1] for label in drawn.dim) < 0.6 * np.median(
        [median for label, median in enumerate(medians, start=1) if label not in drawn.dim]
    )


def test_the_border_cuts_some_grains() -> None:
    drawn = synthetic_mount(0, (1500, 1500))
    border = {*drawn.labels[[0, -1]].ravel(), *drawn.labels[:, [0, -1]].ravel()} - {0}
    assert 2 <= len(border) < 0.3 * drawn.n_grains


def test_a_mount_without_grains() -> None:
    drawn = synthetic_mount(0, (200, 300), n_grains=0)
    assert drawn.classes == ("",)
    assert not drawn.labels.any()
    assert drawn.mount.image.max() < 60


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"seed": -1}, "The seed is -1; give a whole number from 0 on."),
        ({"shape": (90, 500)}, "make both edges 200 µm or longer"),
        ({"shape": (150, 150), "pixel_size_um": 1.0}, "150 x 150 px of 1 µm has no room for a grain"),
        ({"pixel_size_um": 0}, "pixel size is 0 µm; give one above 0 and up to 5 µm"),
        ({"pixel_size_um": float("nan")}, "pixel size is nan µm"),
        ({"n_grains": -3}, "The number of grains is -3; give 0 or more."),
        ({"porphyry_share": 1.5}, "The porphyry_share is 1.5; give a share from 0 to 1."),
        ({"touching_share": float("nan")}, "The touching_share is nan"),
        ({"shape": (120, 120), "n_grains": 200}, "ask for fewer grains or a larger mosaic"),
    ],
)
def test_impossible_arguments(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ZirconError) as caught:
        synthetic_mount(**arguments)  # type: ignore[arg-type]
    assert sentence in str(caught.value)


def test_impossible_settings() -> None:
    with pytest.raises(ZirconError, match=r"dim_share is 2; give a number from 0 to 1\."):
        MountSettings(dim_share=2)
    with pytest.raises(ZirconError, match="noise is nan"):
        MountSettings(noise=float("nan"))


unit = st.floats(0, 1)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**40),
    shape=st.tuples(st.integers(200, 420), st.integers(200, 420)),
    pixel_size_um=st.sampled_from([1.0, 1.7, 2.0, 3.3, 5.0]),
    share=unit,
    touching_share=unit,
    look=st.builds(
        MountSettings,
        background=st.floats(0, 60),
        noise=st.floats(0, 20),
        tile_px=st.floats(64, 500),
        tile_step=st.floats(0, 0.5),
        fading=st.floats(0, 0.9),
        streaks_per_tile=st.floats(0, 20),
        halo=st.floats(0, 0.5),
        porphyry_contrast=st.floats(0, 3),
        batholith_brightness=st.floats(20, 220),
        ambiguous_share=unit,
        dim_share=unit,
        broken_share=unit,
        sector_share=unit,
        inclusion_rate=st.floats(0, 20),
        crack_rate=st.floats(0, 10),
    ),
)
def test_any_look_keeps_the_truth(
    seed: int,
    *,
    shape: tuple[int, int],
    pixel_size_um: float,
    share: float,
    touching_share: float,
    look: MountSettings,
) -> None:
    drawn = synthetic_mount(
        seed,
        shape,
        porphyry_share=share,
        touching_share=touching_share,
        pixel_size_um=pixel_size_um,
        settings=look,
    )
    assert drawn.n_grains >= 1
    check_truth(drawn)
