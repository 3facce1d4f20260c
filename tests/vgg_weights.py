"""A file of weights of VGG-16 without its top, laid out as the one that Keras downloads."""

from pathlib import Path

import h5py
import numpy as np

_CONVOLUTIONS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def write_vgg_weights(path: Path, seed: int = 0) -> Path:
    """Write random weights that keep the range of what goes through; returns the path."""
    rng = np.random.default_rng(seed)
    maps = 3
    with h5py.File(path, "w") as file:
        names = []
        for block, widths in enumerate(_CONVOLUTIONS, start=1):
            for number, width in enumerate(widths, start=1):
                name = f"block{block}_conv{number}"
                group = file.create_group(name)
                kernel = rng.standard_normal((3, 3, maps, width), np.float32) * np.sqrt(2 / (9 * maps))
                group.create_dataset(f"{name}/kernel:0", data=kernel.astype(np.float32))
                group.create_dataset(f"{name}/bias:0", data=np.zeros(width, np.float32))
                group.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
                names.append(name.encode())
                maps = width
        file.attrs["layer_names"] = names
    return path
