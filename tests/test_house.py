"""The layout of the package: which room may import which, and what only the windows may know."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import napari_zircon_cnn

PACKAGE = napari_zircon_cnn.__name__
ROOT = Path(napari_zircon_cnn.__file__).parent
MODULES = {
    ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}

ANYWHERE = {"errors", "files", "progress", "scratch", "settings"}
ABOVE = {"..."}
"""Stands for every room that an earlier row names."""

ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "progress": set(),
    "files": set(),
    "settings": set(),
    "scratch": set(),
    "columns": set(),
    "tiff_blocks": set(),
    "grey": set(),
    "mosaic_tiff": {"grey", "tiff_blocks"},
    "mount": {"grey", "mosaic_tiff"},
    "mosaic_files": {"mount"},
    "segmentation": {"mount"},
    "mount_facts": {"mount"},
    "flags": {"mount_facts"},
    "zoning": set(),
    "measurement": {"flags", "zoning"},
    "grains": {"columns", "measurement"},
    "crops": {"grains"},
    "runs": {"flags"},
    "changes": {"grains", "runs"},
    "actions": {"changes"},
    "curation": {"actions"},
    "sample_files": {"grains", "tiff_blocks"},
    "outlines": set(),
    "export": {"outlines", "sample_files"},
    "project_record": {"mount"},
    "project_lock": set(),
    "recovery": {"project_lock", "project_record"},
    "recent_projects": {"project_record"},
    "embedding_file": set(),
    "project": {"curation", "embedding_file", "project_record", "sample_files"},
    "class_file": set(),
    "project_copy": {"project", "project_lock"},
    "autosave": {"project_copy"},
    "worker_process": set(),
    "worker": {"worker_process"},
    "find_grains": {"grains", "segmentation"},
    "dataset": {"class_file", "crops"},
    "networks": set(),
    "project_choices": {"class_file", "networks", "project"},
    "metrics": {"dataset", "networks"},
    "priors": set(),
    "verdicts": {"metrics"},
    "calibration": {"metrics", "priors"},
    "baseline": {"metrics"},
    "divisions": {"calibration", "networks", "priors"},
    "audit": set(),
    "audit_folds": {"audit", "baseline", "divisions"},
    "seen": {"dataset", "networks"},
    "inference": {"dataset", "networks"},
    "training": {"dataset", "networks", "metrics", "inference"},
    "doubt": {"calibration", "inference"},
    "asked": {"doubt", "verdicts"},
    "samples": {"mount"},
    "figures": set(),
    "placement": {"crops"},
    "explain": {"inference", "networks", "placement"},
    "embedding": {"embedding_file", "grains"},
    "embedding_figures": {"figures", "grains"},
    "map_figures": {"figures", "placement"},
    "validation_figures": {"figures"},
    "overview": {"figures", "grains"},
    "pages": set(),
    "reproduction": {"baseline", "figures", "networks", "pages", "samples"},
    "report_rows": {"grains", "verdicts"},
    "report": ABOVE,
    "jobs": ABOVE,
    "cli": ABOVE,
    "widgets": ABOVE,
}
"""What each room may import, besides what those rooms themselves may import."""

WINDOWS = {"magicgui", "napari", "PyQt5", "PyQt6", "PySide6", "qtpy", "superqt"}
DOORS = {"cli", "jobs", "widgets"}
"""Where napari and the command line come in; what these import at their top must be light."""
NEVER_BESIDE_NAPARI = {"keras", "tensorflow", "umap"}


def room_of(module: str) -> str:
    """Return the room that one of our modules belongs to."""
    return module.split(".")[1] if "." in module else ""


def allowed_in(room: str) -> set[str]:
    """Return all that a room may import, directly or through the rooms it may import."""
    row = list(ROOMS)
    direct = set(row[: row.index(room)]) if ROOMS[room] is ABOVE else ROOMS[room]
    return ANYWHERE | {room, ""} | direct.union(*(allowed_in(below) for below in direct))


def imports_of(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            inner = [f"{source}.{name.name}" for name in node.names]
            yield from (name for name in inner if name in MODULES)
            if not all(name in MODULES for name in inner):
                yield source


OURS = {
    module: {name for name in imports_of(path) if name.split(".")[0] == PACKAGE}
    for module, path in MODULES.items()
}


def test_every_room_has_its_row() -> None:
    assert {room_of(module) for module in MODULES} - {""} <= set(ROOMS)


def test_imports_follow_the_arrows() -> None:
    against = [
        f"{module} imports {name}"
        for module, names in OURS.items()
        for name in names
        if room_of(module) in ROOMS and room_of(name) not in allowed_in(room_of(module))
    ]
    assert against == []


def test_no_imports_in_a_circle() -> None:
    TopologicalSorter(OURS).prepare()


def test_only_the_widgets_know_napari_and_qt() -> None:
    against = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if room_of(module) != "widgets"
        for name in imports_of(path)
        if name.split(".")[0] in WINDOWS
    ]
    assert against == []


def test_no_door_brings_keras_along() -> None:
    doors = [module for module in MODULES if room_of(module) in DOORS]
    code = f"import sys, {', '.join(doors)}; print(*sorted({NEVER_BESIDE_NAPARI} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


SLOW = {"matplotlib", "numba", "scipy", "skimage", "sklearn"}


def test_no_window_waits_for_slow_libraries() -> None:
    windows = [name for name in MODULES if room_of(name) == "widgets" and not name.endswith(".curves")]
    code = (
        "import sys, napari.viewer, napari.qt; before = set(sys.modules); "
        f"import {', '.join(windows)}; new = set(sys.modules) - before; "
        f"print(*sorted({{name.split('.')[0] for name in new}} & {SLOW}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
