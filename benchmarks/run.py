"""All ratios in one run: `python benchmarks/run.py`. Lower is better, but for the inference."""

import networks
import segmentation


def main() -> None:
    """Print each figure as soon as it is there."""
    speed = segmentation.segmentation_ratio()
    print(
        f"segmentation of {segmentation.SPEED_SHAPE[0]} x {segmentation.SPEED_SHAPE[1]} px: "
        f"{speed['ours_s'] * 1e3:.0f} ms against {speed['opencv_s'] * 1e3:.0f} ms of the bare OpenCV calls, "
        f"{speed['ratio']:.2f} of their time",
        flush=True,
    )
    memory = segmentation.segmentation_memory()
    print(
        f"segmentation of {segmentation.MEMORY_SHAPE[0]:,} x {segmentation.MEMORY_SHAPE[1]:,} px: "
        f"{memory['bytes_per_pixel_beyond_the_image']:.1f} bytes a pixel beyond the image "
        f"(peak {memory['peak_gib']:.2f} GiB)",
        flush=True,
    )
    networks.main()


if __name__ == "__main__":
    main()
