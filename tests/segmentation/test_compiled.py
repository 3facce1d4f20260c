import os
import subprocess
import sys
from pathlib import Path

CODE = """
from napari_zircon_cnn.segmentation.compiled import compiled


@compiled
def next_to(number: int) -> int:
    return number + 1


print(next_to(2))
"""


def test_loops_are_compiled_where_nothing_can_be_kept(tmp_path: Path) -> None:
    script = tmp_path / "loops.py"
    script.write_text(CODE)
    # This one finds no folder for a script.
    nowhere = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": "IPythonCacheLocator"}

    for environment in (dict(os.environ), nowhere):
        command = [sys.executable, str(script)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.returncode) == ("3", 0)
    assert list(tmp_path.glob("__pycache__/*.nbi"))
