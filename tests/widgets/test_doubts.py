"""Which grains' probabilities are not to be trusted, and what is said of them."""

import numpy as np
import pandas as pd
import pytest

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.networks.card import Calibration, HeldOutSample, ModelCard
from napari_zircon_cnn.networks.settings import NetworkSettings, TrainSettings
from napari_zircon_cnn.widgets.doubts import DOUBTS, answer_in_words, doubt_in_words, doubtful

GRAINS = [DISK, UPRIGHT_BOX, TILTED_BOX]


@pytest.fixture
def table() -> pd.DataFrame:
    found = drawn_mount().table
    found.loc[GRAINS, "probability"] = [0.52, 0.9, 0.47]
    found.loc[GRAINS, "uncertainty"] = [0.1, 0.1, 0.05]
    found.loc[GRAINS, "unlike_training"] = [1.1, 0.9, 3.0]
    found.loc[GRAINS, "in_training"] = [False, True, False]
    found.loc[[label for label in found.index if label not in GRAINS], "status"] = "rejected"
    return found


def test_worst_grains_come_first(table: pd.DataFrame) -> None:
    assert doubtful(table, "unlike").tolist() == [TILTED_BOX, DISK]
    assert doubtful(table, "wavering").tolist() == [DISK, TILTED_BOX]
    assert doubtful(table, "seen").tolist() == [UPRIGHT_BOX]
    table.loc[TILTED_BOX, "status"] = "rejected"
    assert doubtful(table, "unlike").tolist() == [DISK]


def test_sentence_counts_and_says_what_it_means(table: pd.DataFrame) -> None:
    assert doubt_in_words(table, "unlike").startswith("2 of 3 grains are unlike any seen in training; their")
    assert doubt_in_words(table, "wavering").startswith("2 of 3 grains are so close to 0.5")
    assert doubt_in_words(table, "seen").startswith("1 of 3 grains is among those that the model")
    table["unlike_training"] = 0.5
    assert doubt_in_words(table, "unlike") == "None of 3 grains are unlike any seen in training."


def test_what_is_not_known_is_not_counted_as_none(table: pd.DataFrame) -> None:
    table[["unlike_training", "uncertainty"]] = np.nan
    assert "cannot tell" in doubt_in_words(table, "unlike")
    assert "no dropout" in doubt_in_words(table, "wavering")
    table["probability"] = np.nan
    for doubt in DOUBTS:
        assert "has been classified yet" in doubt_in_words(table, doubt)


def test_assumptions_of_an_answer_are_told() -> None:
    card = ModelCard(
        network=NetworkSettings(),
        classes=("a", "b"),
        crop={"size_px": 32},
        training=TrainSettings(),
        calibration=Calibration(reason="3 held-out grains are too few"),
    )
    short, at_length = answer_in_words(card)
    assert short == "Not calibrated · classes as in training · intervals of this mount"
    assert "3 held-out grains are too few" in at_length
    assert "not independent" in at_length
    samples = [
        HeldOutSample(sample=str(n), class_name="ab"[n % 2], n_grains=9, log_ratios=(n, -n)) for n in range(6)
    ]
    known = {"held_out_samples": tuple(samples), "calibration": Calibration(fitted_on="x"), "prior": "equal"}
    short, _ = answer_in_words(card.model_copy(update=known))
    assert short == "Calibrated · classes equally frequent · intervals over 6 samples"
