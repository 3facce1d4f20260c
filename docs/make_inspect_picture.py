"""Open the inspect panel on a drawn mount and save its picture.

    SCREEN_SIZE=1280x800 python tests/with_display.py python docs/make_inspect_picture.py

The mosaics are those of the tutorial; nothing is kept but docs/images/explaining/inspect-panel.png.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from make_tutorial_pictures import EPOCHS, N_COLOURS, SAMPLES, SETTLE_S, Tour
from PIL import Image

PICTURE = Path(__file__).parent / "images" / "explaining" / "inspect-panel.png"
METHOD = "Integrated gradients"


def main() -> None:
    """Find grains, train, and look into the one that the network is surest of."""
    with tempfile.TemporaryDirectory() as folder:
        tour = Tour(Path(folder))
        bench, session = tour.bench, tour.bench.session
        session.open_project(Path(folder) / "my district")
        tour.finish()
        for path in tour.mosaics():
            session.open_mosaics([path])
            tour.finish()
            bench.segment.run_button.click()
            tour.finish()
        table = bench.train.table
        for row, name in enumerate(SAMPLES):
            table.cellWidget(row, 2).setCurrentText("batholith" if name.startswith("BAT") else "porphyry")
        bench.train.epochs.setValue(EPOCHS)
        bench.train.train_button.click()
        tour.finish()
        bench.classify.classify()
        tour.finish()
        panel = bench.inspect
        bench.show_panel(panel)
        panel.saliency.method.setCurrentText(METHOD)
        panel.over.setCurrentIndex(panel.over.findData("why"))
        label = int(np.nanargmax(session.active.table["probability"].to_numpy()))
        session.active.select([label])
        session.zoom_to(label)
        tour.wait(lambda: panel.why is not None)
        panel.saliency.test_button.click()
        tour.finish()
        end = time.monotonic() + SETTLE_S
        tour.wait(lambda: time.monotonic() > end)
        shot = Image.fromarray(tour.viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
        shot.quantize(N_COLOURS, Image.Quantize.FASTOCTREE).save(PICTURE, optimize=True)
        session.close()
        bench.close()
        tour.viewer.close()


if __name__ == "__main__":
    main()
