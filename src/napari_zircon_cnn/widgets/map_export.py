"""The maps of a grain as a file, written beside the window."""

from pathlib import Path

import numpy as np

from napari_zircon_cnn.jobs.feature_maps import GrainMaps
from napari_zircon_cnn.progress import Progress


def write_maps(found: GrainMaps, path: Path, progress: Progress) -> None:
    """Write the maps of a grain as a picture or as arrays.

    Parameters
    ----------
    found
        The maps.
    path
        A picture as figure 11 of the paper (.png, .svg), or the arrays with where they lie (.npz).
    progress
        Told what is done; may raise `Cancelled`.

    Raises
    ------
    ZirconError
        Where the file cannot be written.
    """
    progress(0.0, f"writing {path.name}")
    # At the top it would load matplotlib before a panel can be seen.
    from napari_zircon_cnn.figures import save_figure  # noqa: PLC0415
    from napari_zircon_cnn.files import atomic_path  # noqa: PLC0415
    from napari_zircon_cnn.map_figures import feature_map_figure  # noqa: PLC0415

    if path.suffix.lower() == ".npz":
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **found.arrays())  # type: ignore[arg-type]
        return
    name = f"{found.sample}:{found.label}"
    shown = {layer.name: layer.maps for layer in found.layers}
    words = f"The crop of {name} and its maps in {', '.join(shown)}"
    save_figure(feature_map_figure(found.crop, shown, name, found.note), path, words)
