from pathlib import Path
from typing import Any

import imagecodecs
import pandas as pd
import pytest

from district import District, Recorder, contents_of
from napari_zircon_cnn.audit import VIEWS
from napari_zircon_cnn.audit_folds import BRIGHTNESS_ALONE
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.audit import AUDIT_FILE, Audited, audit_project
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.samples.synthetic_district import classes_of, synthetic_district

QUICK: dict[str, Any] = {"training": {"epochs": 1, "augmentation": "none"}}
ROWS = [*VIEWS, "majority class", "shapes alone", BRIGHTNESS_ALONE]


def audited(district: District, **options: Any) -> Audited:
    return audit_project(district.project, district.classes, district.folder / "out", **QUICK | options)


def test_each_view_has_its_figures_on_known_and_on_new_samples(district: District) -> None:
    before = contents_of(district.project)
    with pytest.raises(Cancelled):
        audited(district, progress=Recorder(Cancelled, 0.6))
    recorder = Recorder()
    found = audited(district, progress=recorder)

    table = found.table.set_index("view")
    assert list(table.index) == ROWS
    assert table["known"].between(0, 1).all()
    assert table["new"].between(0, 1).all()
    assert table["shown"].notna().tolist() == [False, True, True, True, False, False, False]
    assert table["known"]["majority class"] == table["new"]["majority class"] == 0.5
    assert (table["new_low"] <= table["new_high"]).all()
    assert found.sentence
    assert found.note == ""
    kept = pd.read_csv(district.folder / "out" / AUDIT_FILE)
    pd.testing.assert_frame_equal(kept, found.table, check_dtype=False)
    assert contents_of(district.project) == before
    recorder.assert_complete()
    # What was kept of the cancelled run is not trained again.
    assert 0 < sum("epoch" in message for message in recorder.messages) < len(VIEWS) * 4


def test_impossible_audit_is_answered(district: District) -> None:
    with pytest.raises(ZirconError, match="The number of repeats must be 1 or more"):
        audited(district, repeats=0)
    with pytest.raises(ZirconError, match="There is no setting 'view'"):
        audited(district, crop={"view": 1})


def test_shortcut_of_a_district_where_brightness_gives_the_rock_away_is_named(tmp_path: Path) -> None:
    mounts = synthetic_district(0, 40, confounded=True, n_samples=4)
    files = [tmp_path / f"{drawn.mount.sample}.png" for drawn in mounts]
    for drawn, file in zip(mounts, files, strict=True):
        file.write_bytes(imagecodecs.png_encode(drawn.mount.image))
    segment_mosaics(tmp_path / "district", files)
    training = {"epochs": 15, "augmentation": "none", "learning_rate": 0.003, "dropout": False}
    found = audit_project(tmp_path / "district", classes_of(mounts), tmp_path / "out", training=training)
    assert found.sentence.startswith("The networks rely most on brightness")
    assert "That is a shortcut: brightness depends on session and detector" in found.sentence
