import math

import pytest

from napari_zircon_cnn.reproduction.published import MODELS
from napari_zircon_cnn.reproduction.tables import (
    choose_hold_out,
    fold_rows,
    network_rows,
    notes_on_samples,
    sample_rows,
)
from napari_zircon_cnn.samples.quellaveco import SAMPLES

ALL = {sample.name: sample.n_grains for sample in SAMPLES}
EIGHT = {
    name: ALL[name]
    for name in ["QVC024", "QVC028", "QVC029", "QVC034", "QVC058", "QVC060", "QVC061", "QVC082"]
}


def test_the_papers_test_samples_are_held_out_where_they_are_there() -> None:
    assert choose_hold_out(ALL) == ["QVC075", "QVC055"]


def test_the_smallest_sample_stands_in_unless_it_is_all_that_its_class_has() -> None:
    assert choose_hold_out(EIGHT) == ["QVC061"]
    assert choose_hold_out(EIGHT | {"QVC083": 122}) == ["QVC082", "QVC061"]


def test_what_is_missing_and_what_the_test_is_worth_is_said() -> None:
    notes = " ".join(notes_on_samples(EIGHT, ["QVC061"]))

    assert "Mosaics missing: QVC074, QVC075, QVC083, QVC009, QVC055." in notes
    assert "here the test is QVC061, never seen in training" in notes
    assert "No sample of the class batholith could be held out" in notes
    assert len(notes_on_samples(ALL, ["QVC075", "QVC055"])) == 1


def test_every_sample_of_the_paper_has_its_row() -> None:
    rows = {row["sample"]: row for row in sample_rows(EIGHT, ["QVC061"])}

    assert len(rows) == len(SAMPLES)
    assert rows["QVC061"]["role"] == "test"
    assert rows["QVC028"] | {"lithology": ""} == {
        "sample": "QVC028",
        "lithology": "",
        "class": "porphyry",
        "role": "training",
        "grains": 103,
        "published": 103,
    }
    assert rows["QVC009"]["role"] == "missing"
    assert math.isnan(rows["QVC009"]["grains"])


def test_a_network_that_was_not_trained_has_only_its_published_figures() -> None:
    rows = network_rows({})

    assert len(rows) == 3 * len(MODELS)
    (vgg,) = (row for row in rows if row["network"] == "VGG-16" and row["part"] == "test")
    assert (vgg["published_loss"], vgg["published_accuracy"], vgg["published_roc_auc"]) == (0.40, 0.86, 0.93)
    assert math.isnan(vgg["roc_auc"])


def test_published_cross_validation_stands_beside_ours() -> None:
    (row,) = fold_rows(None)
    assert row["network"] == "LeNet-5, dropout and augmentation"
    assert (row["published_roc_auc"], row["published_roc_auc_spread"]) == pytest.approx((0.90, 0.03))
    assert math.isnan(row["roc_auc"])
