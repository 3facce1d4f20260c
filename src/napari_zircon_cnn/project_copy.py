"""Copying a project to another place."""

import shutil
from pathlib import Path

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import UNFINISHED, atomic_path, make_folder
from napari_zircon_cnn.progress import Progress, silent
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_lock import LOCK_FILES
from napari_zircon_cnn.project_record import PROJECT_FILE, ModelFile, SampleRecord, way_from, write_record

_COPIED_BYTES = 2**22


def copy_project(project: Project, folder: Path, progress: Progress = silent) -> Project:
    """Copy a project folder, with its models and with the mosaics that lie in it.

    Parameters
    ----------
    project
        The project; nobody may write to it meanwhile.
    folder
        The new folder, which may hold nothing; those above it are made as needed.
    progress
        Told how much is copied; may raise `Cancelled`, and nothing is left of the copy then.

    Returns
    -------
    Project
        The copy.

    Raises
    ------
    ZirconError
        Where the new folder holds something or lies in the project, or cannot be made.
    """
    check_can_copy(project, folder)
    source, folder = project.folder.resolve(), folder.resolve()
    make_folder(folder)
    files = [
        path
        for path in sorted(source.rglob("*"))
        if path.is_file()
        and path.name not in {*LOCK_FILES, PROJECT_FILE}
        and not path.name.startswith(UNFINISHED)
    ]
    n_bytes, done = max(sum(path.stat().st_size for path in files), 1), 0
    try:
        for path in files:
            target = folder / path.relative_to(source)
            make_folder(target.parent)
            with path.open("rb") as reading, target.open("wb") as writing:
                while block := reading.read(_COPIED_BYTES):
                    writing.write(block)
                    done += len(block)
                    progress(min(done / n_bytes, 1.0), f"copied {done / 2**20:.0f} MiB")
        samples = {
            name: _moved(record, project.mosaic_path(name), source, folder)
            for name, record in project.record.samples.items()
        }
        update = {"samples": samples, "model_file": _model_moved(project, source, folder)}
        # It is a project from the moment that this file is there.
        with atomic_path(folder / PROJECT_FILE) as path:
            write_record(project.record.model_copy(update=update), path)
    except BaseException:
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name not in LOCK_FILES:
                path.unlink(missing_ok=True)
        raise
    return Project.open(folder)


def check_can_copy(project: Project, folder: Path) -> None:
    """Raise a `ZirconError` where `copy_project` would refuse the new folder."""
    folder = folder.resolve()
    if folder.is_relative_to(project.folder.resolve()):
        raise ZirconError(f"{folder} lies in the project itself; choose a folder outside of it.")
    # A window that goes on there holds its lock already.
    if folder.exists() and not (
        folder.is_dir() and all(path.name in LOCK_FILES for path in folder.iterdir())
    ):
        raise ZirconError(f"{folder} holds something already; choose a new or an empty folder.")


def _moved(record: SampleRecord, mosaic: Path, source: Path, folder: Path) -> SampleRecord:
    """Return a sample's record with the way to its mosaic from the new folder."""
    mosaic = _place_in_copy(mosaic, source, folder)
    return record.model_copy(update={"mosaic": str(mosaic), "mosaic_from_here": way_from(folder, mosaic)})


def _model_moved(project: Project, source: Path, folder: Path) -> ModelFile | None:
    """Return what is noted of the model in use, with the way to it from the new folder."""
    noted = project.record.model_file
    if noted is None:
        return None
    path = _place_in_copy(noted.found_from(source), source, folder)
    return noted.model_copy(update={"path": str(path), "path_from_here": way_from(folder, path)})


def _place_in_copy(path: Path, source: Path, folder: Path) -> Path:
    """Return where a file of the project lies in its copy; one from elsewhere stays where it is."""
    path = path.resolve()
    return folder / path.relative_to(source) if path.is_relative_to(source) else path
