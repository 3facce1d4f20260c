"""A network that doubts, made in another process, since the windows' own must not load Keras."""

import subprocess
import sys
from pathlib import Path

from district import District

_CODE = """
import sys
from pathlib import Path
import numpy as np
from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.doubt import familiar_with, unlikeness
from napari_zircon_cnn.jobs.loading import known_grains
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.networks import bundle
from napari_zircon_cnn.project import Project
project, classes, file = map(Path, sys.argv[1:])
train_model(project, classes, file, training={"epochs": 2}, validation="leave-one-sample-out")
trained = bundle.load(file)
grains = known_grains(Project.read(project), classes, CropSettings(), lambda *_: None)
known = familiar_with(trained.model, grains.crops, grains.y, grains.crops)
far = np.quantile(unlikeness(trained.model, grains.crops, known), 0.8)
known = known.model_copy(update={"limit": known.limit * far})
bundle.save(bundle.ModelBundle(trained.model, trained.card.model_copy(update={"familiar": known})), file)
"""


def train_doubting(district: District, file: Path) -> Path:
    """Train LeNet-5 for a moment so that it takes a fifth of the district's grains for unlike the others."""
    names = [str(path) for path in (district.project, district.classes, file)]
    subprocess.run([sys.executable, "-c", _CODE, *names], check=True)
    return file
