"""What project.json holds, and how it is read and written."""

import os
from pathlib import Path
from typing import Annotated, Any

import pydantic

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.mount import check_sample_name

FORMAT_VERSION = 1
PROJECT_FILE = "project.json"


class SampleRecord(pydantic.BaseModel):
    """What project.json says of a sample.

    Parameters
    ----------
    mosaic
        Where the mosaic lies.
    mosaic_from_here
        The same from the project folder, for a project that is moved with its mosaics; empty
        where there is no such way, as from one drive to another.
    sha256
        The SHA-256 of the mosaic's bytes when it was segmented.
    pixel_size_um
        Edge of a pixel in µm.
    method, parameters
        How it was segmented.
    n_labels
        The highest label given so far; that of a deleted or merged grain is not given again.
    n_curated
        How many lines of the ledger the saved label image and table contain.
    """

    mosaic: str
    mosaic_from_here: str = ""
    sha256: str
    pixel_size_um: Annotated[float, pydantic.Field(gt=0)]
    method: str
    parameters: dict[str, Any]
    n_labels: Annotated[int, pydantic.Field(ge=0)]
    n_curated: Annotated[int, pydantic.Field(ge=0)] = 0


class ModelFile(pydantic.BaseModel):
    """What project.json says of the model in use.

    Parameters
    ----------
    path
        Where its file lies.
    path_from_here
        The same from the project folder; empty where there is no such way.
    members_sha256
        What its card said of its content.
    """

    path: str
    path_from_here: str = ""
    members_sha256: dict[str, str]

    def found_from(self, folder: Path) -> Path:
        """Return where the file lies for a project in a folder, or lay if it is gone."""
        return place_of(self.path, self.path_from_here, folder)


class ProjectRecord(pydantic.BaseModel):
    """What project.json holds.

    Parameters
    ----------
    format_version
        Version of the folder's layout.
    samples
        The samples by name.
    model
        The card of the model whose probabilities stand in the tables, if any.
    evaluation
        What the last evaluation found, if any.
    model_file
        The model that was last in use in a window, if any.
    held_out
        The samples that are held out from training.
    """

    format_version: int = FORMAT_VERSION
    samples: dict[str, SampleRecord] = {}
    model: dict[str, Any] | None = None
    evaluation: dict[str, Any] | None = None
    model_file: ModelFile | None = None
    held_out: tuple[str, ...] = ()


class _FormatVersion(pydantic.BaseModel):
    format_version: int


def read_record(folder: Path) -> ProjectRecord:
    """Read what a project folder's project.json holds.

    Parameters
    ----------
    folder
        The project folder.

    Returns
    -------
    ProjectRecord
        What it holds.

    Raises
    ------
    ZirconError
        Where there is no such file, it is broken, or a newer version wrote it.
    """
    path = folder / PROJECT_FILE
    try:
        content = path.read_bytes()
        # A newer version may lay out all the rest in another way.
        version = _FormatVersion.model_validate_json(content).format_version
        if version > FORMAT_VERSION:
            raise ZirconError(
                f"{folder} was written by a newer version (format {version}, "
                f"this one reads up to {FORMAT_VERSION}); update napari-zircon-cnn to open it."
            )
        record = ProjectRecord.model_validate_json(content)
    except OSError as error:
        raise ZirconError(
            f"{folder} is no project folder (there is no {PROJECT_FILE} to read in it); "
            "make one with `zircon-cnn segment`."
        ) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "as a whole"
        raise ZirconError(
            f"{path} is broken or of another program ({where}: {first['msg']}); restore it from a copy, "
            "or choose another folder."
        ) from error
    for sample in record.samples:
        check_sample_name(sample)
    return record


def write_record(record: ProjectRecord, path: Path) -> None:
    """Write project.json, to the path that a writer of whole files gave."""
    path.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def way_from(folder: Path, file: Path) -> str:
    """Return the way from a folder to a file; empty where there is none."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:
        # On Windows there is no way from one drive to another.
        return ""


def place_of(path: str, path_from_here: str, folder: Path) -> Path:
    """Return where a file lies by its path or by the way from a folder; its path if it is gone."""
    then, now = Path(path), folder / path_from_here
    return now if path_from_here and not then.is_file() and now.is_file() else then
