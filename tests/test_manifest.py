"""What napari reads of the plugin: every entry must lead to code that is there."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from napari._app_model.constants import MenuId
from npe2 import PluginManifest
from npe2.cli import app
from npe2.manifest.utils import import_python_name
from typer.testing import CliRunner

import napari_zircon_cnn
from napari_zircon_cnn.widgets.panel import Panel
from napari_zircon_cnn.widgets.preferences import Preferences
from napari_zircon_cnn.widgets.workbench import Workbench

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


def test_every_panel_has_a_command_a_widget_and_a_menu_entry(manifest: PluginManifest) -> None:
    contributions = manifest.contributions
    folder = MANIFEST.parent / "widgets"
    for path in folder.glob("*.py"):
        import_module(f"napari_zircon_cnn.widgets.{path.stem}")
    widgets = {widget.command: widget.display_name for widget in contributions.widgets or []}
    entries = set(named_commands(contributions.model_dump()["menus"]))
    by_code = {str(command.python_name): command.id for command in contributions.commands or []}
    titles = [panel.title for panel in Panel.__subclasses__()]
    assert len(titles) >= 5
    for panel in [*Panel.__subclasses__(), Workbench]:
        command = by_code[f"{panel.__module__}:{panel.__qualname__}"]
        assert command in entries, panel
        assert widgets[command] == getattr(panel, "title", "Zircon CNN")


def test_every_menu_is_one_that_plugins_may_add_to(manifest: PluginManifest) -> None:
    open_to_plugins = {str(menu) for menu in MenuId.contributables()}
    assert set(manifest.contributions.menus) <= open_to_plugins


def test_preferences_are_those_that_the_code_reads(manifest: PluginManifest) -> None:
    given = {
        name: field.default
        for page in manifest.contributions.configurations.values()
        for name, field in page.properties.items()
    }
    assert Preferences(**given | {"cache_folder": given["cache_folder"] or None}) == Preferences()


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
