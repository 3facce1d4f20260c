"""Make the tables and pictures of docs/validation.md: `python docs/make_validation_pictures.py`.

The eight mosaics that the README's tables tell of are fetched, or taken from the folder that
ZIRCON_CNN_DATA names. What is printed is what the text quotes.
"""

import shutil
import tempfile
from pathlib import Path

import pandas as pd

from napari_zircon_cnn.jobs.audit import audit_project
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.jobs.validate import validate_project
from napari_zircon_cnn.samples import quellaveco

IMAGES = Path(__file__).parent / "images" / "validation"
SAMPLES = ("QVC024", "QVC028", "QVC029", "QVC034", "QVC058", "QVC060", "QVC061", "QVC082")
TRAINING = {
    "augmentation": "notebook",
    "value_range": "minus_one_to_one",
    "class_weights": True,
    "epochs": 60,
}


def main() -> None:
    """Validate and audit LeNet-5 with the notebook's settings and class weights, for 60 epochs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project, out = folder / "district", folder / "validation"
        segment_mosaics(project, [quellaveco.fetch(sample) for sample in SAMPLES], method="nathwani2023")
        classes = {sample: quellaveco.classes()[sample] for sample in reversed(SAMPLES)}
        validated = validate_project(project, classes, out, repeats=2, training=TRAINING)
        columns = ["by", "over", "folds", "accuracy", "accuracy_between_folds", "accuracy_between_seeds"]
        columns += ["roc_auc", "roc_auc_between_folds", "roc_auc_between_seeds", "brier", "ece", "ece_scaled"]
        print_table(validated.table[columns])
        print(validated.note)
        folds = pd.read_csv(out / "folds.csv")
        of_samples = folds[(folds["over"] == "samples") & (folds["by"] == "lenet5")]
        print_table(of_samples.groupby("held_out")[["n", "accuracy"]].mean().reset_index())
        IMAGES.mkdir(parents=True, exist_ok=True)
        for figure in ("validation", "reliability"):
            shutil.copy(out / f"{figure}.png", IMAGES)
        audited = audit_project(project, classes, folder / "audit", training=TRAINING)
        print_table(audited.table.drop(columns=["holds", "between_seeds"]))
        print(audited.sentence)


def print_table(table: pd.DataFrame) -> None:
    print(table.round(2).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
