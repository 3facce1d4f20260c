"""Starting Keras, its backend at its fastest and without the notes that it prints about itself."""

import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_X86 = {"x86_64", "AMD64"}


def start_keras() -> None:
    """Import Keras and its backend; what TensorFlow's libraries say of themselves is not shown.

    Some of them write to the process's error stream before they read the setting that silences
    the others. An import that fails still raises.

    TensorFlow's oneDNN kernels are turned on, unless the environment variable `TF_ENABLE_ONEDNN_OPTS`
    says otherwise: it leaves them off on processors without AVX-512, where a step of LeNet-5 takes half
    as long again without them.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if platform.machine() in _X86:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # What it says to developers of functions traced again is nothing that a user could act on.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _silent_error_stream():
        import keras

        # The backend's device is looked for, and talked about, when it is first used.
        keras.ops.zeros(1)


@contextmanager
def _silent_error_stream() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
