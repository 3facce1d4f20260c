"""Networks trained in another process, since the windows' own must not load Keras."""

import subprocess
import sys
from pathlib import Path

from district import District

_CODE = """
import sys
from pathlib import Path
from napari_zircon_cnn.jobs.train import train_model
project, classes, folder = map(Path, sys.argv[1:])
for network in ("lenet5", "mlp"):
    training = {"network": network, "epochs": 2, "seed": 0}
    train_model(project, classes, folder / f"{network}.keras", training=training)
"""


def train_networks(district: District, folder: Path) -> Path:
    """Train LeNet-5 and the MLP for a moment, and return the folder with lenet5.keras and mlp.keras."""
    names = [str(path) for path in (district.project, district.classes, folder)]
    subprocess.run([sys.executable, "-c", _CODE, *names], check=True)
    return folder
