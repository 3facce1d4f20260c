"""What the worker process does first, so that the first job need not wait for Keras."""

from napari_zircon_cnn.networks.start import start_keras


def warm_up() -> None:
    """Load all that training and classifying need."""
    start_keras()
    import napari_zircon_cnn.inference
    import napari_zircon_cnn.networks.bundle
    import napari_zircon_cnn.training  # noqa: F401


def found_devices() -> list[str]:
    """Return the devices that Keras's backend sees, such as `gpu:0`, the fastest kind first."""
    start_keras()
    from napari_zircon_cnn.training.devices import devices

    return [device for kind in ("gpu", "tpu", "cpu") for device in devices(kind)]
