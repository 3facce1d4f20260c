"""Whether our LeNet-5 comes to the figures of a plain Keras rendition of the paper.

Run it with ``ZIRCON_CNN_DATA=FOLDER python benchmarks/bench_parity.py [SEEDS] [EPOCHS]``; the folder holds
mosaics of the paper as `quellaveco/QVC028.png` and so on. Both train on the same crops, those of the
paper's segmentation, with the notebook's settings: contrast, rotation and zoom, grey values from -1 to 1,
dropout, Adam at 0.001, batches of 32. Each seed is another random 80:20 split, the same for both.

It prints the validation's ROC-AUC and loss after the last epoch of each seed, their means and spreads,
and whether the means differ by no more than the plain rendition's spread over the seeds. Unless told
otherwise it runs 6 seeds of 80 epochs, not the paper's 200: some minutes on two cores.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.grains import SegmentedMount, measure, usable
from napari_zircon_cnn.mount import read_mount
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.segmentation.methods import segment
from napari_zircon_cnn.training import train

SEEDS, EPOCHS = 6, 80
CLASSES = ("batholith", "porphyry")

Part = tuple[NDArray[np.float32], NDArray[np.int64]]


def paper_crops(folder: Path) -> Part:
    """Return the crops of the paper's mosaics that are there, and 1 for those of the porphyry."""
    classes, crops, found = quellaveco.classes(), [], []
    for path in sorted(folder.glob("QVC*.png")):
        mount = read_mount(path)
        labels = segment(mount, "nathwani2023")
        segmented = SegmentedMount(mount, labels, measure(labels, mount))
        crops.append(cut_crops(segmented, usable(segmented.table)))
        found.append(np.full(len(crops[-1]), CLASSES.index(classes[path.stem])))
        print(f"{path.stem}: {len(crops[-1])} grains, {classes[path.stem]}")
    return np.concatenate(crops), np.concatenate(found)


def plain_lenet() -> keras.Model:
    """Return the network of the paper's table with the notebook's augmentation and scaling before it."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.RandomContrast((0.2, 0.2), value_range=(0, 1)),
            layers.RandomRotation(0.2, fill_mode="constant"),
            layers.RandomZoom((-0.4, 0.4), fill_mode="constant"),
            layers.Rescaling(2.0, -1.0),
            layers.Conv2D(6, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def plainly(learnt: Part, held: Part, seed: int, epochs: int) -> tuple[float, float]:
    """Return ROC-AUC and loss of the held-out grains by the plain rendition."""
    keras.utils.set_random_seed(seed)
    model = plain_lenet()
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    model.fit(
        learnt[0],
        learnt[1].astype(np.float32),
        batch_size=32,
        epochs=epochs,
        validation_data=(held[0], held[1].astype(np.float32)),
        verbose=0,
    )
    found = model.predict(held[0], verbose=0)[:, 0].astype(np.float64)
    return float(roc_auc_score(held[1], found)), float(log_loss(held[1], found))


def ours(learnt: Part, held: Part, seed: int, epochs: int) -> tuple[float, float]:
    """Return the same by `train`."""
    settings = TrainSettings(
        augmentation="notebook", value_range="minus_one_to_one", epochs=epochs, seed=seed
    )
    last = train(*learnt, *held, CLASSES, settings).history[-1]
    return last["val_roc_auc"], last["val_loss"]


def main() -> None:
    if "ZIRCON_CNN_DATA" not in os.environ:
        sys.exit("ZIRCON_CNN_DATA must name a folder with quellaveco/QVC028.png and so on.")
    words = sys.argv[1:]
    n_seeds = int(words[0]) if words else SEEDS
    epochs = int(words[1]) if len(words) > 1 else EPOCHS
    x, y = paper_crops(Path(os.environ["ZIRCON_CNN_DATA"], "quellaveco"))
    print(f"{len(y)} grains, {y.mean():.0%} of them porphyry; {n_seeds} seeds of {epochs} epochs", flush=True)
    both = []
    for seed in range(n_seeds):
        rows, others = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed)
        learnt, held = (x[rows], y[rows]), (x[others], y[others])
        both.append((ours(learnt, held, seed, epochs), plainly(learnt, held, seed, epochs)))
        (auc, loss), (plain_auc, plain_loss) = both[-1]
        print(
            f"seed {seed}: ROC-AUC {auc:.3f} (plain {plain_auc:.3f}), "
            f"loss {loss:.3f} (plain {plain_loss:.3f})",
            flush=True,
        )
    figures = np.array(both)  # seed, ours or plain, figure
    means, spreads = figures.mean(axis=0), figures.std(axis=0, ddof=1)
    for n, name in enumerate(("ROC-AUC", "loss")):
        agrees = abs(means[0, n] - means[1, n]) <= spreads[1, n]
        print(
            f"{name}: ours {means[0, n]:.3f} ± {spreads[0, n]:.3f}, plain {means[1, n]:.3f} ± "
            f"{spreads[1, n]:.3f}: {'they agree' if agrees else 'THEY DIFFER'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
