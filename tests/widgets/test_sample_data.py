"""File > Open Sample, in a real viewer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_zircon_cnn.errors import ZirconError

PLUGIN = "napari-zircon-cnn"


def test_synthetic_mount_opens_with_its_true_grains(make_napari_viewer_proxy: Callable[..., Any]) -> None:
    viewer = make_napari_viewer_proxy()
    image, labels = viewer.open_sample(PLUGIN, "synthetic")

    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    assert len(viewer.layers) == 2
    assert image.data.shape == labels.data.shape
    for layer in (image, labels):
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        np.testing.assert_array_equal(layer.scale, image.scale)
    # Row i of the table is label i, and every label that is drawn has a class.
    assert len(labels.features) == labels.data.max() + 1
    assert set(labels.features["class"].iloc[1:]) == {"batholith", "porphyry"}


@pytest.mark.quellaveco
def test_mosaic_opens_in_um(
    make_napari_viewer_proxy: Callable[..., Any], quellaveco_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(quellaveco_data))
    viewer = make_napari_viewer_proxy()
    (image,) = viewer.open_sample(PLUGIN, "QVC082")

    assert image.name == "QVC082"
    assert image.data.dtype == np.uint8
    np.testing.assert_array_equal(image.scale, (2, 2))


def test_damaged_local_mosaic_is_refused(
    make_napari_viewer_proxy: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "QVC082.png").write_bytes(b"half a mosaic")
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(tmp_path))
    viewer = make_napari_viewer_proxy()
    with pytest.raises(ZirconError, match="not the published mosaic of QVC082"):
        viewer.open_sample(PLUGIN, "QVC082")
    assert len(viewer.layers) == 0
