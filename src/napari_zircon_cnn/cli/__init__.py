"""The command `zircon-cnn`: each command runs one job of the room `jobs`."""

from napari_zircon_cnn.cli import (
    demo_command,
    explain_commands,
    grain_commands,
    honesty_commands,
    network_commands,
    paper_commands,
    report_command,
)
from napari_zircon_cnn.cli.app import app
from napari_zircon_cnn.cli.program import main

__all__ = [
    "app",
    "demo_command",
    "explain_commands",
    "grain_commands",
    "honesty_commands",
    "main",
    "network_commands",
    "paper_commands",
    "report_command",
]
