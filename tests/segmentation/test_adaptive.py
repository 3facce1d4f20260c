import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import measure
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.samples.mount_settings import MountSettings
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.segmentation.adaptive import segment_adaptive, segment_region
from napari_zircon_cnn.segmentation.adaptive_parameters import AdaptiveParameters
from napari_zircon_cnn.segmentation.methods import parameters_for
from napari_zircon_cnn.segmentation.score import score_labels
from napari_zircon_cnn.segmentation.size_gate import too_small

Labels = NDArray[np.int32]
Checked = tuple[Mount, Labels, NDArray[np.bool_], set[int]]


def mount_of(image: NDArray[np.float64], pixel_size_um: float = 2.0) -> Mount:
    return Mount(np.clip(np.rint(image), 0, 255).astype(np.uint8), pixel_size_um, "drawn")


def resin(shape: tuple[int, int] = (200, 240), level: float = 6.0) -> NDArray[np.float64]:
    return level + np.random.default_rng(0).normal(0, 1, shape)


def draw(image: NDArray[np.float64], shape: NDArray[np.uint8], level: float, blur: float = 1.0) -> None:
    """Draw a body of one grey level with a slightly soft edge."""
    share = cv2.GaussianBlur(shape.astype(np.float64), (0, 0), blur)
    image[:] = image * (1 - share) + level * share


def ellipse(
    shape: tuple[int, int], centre: tuple[int, int], axes: tuple[int, int], angle: float = 0
) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    cv2.ellipse(mask, centre, axes, angle, 0, 360, 1, cv2.FILLED)
    return mask


def without_small(labels: Labels, mount: Mount) -> Labels:
    small = list(too_small(measure(labels, mount), AdaptiveParameters()))
    return np.where(np.isin(labels, small), 0, labels)


def test_outline_lies_at_half_maximum() -> None:
    image, grain = resin(), ellipse((200, 240), (120, 100), (40, 22), 30)
    draw(image, grain, 130)

    labels = segment_adaptive(mount_of(image))

    assert labels.max() == 1
    assert ((labels == 1) & (grain == 1)).sum() / ((labels == 1) | (grain == 1)).sum() > 0.97


def test_cracks_and_dark_cores_belong_to_their_grain() -> None:
    image, grain = resin(), ellipse((200, 240), (120, 100), (50, 30))
    draw(image, grain, 120)
    draw(image, ellipse((200, 240), (120, 100), (24, 12)), 6)

    labels = segment_adaptive(mount_of(image))

    assert labels.max() == 1
    assert labels[100, 120] == 1


def test_touching_grains_are_cut_apart_at_their_corners() -> None:
    image = resin()
    draw(image, ellipse((200, 240), (80, 100), (36, 22)), 120)
    draw(image, ellipse((200, 240), (140, 100), (28, 30)), 120)

    labels = segment_adaptive(mount_of(image))

    assert labels.max() == 2
    assert labels[100, 60] != labels[100, 150]
    assert abs(np.flatnonzero(labels[100] == labels[100, 150])[0] - 114) < 5


def test_one_prism_stays_whole() -> None:
    image, prism = resin(), np.zeros((200, 240), np.uint8)
    prism[85:115, 30:200] = 1
    draw(image, prism, 120)
    image[85:115, 110:112] -= 50

    assert segment_adaptive(mount_of(image)).max() == 1


def test_glow_is_no_grain_but_a_dim_grain_is() -> None:
    image = resin()
    draw(image, ellipse((200, 240), (60, 60), (30, 30)), 30, blur=12)
    draw(image, ellipse((200, 240), (170, 130), (30, 20)), 30)

    labels = segment_adaptive(mount_of(image))

    assert labels.max() == 1
    assert labels[130, 170] == 1


def test_dim_rim_belongs_to_its_grain() -> None:
    image = resin()
    rim, core = ellipse((200, 240), (120, 100), (50, 36)), ellipse((200, 240), (120, 100), (40, 26))
    draw(image, rim, 50)
    draw(image, core, 150)

    labels = segment_adaptive(mount_of(image))

    assert ((labels == labels[100, 120]) & (rim == 1)).sum() > 0.9 * rim.sum()


def test_steps_and_seams_between_tiles_are_no_grains() -> None:
    image = resin((400, 400), 4)
    image[:, 200:] += 8
    image[200:, :] += 5
    image[:, 200] += 12
    image[:60] = 0

    assert segment_adaptive(mount_of(image)).max() == 0


def test_small_objects_stay_in_the_labels_and_are_named() -> None:
    image = resin()
    draw(image, ellipse((200, 240), (60, 60), (4, 3)), 150, blur=0.6)
    draw(image, ellipse((200, 240), (160, 120), (30, 20)), 120)
    mount = mount_of(image)

    table = measure(segment_adaptive(mount), mount)

    assert too_small(table, AdaptiveParameters()) == {1: "shorter than 25 µm"}
    assert too_small(table, AdaptiveParameters(smallest_grain_um=5)) == {}


def test_half_the_pixel_size_gives_the_same_grains() -> None:
    drawn = synthetic_mount(seed=6, shape=(400, 400), pixel_size_um=2.0).mount
    fine = Mount(cv2.resize(drawn.image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), 1.0, "fine")
    coarse_labels = without_small(segment_adaptive(drawn), drawn)
    fine_labels = without_small(segment_adaptive(fine), fine)

    score = score_labels(fine_labels[::2, ::2], coarse_labels)
    assert score.f1(0.75) > 0.9


