"""What a person has chosen for a project: the class of each sample, what is held out, and the model."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pydantic

from napari_zircon_cnn.class_file import read_classes, write_classes
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.networks.card import ModelCard, read_card
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_record import ModelFile, way_from

CLASSES_FILE = "classes.csv"
"""Lies in the project folder; a CLASSES.csv like any other."""


@dataclass(frozen=True)
class Choices:
    """What was chosen when the project was last open.

    Parameters
    ----------
    classes
        The class by sample, in the order of the file; empty where it is not known.
    held_out
        The samples that are held out from training.
    model_file
        The model in use, None where there is none.
    card
        Its card.
    answered_by
        The card of the model whose probabilities stand in the tables, None where there are none.
    problems
        A sentence for each thing that could not be brought back.
    """

    classes: dict[str, str] = field(default_factory=dict)
    held_out: tuple[str, ...] = ()
    model_file: Path | None = None
    card: ModelCard | None = None
    answered_by: ModelCard | None = None
    problems: tuple[str, ...] = ()


def choices_of(project: Project) -> Choices:
    """Return what was chosen for a project.

    Parameters
    ----------
    project
        The project.

    Returns
    -------
    Choices
        All that could be read; what could not is named among the problems.
    """
    problems: list[str] = []
    classes: dict[str, str] = {}
    path, card = None, None
    try:
        classes = _classes_of(project)
    except ZirconError as error:
        problems.append(str(error))
    try:
        path, card = _model_of(project)
    except ZirconError as error:
        problems.append(str(error))
    answered_by = None
    if project.record.model is not None:
        with suppress(pydantic.ValidationError):
            answered_by = ModelCard.model_validate(project.record.model)
    held_out = tuple(sample for sample in project.record.held_out if sample in project.record.samples)
    return Choices(classes, held_out, path, card, answered_by, tuple(problems))


def save_classes(project: Project, classes: Mapping[str, str]) -> None:
    """Write the class of each sample in place of those before, all or nothing."""
    with atomic_path(project.folder / CLASSES_FILE) as path:
        write_classes(classes, path)


def save_held_out(project: Project, samples: Iterable[str]) -> None:
    """Note which samples are held out from training."""
    project.save_record(project.record.model_copy(update={"held_out": tuple(samples)}))


def save_model_file(project: Project, path: Path, members_sha256: Mapping[str, str]) -> None:
    """Note which model is in use.

    Parameters
    ----------
    project
        The project.
    path
        The .keras file.
    members_sha256
        What its card says of its content, so that another model of that name is not taken for it.
    """
    path = path.resolve()
    noted = ModelFile(
        path=str(path), path_from_here=way_from(project.folder, path), members_sha256=dict(members_sha256)
    )
    project.save_record(project.record.model_copy(update={"model_file": noted}))


def _classes_of(project: Project) -> dict[str, str]:
    path = project.folder / CLASSES_FILE
    found = read_classes(path) if path.exists() else {}
    return {sample: name for sample, name in found.items() if sample in project.record.samples}


def _model_of(project: Project) -> tuple[Path, ModelCard] | tuple[None, None]:
    noted = project.record.model_file
    if noted is None:
        return None, None
    path = noted.found_from(project.folder)
    if not path.is_file():
        raise ZirconError(f"The model in use is no longer at {path}; load it from where it lies now.")
    card = read_card(path)
    if card.members_sha256 != noted.members_sha256:
        raise ZirconError(f"{path} is no longer the model that was in use here; load it if you mean it.")
    return path, card
