"""Napari is killed at work, and nothing that it has told of is lost."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_napari.py"


def test_killed_work_comes_back() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--kills", "3", "--seed", "100"], capture_output=True, text=True, check=False
    )
    assert "3 of 3 kills lost at most the last action" in done.stdout, done.stdout + done.stderr
