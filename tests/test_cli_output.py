import math

import pandas as pd
import pytest

from napari_zircon_cnn.cli.output import print_audit, print_side_by_side


def validated(by: str, over: str, folds: int, **figures: float) -> dict[str, object]:
    row: dict[str, object] = {"by": by, "over": over, "folds": folds, "repeats": 3}
    row |= {"roc_auc": 0.9, "accuracy": 0.8, "ece": 0.1}
    row |= {f"{name}_between_{of}": 0.02 for name in ("roc_auc", "accuracy") for of in ("folds", "seeds")}
    return row | figures


def test_figures_over_grains_and_over_samples_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        validated(by, over, folds)
        for by in ("majority class", "lenet5")
        for over, folds in (("grains", 5), ("samples", 8))
    ]
    rows[-1] |= {"roc_auc": 0.57, "roc_auc_between_folds": math.nan}
    print_side_by_side(pd.DataFrame(rows))
    heading, majority, network, note = capsys.readouterr().out.splitlines()
    assert "over grains: 5 folds, 3 times" in heading
    assert "over whole samples: 8 folds, 3 times" in heading
    assert majority.count("AUC 0.90 ±0.02/0.02  acc. 0.80 ±0.02/0.02  ECE 0.10") == 2
    assert network.index("AUC 0.57 ±-/0.02") == heading.index("over whole samples")
    assert note.startswith("±: standard deviation between folds / between seeds")

    print_side_by_side(pd.DataFrame([validated("lenet5", "grains", 1)]))
    assert "a random split" in capsys.readouterr().out


def test_audit_is_a_small_table(capsys: pytest.CaptureFixture[str]) -> None:
    new = {"new": 0.6, "new_low": 0.5, "new_high": 0.7}
    nothing = dict.fromkeys(new, math.nan)
    rows = [
        {"view": "masked", "known": 0.95, "shown": 0.9} | new,
        {"view": "shuffled", "known": 0.8, "shown": math.nan} | nothing,
    ]
    print_audit(pd.DataFrame(rows))
    _, masked, shuffled = capsys.readouterr().out.splitlines()
    assert masked.split() == ["masked", "0.95", "0.90", "0.60", "(0.50", "to", "0.70)"]
    assert shuffled.split() == ["shuffled", "0.80", "-", "-"]
