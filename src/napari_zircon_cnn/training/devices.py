"""How a training uses the devices that are there."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import keras


def devices(kind: str) -> list[str]:
    """Return the devices that Keras's backend sees of a kind, gpu, tpu or cpu, such as `gpu:0`."""
    if keras.config.backend() != "torch":
        try:
            return [str(device) for device in keras.distribution.list_devices(kind)]
        except RuntimeError:
            # JAX's way to say that there are none of the kind.
            return []
    # Keras cannot list those of this backend.
    import torch  # noqa: PLC0415

    return [f"{kind}:{n}" for n in range({"gpu": torch.cuda.device_count(), "cpu": 1}.get(kind, 0))]


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
    gpus = devices("gpu")
    with ExitStack() as restored:
        if mixed_precision:
            restored.callback(keras.config.set_dtype_policy, keras.config.dtype_policy())
            keras.config.set_dtype_policy("mixed_float16" if gpus else "mixed_bfloat16")
        if len(gpus) > 1 and keras.config.backend() == "jax":
            restored.callback(keras.distribution.set_distribution, keras.distribution.distribution())
            keras.distribution.set_distribution(keras.distribution.DataParallel(devices=gpus))
        yield


def n_sharing() -> int:
    """Return how many devices share the work of a batch, as `computing` has arranged it."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else math.prod(distribution.device_mesh.shape)
