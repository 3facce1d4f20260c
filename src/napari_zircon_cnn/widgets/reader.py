"""Mosaics dropped on napari's window, or opened by its menu, as layers in µm."""

from collections.abc import Callable, Sequence

from napari.types import LayerData

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import Mount, pixel_size_in, read_mount
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.widgets.layers import mount_layer
from napari_zircon_cnn.widgets.preferences import preferences

Reader = Callable[[str | Sequence[str]], list[LayerData]]


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader for a grey mosaic, or None for any other file, so that others may read it.

    Parameters
    ----------
    path
        A file. A list of files, which napari gives for a stack, is no mosaic.

    Returns
    -------
    callable or None
        Returns the mosaic, which has been read by then: that it is grey can only be seen in its pixels.
    """
    if not isinstance(path, str):
        return None
    try:
        mount, is_assumed = read_with_default(path)
    except ZirconError:
        return None
    return lambda _: [mount_layer(mount, is_assumed=is_assumed)]


def read_with_default(path: str, progress: Progress = silent) -> tuple[Mount, bool]:
    """Read a mosaic; where it does not say its pixel size, with the one that the user prefers.

    Parameters
    ----------
    path
        The mosaic.
    progress
        As of `read_mount`.

    Returns
    -------
    tuple
        The mount, and whether its pixel size is assumed.

    Raises
    ------
    ZirconError
        As `read_mount` does.
    """
    said = pixel_size_in(path)
    # Without a preference, the paper's: `read_mount` knows it.
    wanted = said or preferences().default_pixel_size_um or None
    return read_mount(path, pixel_size_um=wanted, progress=progress), said is None
