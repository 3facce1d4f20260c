import hashlib
import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from drawn_crops import card_for, discs_and_rings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.inference import predict
from napari_zircon_cnn.networks import bundle
from napari_zircon_cnn.networks.bundle import ModelBundle
from napari_zircon_cnn.networks.card import (
    CARD_MEMBER,
    CONFIG_MEMBER,
    FORMAT_VERSION,
    WEIGHTS_MEMBER,
    check_model_path,
    read_card,
)
from napari_zircon_cnn.networks.registry import build_network
from napari_zircon_cnn.networks.settings import NetworkSettings


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return the file of a network with fresh weights."""
    path = tmp_path / "modèle 1.keras"
    bundle.save(fresh(), path)
    return path


def fresh(settings: NetworkSettings | None = None) -> ModelBundle:
    settings = settings or NetworkSettings()
    return ModelBundle(build_network(settings), card_for(settings))


FIRST_CARD = """{"format_version": 1,
 "network": {"network": "lenet5", "input_size": 32, "n_classes": 2, "dropout": true,
  "value_range": "minus_one_to_one"},
 "classes": ["batholith", "porphyry"], "target_class": "porphyry",
 "crop": {"box_um": 180.0, "size_px": 32, "masked": false, "resampling_um": 2.0}, "scaling": "unit",
 "pixel_sizes_um": {"QVC028": 2.0},
 "samples": [{"sample": "QVC028", "class": "porphyry", "n_grains": 2, "mosaic_sha256": "ab"}],
 "grain_hashes": ["0123456789abcdef", "fedcba9876543210"],
 "validation": {"kind": "split", "hold_out": [], "split": "20% of the grains at random"},
 "training": {"network": "lenet5", "dropout": true, "augmentation": "notebook",
  "value_range": "minus_one_to_one", "epochs": 7, "batch_size": 32, "learning_rate": 0.001,
  "class_weights": false, "keep_best": false, "seed": 3},
 "versions": {"python": "3.11.7", "keras": "3.15.0", "tensorflow": "2.21.0", "napari-zircon-cnn": "0.1.0"},
 "history": [{"epoch": 1, "loss": 0.7, "accuracy": 0.5, "roc_auc": 0.5, "val_loss": null, "seconds": 0.1}],
 "metrics": {"validation": {"n": 2, "loss": 0.7, "roc_auc": null}},
 "created": "2026-11-20T10:00:00Z", "members_sha256": HASHES}"""
"""The card of a network as the first version of the plugin wrote it."""


def test_a_network_of_the_first_version_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "old.keras"
    settings = NetworkSettings(value_range="minus_one_to_one")
    model = build_network(settings)
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        members = (CONFIG_MEMBER, WEIGHTS_MEMBER)
        hashes = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in members}
        archive.writestr(CARD_MEMBER, FIRST_CARD.replace("HASHES", json.dumps(hashes)))

    loaded = bundle.load(path)
    crops, _ = discs_and_rings(4)
    np.testing.assert_array_equal(predict(loaded.model, crops), predict(model, crops))
    assert loaded.card.network == settings
    assert (loaded.card.training.epochs, loaded.card.training.optimiser) == (7, "adam")
    # Written again, it is a file of this version.
    again = bundle.save(loaded, tmp_path / "new.keras")
    assert bundle.load(tmp_path / "new.keras").card == again.card
    assert (loaded.card.format_version, again.card.format_version) == (1, FORMAT_VERSION)


def save_unchecked(model: keras.Model, path: Path) -> Path:
    """Save a network with a card that agrees with the file, as someone who means harm would."""
    bundle.save(ModelBundle(model, fresh().card), path)
    return path


def change(path: Path, member: str, edit: Callable[[bytes], bytes | None]) -> None:
    """Edit a member of a .keras file, or leave it out where the edit gives None."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            edited = edit(content) if name == member else content
            if edited is not None:
                archive.writestr(name, edited)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_network_comes_back_with_its_card_and_its_numbers(tmp_path: Path, n_classes: int) -> None:
    settings = NetworkSettings(n_classes=n_classes, value_range="minus_one_to_one")
    card = card_for(settings, ("a", "b", "c")[:n_classes])
    written = bundle.save(ModelBundle(build_network(settings), card), tmp_path / "new folder" / "m.keras")
    loaded = bundle.load(tmp_path / "new folder" / "m.keras")
    crops, _ = discs_and_rings(8)
    np.testing.assert_array_equal(predict(loaded.model, crops), predict(written.model, crops))
    assert loaded.card == written.card == read_card(tmp_path / "new folder" / "m.keras")
    assert set(loaded.card.members_sha256) == {CONFIG_MEMBER, WEIGHTS_MEMBER}


def test_keras_alone_opens_the_file_too(saved: Path) -> None:
    assert keras.saving.load_model(saved).count_params() == 22_029


def test_only_a_keras_file_s_name_is_written_to(tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match=r"must end in \.keras"):
        bundle.save(fresh(), tmp_path / "model.h5")
    with pytest.raises(ZirconError, match="is a folder"):
        (tmp_path / "folder.keras").mkdir()
        check_model_path(tmp_path / "folder.keras")


