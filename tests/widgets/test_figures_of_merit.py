"""The small tables of the train panel."""

import math
from typing import Any

import pandas as pd
import pytest

from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.networks.settings import NetworkSettings, TrainSettings
from napari_zircon_cnn.widgets.figures_of_merit import (
    figures_of_card,
    figures_of_validation,
    validation_in_words,
)
from napari_zircon_cnn.widgets.figures_table import FiguresTable


def scored(auc: float | None, right: float, n: int = 20, **more: Any) -> dict[str, Any]:
    return {"n": n, "roc_auc": auc, "accuracy": right, "loss": 0.5, **more}


def summary(by: str, over: str, auc: float, right: float, seeds: float = 0.02) -> dict[str, Any]:
    named = {"by": by, "over": over, "n_grains": 85, "folds": 4, "repeats": 3, "loss": 0.4, "brier": 0.1}
    spreads = {
        f"{key}_between_{of}": value
        for key in ("roc_auc", "accuracy")
        for of, value in (("folds", 0.1), ("seeds", seeds))
    }
    return (
        named | spreads | {"roc_auc": auc, "accuracy": right, "roc_auc_low": auc - 0.2, "roc_auc_high": auc}
    )


def card_with(kind: str, metrics: dict[str, Any]) -> ModelCard:
    return ModelCard(
        network=NetworkSettings(),
        classes=("a", "b"),
        crop={"size_px": 32},
        training=TrainSettings(),
        validation={"kind": kind},
        metrics=metrics,
    )


def test_network_stands_beside_what_it_must_beat() -> None:
    folds = [scored(0.8, 0.7, 10, held_out="fold 1"), scored(0.9, 0.9, 30, held_out="fold 2")]
    own = {"validation": scored(0.92, 0.85), "folds": folds, "hold_out": scored(0.57, 0.5)}
    figures = figures_of_card(card_with("kfold", own | {"beside": {"shapes alone": own}}))
    assert [test.replace("\n", " ") for test in figures.tests] == [
        "a fifth of the grains",
        "folds over grains",
        "held-out samples",
    ]
    assert list(figures.rows) == ["shapes alone", "lenet5"]
    random, over_folds, held_out = figures.rows["lenet5"]
    assert random.text == "AUC 0.92\nacc. 0.85"
    assert over_folds.text == "AUC 0.85 ± 0.07\nacc. 0.85 ± 0.14"
    assert "fold 2: 30 grains, accuracy 0.90" in over_folds.explanation
    assert held_out.text == "AUC 0.57\nacc. 0.50"


def test_samples_of_one_class_have_no_auc_of_their_own() -> None:
    folds = [scored(None, 0.5, held_out="A"), scored(None, 1.0, held_out="B")]
    figures = figures_of_card(card_with("leave-one-sample-out", {"folds": folds, "hold_out": None}))
    assert figures.tests == ("each sample\nin turn",)
    assert figures.rows["lenet5"][0].text.startswith("AUC –\nacc. 0.75")  # noqa: RUF001
    assert figures_of_card(card_with("split", {})).tests == ()


def test_known_and_new_samples_stand_side_by_side(qtbot: Any) -> None:
    table = pd.DataFrame(
        [
            summary("shapes alone", "grains", 0.7, 0.6, math.nan),
            summary("shapes alone", "samples", 0.6, 0.6),
            summary("lenet5", "grains", 0.92, 0.85),
            summary("lenet5", "samples", 0.57, 0.5),
        ]
    )
    shown = FiguresTable("Validation")
    qtbot.addWidget(shown)
    assert shown.isHidden()
    shown.show_figures(figures_of_validation(table))
    assert shown.texts() == {
        "shapes alone": ["AUC 0.70\nacc. 0.60", "AUC 0.60 ± 0.02\nacc. 0.60 ± 0.02"],
        "lenet5": ["AUC 0.92 ± 0.02\nacc. 0.85 ± 0.02", "AUC 0.57 ± 0.02\nacc. 0.50 ± 0.02"],
    }
    assert "0.37 to 0.57" in shown.item(1, 1).toolTip()
    shown.show_figures(None)
    assert shown.isHidden()


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (0.57, "expect a ROC-AUC of 0.57, not the 0.92 of grains of known samples. The shapes"),
        (0.90, "expect a ROC-AUC of 0.90."),
        (math.nan, "is not known"),
    ],
)
def test_sentence_tells_what_to_expect_of_a_new_sample(new: float, told: str) -> None:
    rows = [
        summary("lenet5", "grains", 0.92, 0.8),
        summary("lenet5", "samples", new, 0.8),
        summary("shapes alone", "samples", 0.6, 0.6),
    ]
    assert told in validation_in_words(pd.DataFrame(rows), "lenet5")


def test_good_order_with_wrong_classes_is_not_praised() -> None:
    rows = [summary("majority class", "grains", 0.5, 0.52), summary("lenet5", "samples", 1.0, 0.05)]
    assert "gives only 5% of those grains their class" in validation_in_words(pd.DataFrame(rows), "lenet5")
    rows[1]["accuracy"] = 0.5
    assert "only" not in validation_in_words(pd.DataFrame(rows), "lenet5")
