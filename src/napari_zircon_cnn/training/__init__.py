"""Fit a network to crops, in stages, with its figures of merit after each epoch."""

from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.training.fit import TrainResult, train
from napari_zircon_cnn.training.record import Epoch, History

__all__ = ["Epoch", "History", "TrainResult", "TrainSettings", "train"]