def test_a_changed_file_no_longer_agrees_with_its_card(saved: Path) -> None:
    change(saved, WEIGHTS_MEMBER, lambda weights: weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(ZirconError, match="not the one that its card describes"):
        bundle.load(saved)


def test_a_changed_network_no_longer_agrees_with_its_card(saved: Path) -> None:
    change(saved, CONFIG_MEMBER, lambda config: config.replace(b'"relu"', b'"tanh"'))
    with pytest.raises(ZirconError, match="not the one that its card describes"):
        bundle.load(saved)


def test_a_file_without_a_card_is_refused(saved: Path) -> None:
    change(saved, CARD_MEMBER, lambda card: None)
    with pytest.raises(ZirconError, match="has no card"):
        bundle.load(saved)


def test_a_truncated_file_and_a_text_are_no_keras_files(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[: saved.stat().st_size // 2])
    with pytest.raises(ZirconError, match="is not a Keras file"):
        bundle.load(saved)
    saved.write_text("not a model")
    with pytest.raises(ZirconError, match="is not a Keras file"):
        bundle.load(saved)


def test_a_flipped_bit_inside_the_archive_is_noticed(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        offset = archive.getinfo(WEIGHTS_MEMBER).header_offset + 2000
    content = bytearray(saved.read_bytes())
    content[offset] ^= 255
    saved.write_bytes(content)
    with pytest.raises(ZirconError, match="damaged in its part model"):
        bundle.load(saved)


def test_a_network_of_another_input_shape_is_refused(tmp_path: Path) -> None:
    path = save_unchecked(build_network(NetworkSettings(input_size=64)), tmp_path / "m.keras")
    with pytest.raises(ZirconError, match=r"input of shape \(None, 64, 64, 1\).*32 x 32 px"):
        bundle.load(path)


def test_a_network_of_other_outputs_is_refused(tmp_path: Path) -> None:
    path = save_unchecked(build_network(NetworkSettings(n_classes=3)), tmp_path / "m.keras")
    with pytest.raises(ZirconError, match=r"output of shape \(None, 3\).*2 classes"):
        bundle.load(path)


def test_a_lambda_layer_is_refused_before_it_runs(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    # A default argument is stored with the function's code; a global name is not.
    harm = layers.Lambda(lambda x, flag=str(flag): (__import__("pathlib").Path(flag).touch(), x)[1])
    harm.compute_output_shape = lambda shape: shape
    crops = keras.Input((32, 32, 1))
    outputs = layers.Dense(1)(layers.Flatten()(harm(crops)))
    path = save_unchecked(keras.Model(crops, outputs), tmp_path / "m.keras")
    flag.unlink(missing_ok=True)
    with pytest.raises(ZirconError, match="contains a Lambda layer, which could run foreign code"):
        bundle.load(path)
    change(path, CARD_MEMBER, lambda card: None)
    with pytest.raises(ZirconError, match="contains a Lambda layer"):
        bundle.load(path)
    assert not flag.exists()


@keras.saving.register_keras_serializable(package="somebody")
class Foreign(layers.Layer):
    def call(self, x: object) -> object:
        return x


@keras.saving.register_keras_serializable(package="somebody")
class Dense(layers.Dense):
    """Has the name of a plain layer and is none."""


@pytest.mark.parametrize("foreign", [Foreign(), Dense(32)])
def test_a_foreign_layer_is_refused(tmp_path: Path, foreign: layers.Layer) -> None:
    crops = keras.Input((32, 32, 1))
    outputs = layers.Dense(1)(foreign(layers.Flatten()(crops)))
    path = save_unchecked(keras.Model(crops, outputs), tmp_path / "m.keras")
    with pytest.raises(
        ZirconError, match=r"contains \S+(Foreign|Dense), which is not one of Keras' plain layers"
    ):
        bundle.load(path)


@pytest.mark.parametrize(
    "part",
    [
        {"module": "os", "class_name": "Dense", "config": {}},
        {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "file:///etc/passwd"}},
        {"class_name": "__lambda__", "config": {"code": ""}},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}},
    ],
)
def test_a_foreign_part_hidden_in_a_setting_is_refused(saved: Path, part: dict[str, object]) -> None:
    def hide(config: bytes) -> bytes:
        content = json.loads(config)
        content["config"]["layers"][1]["config"]["kernel_initializer"] = part
        return json.dumps(content).encode()

    change(saved, CONFIG_MEMBER, hide)
    with pytest.raises(ZirconError, match="could run foreign code"):
        bundle.load(saved)


def test_a_failed_save_leaves_the_old_file(saved: Path) -> None:
    before = saved.read_bytes()
    broken = fresh().card.model_copy(update={"target_class": "nobody"})
    with pytest.raises(ValueError, match="target class"):
        bundle.save(ModelBundle(fresh().model, broken), saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_kill_while_saving_leaves_a_whole_file(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_zircon_cnn.networks import bundle\n"
        "loaded = bundle.load(Path(sys.argv[1]))\n"
        "print('saving', flush=True)\n"
        "while True: bundle.save(loaded, Path(sys.argv[1]))"
    )
    with subprocess.Popen([sys.executable, "-c", code, saved], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"saving\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert bundle.load(saved).model.count_params() == 22_029
