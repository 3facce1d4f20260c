"""What the tests of the windows share."""

from pathlib import Path

import pytest
from npe2 import PluginManager, PluginManifest

import napari_zircon_cnn


@pytest.fixture(autouse=True, scope="session")
def plugin() -> None:
    """Make the plugin known to napari, also where only its source tree is at hand."""
    manager = PluginManager.instance()
    manager.discover()
    if "napari-zircon-cnn" not in manager:
        manifest = Path(napari_zircon_cnn.__file__).parent / "napari.yaml"
        manager.register(PluginManifest.from_file(manifest))
