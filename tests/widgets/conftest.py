"""What the tests of the windows share."""

from pathlib import Path

import napari.settings
import pytest
from npe2 import PluginManager, PluginManifest
from qtpy.QtWidgets import QMessageBox

import napari_zircon_cnn


@pytest.fixture(autouse=True, scope="session")
def plugin() -> None:
    """Make the plugin known to napari, also where only its source tree is at hand."""
    manager = PluginManager.instance()
    manager.discover()
    if "napari-zircon-cnn" not in manager:
        manifest = Path(napari_zircon_cnn.__file__).parent / "napari.yaml"
        manager.register(PluginManifest.from_file(manifest))


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what the user's own folders would get: notes of open projects, projects, preferences."""
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setattr("platformdirs.user_state_path", lambda name: folder / "state" / name)
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: folder / "data" / name)
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(folder / "settings.yaml"))
    napari.settings.get_plugin_settings().clear()
    return folder


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close windows at once, since a question that no test expects would wait for its answer for ever."""
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Close)
