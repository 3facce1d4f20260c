"""The list of projects that were opened last."""

from pathlib import Path

import pytest

from napari_zircon_cnn.project_record import PROJECT_FILE
from napari_zircon_cnn.recent_projects import recent_projects, remember


def test_last_eight_that_still_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_state_path", lambda name: tmp_path / "state" / name)
    assert recent_projects() == []
    folders = [tmp_path / f"project {n}" for n in range(10)]
    for folder in folders:
        folder.mkdir()
        (folder / PROJECT_FILE).write_text("{}")
        remember(folder)
    remember(folders[5])
    assert recent_projects() == [folders[n] for n in (5, 9, 8, 7, 6, 4, 3, 2)]

    (folders[9] / PROJECT_FILE).unlink()
    assert folders[9] not in recent_projects()
    (tmp_path / "state" / "napari-zircon-cnn" / "recent.json").write_text("broken")
    assert recent_projects() == []
