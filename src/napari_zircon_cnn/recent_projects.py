"""The projects that were opened last."""

import json
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.project_record import PROJECT_FILE

_N_KEPT = 8


def recent_projects() -> list[Path]:
    """Return the folders of the last eight projects that still exist, the last one first."""
    known: list[Path] = []
    with suppress(OSError, ValueError, TypeError):
        known = [Path(folder) for folder in json.loads(_list().read_text(encoding="utf-8"))]
    return [folder for folder in known if (folder / PROJECT_FILE).is_file()][:_N_KEPT]


def remember(folder: Path) -> None:
    """Put a project at the head of the list."""
    folder = folder.resolve()
    kept = [folder, *(other for other in recent_projects() if other != folder)][:_N_KEPT]
    # A list that cannot be kept is no reason not to work.
    with suppress(OSError), atomic_path(_list()) as path:
        path.write_text(json.dumps([str(each) for each in kept]), encoding="utf-8")


def _list() -> Path:
    return platformdirs.user_state_path("napari-zircon-cnn") / "recent.json"
