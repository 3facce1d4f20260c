"""Open the panels Inspect and Embed on the paper's mosaics and save their pictures.

    SCREEN_SIZE=1280x800 python tests/with_display.py python docs/make_panel_pictures.py

The mosaics are fetched, or taken from the folder that ZIRCON_CNN_DATA names; nothing is kept but
docs/images/explaining/inspect-panel.png and embed-panel.png.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from make_tutorial_pictures import N_COLOURS, SETTLE_S, Tour
from PIL import Image

HERE = Path(__file__).parent
PICTURES = HERE / "images" / "explaining"
SAMPLES = ("QVC058", "QVC024", "QVC028")
"""Those that are opened; the last is shown."""
METHOD = "Integrated gradients"

# A window must not load Keras.
_PREPARE = """
import sys
from pathlib import Path
from make_explaining_pictures import prepare
prepare(Path(sys.argv[1]))
"""


def main() -> None:
    """Train, and look into the grain that the network is surest of and at those around it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", _PREPARE, folder], check=True, cwd=HERE)
        tour = Tour(Path(folder))
        session = tour.bench.session
        session.open_project(Path(folder) / "district")
        tour.finish()
        for name in SAMPLES:
            session.open_sample(name)
            tour.finish()
        session.modelling.load_model(Path(folder) / "lenet.keras")
        label = int(np.nanargmax(session.active.table["probability"].to_numpy()))
        inspect(tour, label)
        embed(tour, label)
        session.close()
        tour.bench.close()
        tour.viewer.close()


def inspect(tour: Tour, label: int) -> None:
    """See what moved the answer on a grain."""
    panel, session = tour.bench.inspect, tour.bench.session
    tour.bench.show_panel(panel)
    panel.saliency.method.setCurrentText(METHOD)
    panel.choices.over.setCurrentIndex(panel.choices.over.findData("why"))
    session.active.select([label])
    session.zoom_to(label)
    tour.wait(lambda: panel.why is not None)
    panel.saliency.test_button.click()
    tour.finish()
    save(tour, "inspect-panel.png")


def embed(tour: Tour, label: int) -> None:
    """See the plot beside the mount, and the neighbours of a grain, which are selected with it."""
    panel, session = tour.bench.embed, tour.bench.session
    tour.bench.show_panel(panel)
    tour.wait(lambda: len(panel.points) > 0)
    colours = panel.choices.colour
    colours.setCurrentIndex(colours.findData("probability"))
    colours.activated.emit(colours.currentIndex())
    panel.layers_button.click()
    tour.finish()
    session.active.select([label])
    panel.neighbours_button.click()
    tour.finish()
    save(tour, "embed-panel.png")


def save(tour: Tour, name: str) -> None:
    """Save what the window shows."""
    end = time.monotonic() + SETTLE_S
    tour.wait(lambda: time.monotonic() > end)
    shot = Image.fromarray(tour.viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    shot.quantize(N_COLOURS, Image.Quantize.FASTOCTREE).save(PICTURES / name, optimize=True)


if __name__ == "__main__":
    main()
