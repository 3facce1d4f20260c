"""Starting Keras without the notes that its backend prints about itself."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def start_keras() -> None:
    """Import Keras and its backend; what TensorFlow's libraries say of themselves is not shown.

    Some of them write to the process's error stream before they read the setting that silences
    the others. An import that fails still raises.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
