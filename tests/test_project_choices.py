"""Classes, held-out samples and the model in use, kept in the project folder."""

import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from district import SAMPLES, District
from drawn import drawn_project
from napari_zircon_cnn.networks.card import read_card
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_choices import (
    Choices,
    choices_of,
    save_classes,
    save_held_out,
    save_model_file,
)
from napari_zircon_cnn.project_copy import copy_project

NAMES = ("one", "two", "three")


def note(project: Project, model: Path) -> None:
    save_model_file(project, model, read_card(model).members_sha256)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    classes=st.permutations(NAMES).flatmap(
        lambda names: st.fixed_dictionaries(dict.fromkeys(names, st.sampled_from(["", "a", "b, c", "é"])))
    ),
    held_out=st.lists(st.sampled_from(NAMES), unique=True),
)
def test_what_was_chosen_is_chosen_again(
    tmp_path: Path, classes: dict[str, str], held_out: list[str]
) -> None:
    folder = tmp_path / "project"
    project = Project.open(folder) if folder.exists() else drawn_project(tmp_path, *NAMES)
    save_classes(project, classes)
    save_held_out(project, held_out)
    found = choices_of(Project.open(folder))
    assert found == Choices(classes, tuple(held_out))
    assert list(found.classes) == list(classes)


def test_project_without_choices_has_none(tmp_path: Path) -> None:
    assert choices_of(drawn_project(tmp_path)) == Choices()


def test_samples_that_are_gone_are_left_out(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    save_classes(project, {"drawn": "a", "gone": "b"})
    save_held_out(project, ["gone", "drawn"])
    assert choices_of(Project.open(project.folder)) == Choices({"drawn": "a"}, ("drawn",))


def test_broken_classes_are_told_and_the_rest_comes_back(tmp_path: Path) -> None:
    project = drawn_project(tmp_path)
    save_held_out(project, ["drawn"])
    (project.folder / "classes.csv").write_text("name;kind\n", encoding="utf-8")
    found = choices_of(Project.open(project.folder))
    assert found.held_out == ("drawn",)
    assert "its header must be: sample,class" in found.problems[0]


def test_model_in_use_is_found_again_also_in_a_moved_project(trained: District, tmp_path: Path) -> None:
    project = Project.open(trained.project)
    assert choices_of(project).model_file is None
    note(project, trained.model)
    found = choices_of(Project.open(trained.project))
    assert found.model_file == trained.model.resolve()
    assert found.card == read_card(trained.model)
    assert found.problems == ()

    moved = District(Path(shutil.move(trained.folder, tmp_path / "elsewhere")))
    again = choices_of(Project.open(moved.project))
    assert again.model_file is not None
    assert again.model_file.samefile(moved.model)


def test_copy_of_a_project_uses_its_own_copy_of_the_model(trained: District, tmp_path: Path) -> None:
    project = Project.open(trained.project)
    inside = trained.project / "models" / "lenet5-1.keras"
    inside.parent.mkdir()
    shutil.copy(trained.model, inside)
    note(project, inside)
    save_classes(project, dict.fromkeys(SAMPLES, "a"))
    copy = copy_project(project, tmp_path / "copy")
    shutil.rmtree(trained.project)
    found = choices_of(Project.open(copy.folder))
    assert found.model_file == copy.folder.resolve() / "models" / "lenet5-1.keras"
    assert found.classes == dict.fromkeys(SAMPLES, "a")


def test_model_that_is_gone_or_another_is_told_in_a_sentence(trained: District) -> None:
    project = Project.open(trained.project)
    save_model_file(project, trained.model, {"config.json": "another"})
    (sentence,) = choices_of(project).problems
    assert sentence.endswith("is no longer the model that was in use here; load it if you mean it.")
    note(project, trained.model)
    trained.model.unlink()
    found = choices_of(project)
    assert found.card is None
    (sentence,) = found.problems
    assert sentence == (
        f"The model in use is no longer at {trained.model.resolve()}; load it from where it lies now."
    )
