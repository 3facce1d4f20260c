"""The entries of napari's menu File > Open Sample, as layers in µm.

napari waits for what a menu entry returns, so that its window stands still while a mosaic is downloaded;
the Mount panel offers the same samples with progress and a way to stop.
"""

from functools import partial

from napari.types import LayerData
from napari.utils import progress as progress_bar

from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.layers import grid, mount_layer
from napari_zircon_cnn.widgets.preferences import preferences


def synthetic() -> list[LayerData]:
    """Return a drawn mount and its true grains, the same at every call.

    Returns
    -------
    list of LayerData
        The mount as an image layer, and a labels layer whose features table gives the true
        class; row i of the table is label i.
    """
    drawn = synthetic_mount()
    truth = grid(drawn.mount) | {
        "name": f"{drawn.mount.sample} true grains",
        "opacity": 0.3,  # what is inside the grains must stay visible
        "features": {"class": list(drawn.classes)},
    }
    return [mount_layer(drawn.mount), (drawn.labels, truth, "labels")]


def mosaic(sample: str) -> list[LayerData]:
    """Return a mosaic of the paper, downloading it where there is no copy yet.

    Parameters
    ----------
    sample
        Name of the Quellaveco sample.

    Returns
    -------
    list of LayerData
        The mosaic as an image layer.

    Raises
    ------
    ZirconError
        Where the mosaic can be neither found nor downloaded.
    """
    with progress_bar(total=100) as bar:

        def show(fraction: float, message: str) -> None:
            bar.set_description(message)
            bar.update(round(100 * fraction) - bar.n)

        return [mount_layer(quellaveco.load(sample, folder=preferences().cache_folder, progress=show))]


# A manifest names functions without arguments.
qvc024 = partial(mosaic, "QVC024")
qvc055 = partial(mosaic, "QVC055")
qvc075 = partial(mosaic, "QVC075")
qvc082 = partial(mosaic, "QVC082")
