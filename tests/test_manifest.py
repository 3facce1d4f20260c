"""What napari reads of the plugin: every entry must lead to code that is there."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManifest
from npe2.cli import app
from npe2.manifest.utils import import_python_name
from typer.testing import CliRunner

import napari_zircon_cnn

MANIFEST = Path(napari_zircon_cnn.__file__).parent / "napari.yaml"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    read: PluginManifest = PluginManifest.from_file(MANIFEST)
    return read


def test_npe2_accepts_the_manifest() -> None:
    result = CliRunner().invoke(app, ["validate", str(MANIFEST)])
    assert result.exit_code == 0, result.output


def test_every_command_leads_to_code(manifest: PluginManifest) -> None:
    for command in manifest.contributions.commands or []:
        assert command.python_name, command.id
        assert callable(import_python_name(command.python_name)), command.id


def test_every_entry_names_a_command_that_exists_and_no_command_is_idle(manifest: PluginManifest) -> None:
    known = {command.id for command in manifest.contributions.commands or []}
    assert set(named_commands(manifest.contributions.model_dump())) == known


def test_the_installed_package_announces_the_manifest(manifest: PluginManifest) -> None:
    try:
        installed = distribution("napari-zircon-cnn")
    except PackageNotFoundError:
        pytest.skip("the package runs from its source tree")
    (entry,) = installed.entry_points.select(group="napari.manifest")
    assert (entry.name, entry.value) == (manifest.name, "napari_zircon_cnn:napari.yaml")


def named_commands(contribution: Any) -> Iterator[str]:
    """Yield the command of every sample, widget, menu and so on."""
    if isinstance(contribution, dict):
        if contribution.get("command"):
            yield contribution["command"]
        contribution = list(contribution.values())
    if isinstance(contribution, list):
        for part in contribution:
            yield from named_commands(part)
