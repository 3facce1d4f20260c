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


_BLINDING = """
import sys
from pathlib import Path
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.networks.bundle import load, save
project, classes, path = map(Path, sys.argv[1:])
train_model(project, classes, path, training={"network": "lenet5", "epochs": 1, "seed": 0})
bundle = load(path)
bundle.model.set_weights([0 * weights for weights in bundle.model.get_weights()])
save(bundle, path)
"""


def write_blind_network(district: District, path: Path) -> None:
    """Write a network to which all grains are alike, since its weights are zero."""
    names = [str(each) for each in (district.project, district.classes, path)]
    subprocess.run([sys.executable, "-c", _BLINDING, *names], check=True)
