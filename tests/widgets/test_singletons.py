"""None, True and False outlive a binding of Qt that gives their references away."""

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from Python 3.12 on these objects live for ever")
def test_singletons_cannot_be_used_up() -> None:
    code = """
import sys
from napari_zircon_cnn.widgets.singletons import add_reserve
for _ in range(2):
    add_reserve()
    print(*(sys.getrefcount(value) // 2**40 for value in (None, True, False)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"] * 6


def test_many_calls_of_qt_leave_python_alive() -> None:
    code = """
import napari
from qtpy.QtWidgets import QLabel
viewer = napari.Viewer(show=False)
viewer.window.add_plugin_dock_widget("napari-zircon-cnn", "Zircon CNN")
label = QLabel()
for _ in range(300_000):
    label.setText("")
print("alive", flush=True)
viewer.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "alive" in done.stdout, done.stderr
