import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """
from napari_zircon_cnn.networks.spec import NetworkSpec
SPEC = NetworkSpec("zircon_extra.build:build", size_px=24, options=())
"""
BUILD = """
import keras
def build(settings):
    crops = keras.Input((settings.input_size, settings.input_size, 1))
    maps = keras.layers.Conv2D(4, 3, name="first")(crops)
    return keras.Model(crops, keras.layers.Dense(1, "sigmoid")(keras.layers.Flatten(name="flat")(maps)))
"""
BROKEN = "import nothing_of_that_name\n"


@pytest.fixture
def other_package(tmp_path: Path) -> Path:
    """Return the folder of an installed package with networks of its own, some of them no good."""
    package, info = tmp_path / "zircon_extra", tmp_path / "zircon_extra-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    for name, text in (("__init__", ""), ("spec", SPEC), ("build", BUILD), ("broken", BROKEN)):
        (package / f"{name}.py").write_text(text)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zircon-extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[napari_zircon_cnn.networks]\n"
        "tiny = zircon_extra.spec:SPEC\n"
        "no-spec = zircon_extra.spec:NetworkSpec\n"
        "broken = zircon_extra.broken:SPEC\n"
        "lenet5 = zircon_extra.spec:SPEC\n"
    )
    return tmp_path


def run(code: str, folder: Path) -> str:
    start = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, check=True
    ).stdout


def test_another_package_s_network_is_listed_without_keras_and_built(other_package: Path) -> None:
    told = run(
        "from napari_zircon_cnn.networks.registry import build_network, network_names, network_spec\n"
        "from napari_zircon_cnn.networks.settings import NetworkSettings\n"
        "print(*network_names())\n"
        "print(network_spec('tiny').size_px, network_spec('lenet5').size_px, 'keras' in sys.modules)\n"
        "from napari_zircon_cnn.networks.layers import feature_map_layers, penultimate_layer\n"
        "model = build_network(NetworkSettings('tiny', 24))\n"
        "print(model.input_shape, feature_map_layers(model), penultimate_layer(model))",
        other_package,
    )
    # A name of ours keeps its meaning.
    assert told.splitlines() == [
        "alexnet broken lenet5 mlp no-spec tiny vgg16",
        "24 32 False",
        "(None, 24, 24, 1) ('first',) flat",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("broken", "cannot be loaded (zircon_extra.broken:SPEC: No module named 'nothing_of_that_name')"),
        ("no-spec", "is no NetworkSpec (zircon_extra.spec:NetworkSpec)"),
    ],
)
def test_a_broken_network_of_another_package_is_answered(
    other_package: Path, name: str, sentence: str
) -> None:
    told = run(
        "from napari_zircon_cnn.errors import ZirconError\n"
        "from napari_zircon_cnn.networks.registry import network_spec\n"
        f"try: network_spec({name!r})\n"
        "except ZirconError as error: print(error)",
        other_package,
    )
    assert f"The network {name} of another package {sentence}" in told
    assert "update that package or choose another network." in told
