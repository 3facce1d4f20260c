import os
import platform
import subprocess
import sys

import keras
import pytest

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
CODE = """
from napari_zircon_cnn.networks.start import start_keras
start_keras()
from tensorflow.python.framework.test_util import IsMklEnabled
print(IsMklEnabled())
"""


@pytest.mark.skipif(
    keras.config.backend() != "tensorflow" or platform.machine() not in {"x86_64", "AMD64"},
    reason="the kernels are TensorFlow's for x86",
)
@pytest.mark.parametrize(("said", "are_on"), [(None, "True"), ("0", "False")])
def test_the_faster_kernels_are_on_unless_the_user_says_no(said: str | None, are_on: str) -> None:
    """TensorFlow itself has them on where the processor has AVX-512 alone."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if said is not None:
        environment[VARIABLE] = said
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == are_on
    assert done.stderr == ""
