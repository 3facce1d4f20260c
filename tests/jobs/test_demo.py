from pathlib import Path

import pandas as pd
import pytest

from district import Recorder
from napari_zircon_cnn.jobs import demo


def test_demonstration_ends_with_six_verdicts_and_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "SHAPE_PX", (600, 600))
    monkeypatch.setattr(demo, "EPOCHS", 2)
    recorder = Recorder()

    result = demo.run_demo(tmp_path / "dé mo", progress=recorder)

    assert result.verdicts["sample"].tolist() == ["BAT-1", "BAT-2", "BAT-3", "POR-1", "POR-2", "POR-3"]
    written = pd.read_csv(tmp_path / "dé mo" / "project" / "verdicts.csv")
    assert len(written) == 6
    by_sample = result.evaluation["samples"]
    assert [name for name, found in by_sample.items() if not found["in_training"]] == ["BAT-3", "POR-3"]
    assert result.evaluation["overall"]["n"] == sum(by_sample[name]["n"] for name in ("BAT-3", "POR-3"))
    assert result.report.is_file()
    recorder.assert_complete()
