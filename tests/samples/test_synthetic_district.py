import numpy as np
import pytest

from napari_zircon_cnn.samples.synthetic import SyntheticMount
from napari_zircon_cnn.samples.synthetic_district import classes_of, synthetic_district


def brightness_of(drawn: SyntheticMount) -> float:
    return float(np.median(drawn.mount.image[drawn.labels > 0]))


@pytest.mark.parametrize("confounded", [True, False])
def test_brightness_tells_the_rocks_apart_only_where_it_is_to(confounded: bool) -> None:
    mounts = synthetic_district(seed=3, n_grains=15, confounded=confounded)
    classes = classes_of(mounts)
    assert list(classes) == ["BAT-1", "POR-1", "BAT-2", "POR-2", "BAT-3", "POR-3", "BAT-4", "POR-4"]
    assert [each.classes[1] for each in mounts] == list(classes.values())
    assert all(len(set(each.classes[1:])) == 1 for each in mounts)
    assert sum(each.n_grains for each in mounts) == pytest.approx(8 * 15, rel=0.1)
    porphyry, batholith = ([brightness_of(each) for each in mounts[start::2]] for start in (1, 0))
    assert (min(porphyry) > max(batholith)) == confounded


def test_the_seed_decides() -> None:
    first, again, other = (synthetic_district(seed, 5, confounded=True, n_samples=2) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[1].mount.image, again[1].mount.image)
    assert (first[1].mount.image != other[1].mount.image).any()
