"""All ratios in one run: `python benchmarks/run.py`. Lower is better, but for the inference."""

import os

import bench_networks
import bench_parity
import bench_segmentation


def main() -> None:
    """Print each figure as soon as it is there."""
    speed = bench_segmentation.segmentation_ratio()
    print(
        f"segmentation of {bench_segmentation.SPEED_SHAPE[0]} x {bench_segmentation.SPEED_SHAPE[1]} px: "
        f"{speed['ours_s'] * 1e3:.0f} ms against {speed['opencv_s'] * 1e3:.0f} ms of the bare OpenCV calls, "
        f"{speed['ratio']:.2f} of their time",
        flush=True,
    )
    memory = bench_segmentation.segmentation_memory()
    print(
        f"memory for {bench_segmentation.MEMORY_SHAPE[0]:,} x {bench_segmentation.MEMORY_SHAPE[1]:,} px: "
        f"{memory['bytes_per_pixel_beyond_the_image']:.1f} bytes a pixel beyond the image "
        f"(peak {memory['peak_gib']:.2f} GiB)",
        flush=True,
    )
    bench_networks.main()
    if "ZIRCON_CNN_DATA" in os.environ:
        bench_parity.main()


if __name__ == "__main__":
    main()
