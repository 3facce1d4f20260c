import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.registry import build_network
from napari_zircon_cnn.networks.settings import NetworkSettings
from napari_zircon_cnn.networks.vgg16 import load_imagenet
from vgg_weights import write_vgg_weights

SETTINGS = NetworkSettings(network="vgg16", input_size=32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vgg_weights(tmp_path_factory.mktemp("vgg") / "weights.h5")


def test_weights_of_a_file_like_keras_s_own_go_into_the_convolutions(weights: Path) -> None:
    model = build_network(SETTINGS)
    head = model.get_layer("F6").get_weights()
    load_imagenet(model, str(weights))
    with h5py.File(weights) as file:
        for name in ("block1_conv1", "block3_conv3", "block5_conv3"):
            kernel, bias = model.get_layer(name).get_weights()
            np.testing.assert_array_equal(kernel, file[f"{name}/{name}/kernel:0"])
            np.testing.assert_array_equal(bias, 0)
    np.testing.assert_array_equal(model.get_layer("F6").get_weights()[0], head[0])


def test_a_file_that_holds_something_else_is_answered(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(ZirconError, match=r"text\.h5 holds no weights of VGG-16 without its top"):
        load_imagenet(build_network(SETTINGS), str(tmp_path / "text.h5"))


def test_without_a_network_the_sentence_says_where_to_get_the_file(tmp_path: Path) -> None:
    code = (
        "from napari_zircon_cnn.errors import ZirconError\n"
        "from napari_zircon_cnn.networks.vgg16 import load_imagenet\n"
        "try: load_imagenet(None, 'imagenet')\n"
        "except ZirconError as error: print(error)"
    )
    # An empty cache, and a proxy that nobody answers at.
    cut_off = {"KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | cut_off, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == (
        "The weights from ImageNet cannot be downloaded; connect to the network, or download "
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 elsewhere and name the file as the weights."
    )
