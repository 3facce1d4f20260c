import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from drawn_crops import card_for
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.card import CARD_MEMBER, FORMAT_VERSION, ModelCard, TrainingSample, read_card
from napari_zircon_cnn.networks.settings import NetworkSettings


def archive(path: Path, card: str | None) -> Path:
    """Write a file that has the members of a Keras file, as far as a card's reader looks."""
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("config.json", "{}")
        members.writestr("model.weights.h5", b"")
        if card is not None:
            members.writestr(CARD_MEMBER, card)
    return path


def test_a_card_comes_back_from_its_file(tmp_path: Path) -> None:
    card = card_for(NetworkSettings())
    card = ModelCard.model_validate(
        dict(card)
        | {
            "samples": (
                TrainingSample(sample="QVC028", class_name="disc", n_grains=103, mosaic_sha256="ab"),
            ),
            "history": ({"epoch": 1, "loss": 0.5, "val_roc_auc": math.nan},),
            "metrics": {"validation": {"roc_auc": math.nan, "confusion": [[1, 0], [0, 1]]}},
        }
    )
    read = read_card(archive(tmp_path / "möd el.keras", card.model_dump_json()))
    assert read.samples == card.samples
    assert read.crop == card.crop
    assert read.created == card.created
    assert read.history[0]["epoch"] == 1
    assert math.isnan(read.history[0]["val_roc_auc"])
    assert read.metrics == {"validation": {"roc_auc": None, "confusion": [[1, 0], [0, 1]]}}


def test_the_file_says_class_and_null_as_json_does() -> None:
    sample = TrainingSample(sample="QVC028", class_name="disc", n_grains=1)
    history = ({"epoch": 1, "val_roc_auc": math.nan},)
    card = card_for(NetworkSettings()).model_copy(update={"samples": (sample,), "history": history})
    content = json.loads(card.model_dump_json())
    assert content["samples"][0]["class"] == "disc"
    assert content["history"] == [{"epoch": 1, "val_roc_auc": None}]


def test_the_last_class_is_the_target_unless_told() -> None:
    card = card_for(NetworkSettings(), ("batholith", "porphyry"))
    assert card.target_class == "porphyry"
    assert ModelCard.model_validate(dict(card) | {"target_class": "batholith"}).target_class == "batholith"


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ("one", "one")},
        {"classes": ("only",)},
        {"classes": ("a", "b", "c")},
        {"target_class": "neither"},
        {"crop": {"size_px": 64}},
        {"surprise": 1},
    ],
)
def test_a_card_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelCard.model_validate(dict(card_for(NetworkSettings())) | change)


def test_what_is_no_readable_card_is_said_in_a_sentence(tmp_path: Path) -> None:
    good = json.loads(card_for(NetworkSettings()).model_dump_json())
    text = tmp_path / "text.keras"
    text.write_text("not a model")
    other_zip = tmp_path / "zip.keras"
    with zipfile.ZipFile(other_zip, "w") as members:
        members.writestr("readme.txt", "hello")
    expected = {
        tmp_path / "nowhere.keras": "There is no model file",
        tmp_path: "There is no model file",
        text: "is not a Keras file",
        other_zip: "is a zip archive but not a Keras file",
        archive(tmp_path / "a.keras", None): "has no card",
        archive(tmp_path / "b.keras", "{"): "card inside .* is damaged",
        archive(tmp_path / "c.keras", "[1]"): "card inside .* is damaged",
        archive(
            tmp_path / "d.keras", json.dumps(good | {"format_version": FORMAT_VERSION + 1})
        ): "newer version",
        archive(tmp_path / "e.keras", json.dumps(good | {"classes": ["a"]})): r"does not hold \(classes",
        archive(tmp_path / "f.keras", json.dumps({"format_version": 1})): r"does not hold \(network",
    }
    for path, sentence in expected.items():
        with pytest.raises(ZirconError, match=sentence):
            read_card(path)


def test_a_window_can_read_a_card_without_keras(tmp_path: Path) -> None:
    path = archive(tmp_path / "model.keras", card_for(NetworkSettings()).model_dump_json())
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_zircon_cnn.networks.card import read_card\n"
        "from napari_zircon_cnn.networks.registry import network_names\n"
        "network_names()\n"
        "print(read_card(Path(sys.argv[1])).target_class)\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["ring", "[]"]