def test_labels_follow_the_first_pixels() -> None:
    labels = segment_adaptive(synthetic_mount(seed=2, shape=(400, 400)).mount)
    firsts = [int(np.flatnonzero(labels == label)[0]) for label in range(1, labels.max() + 1)]

    assert len(firsts) > 3
    assert firsts == sorted(firsts)


def test_empty_and_full_mosaics_hold_no_grain() -> None:
    assert segment_adaptive(Mount(np.zeros((50, 70), np.uint8), 2.0, "dark")).max() == 0
    assert segment_adaptive(Mount(np.full((50, 70), 255, np.uint8), 2.0, "bright")).max() == 0
    with pytest.raises(ZirconError, match="has 1 x 1 px"):
        segment_adaptive(Mount(np.full((1, 1), 9, np.uint8), 2.0, "dot"))


def test_noise_alone_holds_no_grain() -> None:
    noise = np.random.default_rng(3).normal(20, 4, (500, 500))

    assert segment_adaptive(mount_of(noise)).max() == 0


def test_cancelling_stops() -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        segment_adaptive(synthetic_mount(seed=1, shape=(400, 400)).mount, progress=stop, tile_px=100)


def test_parameters_out_of_range_are_answered() -> None:
    with pytest.raises(ZirconError, match="The setting edge_share cannot be 2"):
        parameters_for("adaptive", {"edge_share": 2})


def test_random_synthetic_mounts() -> None:
    """A few of those that `benchmarks/bench_adaptive.py` draws, since each has some twenty grains only."""
    f1 = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        settings = MountSettings(
            background=rng.uniform(2, 12),
            noise=rng.uniform(0.5, 4),
            tile_step=rng.uniform(0, 0.1),
            halo=rng.uniform(0, 0.25),
            streaks_per_tile=rng.uniform(0, 2),
        )
        drawn = synthetic_mount(seed, (700, 700), settings=settings)
        labels = without_small(segment_adaptive(drawn.mount), drawn.mount)
        f1.append(score_labels(labels, without_small(drawn.labels, drawn.mount)).f1(0.75))
    assert np.mean(f1) > 0.93
    assert min(f1) > 0.8


@pytest.fixture(params=["QVC061", "QVC082"])
def checked(request: pytest.FixtureRequest, quellaveco_data: Path) -> Checked:
    """Return a real mosaic with its hand-checked masks, what is not judged and the touching grains."""
    truth = quellaveco_data / "truth"
    facts_file = truth / f"{request.param}.json"
    if not facts_file.exists():
        pytest.skip(f"{truth} holds no masks of {request.param}")
    labels: Any = cv2.imread(str(truth / f"{request.param}_labels.png"), cv2.IMREAD_UNCHANGED)
    ignored: Any = cv2.imread(str(truth / f"{request.param}_ignore.png"), cv2.IMREAD_UNCHANGED)
    grains = json.loads(facts_file.read_text())["grains"]
    touching = {grain["id"] for grain in grains if grain["touching"] and not grain["uncertain"]}
    uncertain = [grain["id"] for grain in grains if grain["uncertain"]]
    mount = read_mount(quellaveco_data / "quellaveco" / f"{request.param}.png", pixel_size_um=2.0)
    return mount, np.asarray(labels, np.int32), np.isin(labels, uncertain) | (ignored > 0), touching


@pytest.mark.quellaveco
def test_real_grains_are_found(checked: Checked) -> None:
    mount, truth, ignored, touching = checked
    labels = without_small(segment_adaptive(mount), mount)
    judged = np.where(ignored, 0, truth)

    score = score_labels(labels, judged, ignore=ignored)
    assert score.f1(0.5) >= 0.985
    assert score.f1(0.75) >= 0.96
    assert score.f1(0.9) >= 0.80
    found = 0
    for grain in touching:
        inside = labels[judged == grain]
        best = np.bincount(inside[inside > 0]).argmax()
        found += (inside == best).sum() > 0.5 * ((judged == grain) | (labels == best)).sum()
    assert found >= 0.95 * len(touching)


@pytest.mark.quellaveco
@pytest.mark.parametrize("angle", [30, 90])
def test_turned_mosaics_give_the_same_grains(quellaveco_data: Path, angle: int) -> None:
    mount = read_mount(quellaveco_data / "quellaveco" / "QVC061.png", pixel_size_um=2.0)
    labels = without_small(segment_adaptive(mount), mount)
    height, width = labels.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    side = height + width
    turn[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    image = cv2.warpAffine(mount.image, turn, (side, side), flags=cv2.INTER_LINEAR, borderValue=4)
    expected = cv2.warpAffine(labels.astype(np.int16), turn, (side, side), flags=cv2.INTER_NEAREST)
    turned = Mount(image, 2.0, "turned")

    score = score_labels(without_small(segment_adaptive(turned), turned), expected.astype(np.int32))
    assert next(at.recall for at in score.at_iou if at.iou == 0.75) >= 0.97


@pytest.mark.quellaveco
def test_a_real_region_is_as_in_the_whole(quellaveco_data: Path) -> None:
    mount = read_mount(quellaveco_data / "quellaveco" / "QVC061.png", pixel_size_um=2.0)
    whole = segment_adaptive(mount)
    region = (slice(400, 900), slice(300, 900))

    part = segment_region(mount, region)
    pairs = np.unique(np.stack([whole[region].ravel(), part.ravel()]), axis=1)
    assert pairs.shape[1] == part.max() + 1 == len(np.unique(whole[region]))
