"""What the worker process does first, so that the first job need not wait for Keras."""

import gc
import threading

from napari_zircon_cnn.networks.start import start_keras


def warm_up() -> None:
    """Load all that training and classifying need."""
    start_keras()
    import napari_zircon_cnn.inference
    import napari_zircon_cnn.networks.bundle
    import napari_zircon_cnn.training  # noqa: F401

    spare_what_is_loaded()
    # Beside the first jobs, since what UMAP is made of is compiled for a while, and few jobs need it.
    threading.Thread(target=warm_up_umap, name="UMAP's warming up", daemon=True).start()


def warm_up_beside() -> None:
    """Load all that is needed to tell of single grains, while another process trains."""
    start_keras()
    import napari_zircon_cnn.explain.feature_maps
    import napari_zircon_cnn.explain.saliency  # noqa: F401

    spare_what_is_loaded()


def spare_what_is_loaded() -> None:
    """Have Python's collection of unreachable objects pass over all that there is now.

    Among half a million objects of Keras and its backend a full collection takes 0.3 s, in which
    whoever turns to another grain waits.
    """
    gc.collect()
    gc.freeze()


def warm_up_umap() -> None:
    """Let all be compiled that UMAP needs, by laying out a few grains of no meaning."""
    import numpy as np

    from napari_zircon_cnn.embedding.layout import fit
    from napari_zircon_cnn.embedding_file import EmbeddingSettings

    fit(np.random.default_rng(0).random((30, 4), np.float32), EmbeddingSettings())
    gc.freeze()


def found_devices() -> list[str]:
    """Return the devices that Keras's backend sees, such as `gpu:0`, the fastest kind first."""
    start_keras()
    from napari_zircon_cnn.training.devices import devices

    return [device for kind in ("gpu", "tpu", "cpu") for device in devices(kind)]
