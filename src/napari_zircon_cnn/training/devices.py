"""How a training uses the devices that are there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import keras


@contextmanager
def computing(mixed_precision: bool) -> Iterator[None]:
    """Build networks, within the block, that compute as asked and on all GPUs where Keras can share work.

    Parameters
    ----------
    mixed_precision
        Whether layers compute with 16 bits: float16 on a GPU, bfloat16 elsewhere.

    Notes
    -----
    Keras shares the work of a batch among several GPUs by `keras.distribution` where its backend is
    JAX; the other backends have no such sharing in Keras and take one GPU.
    """
    gpus = keras.distribution.list_devices("gpu") if keras.config.backend() != "torch" else []
    with ExitStack() as restored:
        if mixed_precision:
            restored.callback(keras.config.set_dtype_policy, keras.config.dtype_policy())
            keras.config.set_dtype_policy("mixed_float16" if gpus else "mixed_bfloat16")
        if len(gpus) > 1 and keras.config.backend() == "jax":
            restored.callback(keras.distribution.set_distribution, keras.distribution.distribution())
            keras.distribution.set_distribution(keras.distribution.DataParallel(devices=gpus))
        yield
