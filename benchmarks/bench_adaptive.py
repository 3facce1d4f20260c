"""The adaptive method: its speed beside bare OpenCV calls, and how it does on random synthetic mounts."""

import sys
import time
from statistics import mean, median

import numpy as np
from bench_segmentation import bare_calls

from napari_zircon_cnn.grains import measure
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.samples.synthetic import MountSettings, synthetic_mount
from napari_zircon_cnn.segmentation.adaptive import segment_adaptive, segment_region
from napari_zircon_cnn.segmentation.score import score_labels

SHAPE = (1915, 2801)
"""That of the paper's mosaic QVC028."""

ROUNDS = 9
N_MOUNTS = 200
MOUNT_SHAPE = (800, 800)


def adaptive_ratio(mount: Mount | None = None) -> dict[str, float]:
    """Time the whole mount and a region of 1000 x 1000 px; the ratio is that of the medians."""
    mount = mount or synthetic_mount(seed=1, shape=SHAPE).mount
    middle = tuple(slice(length // 2 - 500, length // 2 + 500) for length in mount.image.shape)
    whole, region, bare = [], [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        segment_adaptive(mount)
        whole.append(time.perf_counter() - start)
        start = time.perf_counter()
        segment_region(mount, (middle[0], middle[1]))
        region.append(time.perf_counter() - start)
        start = time.perf_counter()
        bare_calls(mount.as_uint8())
        bare.append(time.perf_counter() - start)
    return {
        "ours_s": median(whole),
        "region_s": median(region),
        "opencv_s": median(bare),
        "ratio": median(whole) / median(bare),
    }


def random_settings(rng: np.random.Generator) -> MountSettings:
    """Return settings around those of the real mosaics, from easy to hard."""
    return MountSettings(
        background=rng.uniform(2, 12),
        noise=rng.uniform(0.5, 4),
        tile_px=rng.uniform(200, 600),
        tile_step=rng.uniform(0, 0.1),
        fading=rng.uniform(0, 0.4),
        streaks_per_tile=rng.uniform(0, 2),
        halo=rng.uniform(0, 0.25),
        porphyry_brightness=rng.uniform(70, 160),
        batholith_brightness=rng.uniform(70, 160),
        porphyry_contrast=rng.uniform(0.5, 1.5),
        batholith_contrast=rng.uniform(0.5, 1.5),
        brightness_spread=rng.uniform(0, 0.3),
        dim_share=rng.uniform(0, 0.15),
        broken_share=rng.uniform(0, 0.5),
        inclusion_rate=rng.uniform(0, 3),
        crack_rate=rng.uniform(0, 0.6),
    )


def robustness(n_mounts: int = N_MOUNTS) -> dict[str, float]:
    """Score the method on random synthetic mounts, objects below its size gate left out on both sides."""
    f1 = []
    for seed in range(n_mounts):
        rng = np.random.default_rng(seed)
        drawn = synthetic_mount(
            seed, MOUNT_SHAPE, touching_share=rng.uniform(0, 0.5), settings=random_settings(rng)
        )
        found = _without_small(segment_adaptive(drawn.mount), drawn.mount)
        f1.append(score_labels(found, _without_small(drawn.labels, drawn.mount)).f1(0.75))
    return {"mean_f1": mean(f1), "lowest_f1": min(f1), "mounts": n_mounts}


def _without_small(labels: np.ndarray, mount: Mount) -> np.ndarray:
    length = measure(labels, mount)["box_length_um"].to_numpy()
    return np.where(np.nan_to_num(length)[labels] >= 25, labels, 0)


def main() -> None:
    """Print the figures."""
    speed = adaptive_ratio()
    print(
        f"adaptive segmentation of {SHAPE[1]} x {SHAPE[0]} px: {speed['ours_s'] * 1e3:.0f} ms, "
        f"{speed['ratio']:.1f} times the bare OpenCV calls; a region of 1000 x 1000 px: "
        f"{speed['region_s'] * 1e3:.0f} ms",
        flush=True,
    )
    found = robustness(int(sys.argv[1]) if len(sys.argv) > 1 else N_MOUNTS)
    print(
        f"F1 at IoU 0.75 on {found['mounts']} random synthetic mounts: mean {found['mean_f1']:.3f}, "
        f"lowest {found['lowest_f1']:.2f}"
    )


if __name__ == "__main__":
    main()
