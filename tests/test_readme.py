import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from district import District
from napari_zircon_cnn.cli import app

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_python_example_runs(trained: District, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    shutil.copy(trained.mosaics[0], tmp_path / "QVC028.png")
    shutil.copy(trained.model, tmp_path / "lenet.keras")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}

    exec(example, found)  # noqa: S102 - the text that a newcomer copies

    assert found["probabilities"].shape == (len(found["crops"]), 2)


def test_commands_and_their_options_exist() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    lines = re.findall(r"^ {4}zircon-cnn ((?:.|\\\n)*?)$", README.replace("\\\n", " "), re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        name, *words = shlex.split(line, comments=True)
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-") and word != "->"} <= options, line


def test_pictures_are_in_the_repository() -> None:
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (Path(__file__).parent.parent / picture).is_file()
