"""An embedding as layers beside the mount: the grains' thumbnails, and a point over each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from napari.layers import Image, Points
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.grains import SegmentedMount
from napari_zircon_cnn.progress import Progress, part_of, silent
from napari_zircon_cnn.widgets.layers import METADATA, selection_kept
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.session import Session

THUMBNAILS_LAYER = "embedding thumbnails"
POINTS_LAYER = "embedding"

_THUMB_PX = 32
_PER_GRAIN_PX, _SIDES_PX = 60.0, (640, 4096)
_GAP, _RIM = 0.04, 0.06
_FACTS = ["sample", "label", "status", "class", "probability"]


def thumbnails(
    mounts: Mapping[str, SegmentedMount],
    points: pd.DataFrame,
    values: NDArray[np.float64],
    progress: Progress = silent,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Paint the thumbnails of grains where they lie in an embedding.

    Parameters
    ----------
    mounts
        The mounts by sample.
    points
        The grains, with the columns `sample` and `label`.
    values
        Two coordinates of each, shape (n, 2), the second of which points upwards.
    progress
        Told of each sample; may raise `Cancelled`.

    Returns
    -------
    tuple
        The picture, shape (side, side, 4), clear where no grain is, and the middle of each
        thumbnail as (row, column), shape (n, 2).
    """
    side = int(np.clip(_PER_GRAIN_PX * np.sqrt(len(points)), *_SIDES_PX))
    low, span = values.min(axis=0), np.ptp(values, axis=0)
    shares = (values - low) / np.where(span > 0, span, 1.0)
    shares[:, span == 0] = 0.5
    places = _THUMB_PX / 2 + np.column_stack([1 - shares[:, 1], shares[:, 0]]) * (side - 1 - _THUMB_PX)
    picture = np.zeros((side, side, 4), np.uint8)
    settings = CropSettings(size_px=_THUMB_PX, masked=True)
    samples = list(dict.fromkeys(points["sample"]))
    for n, sample in enumerate(samples):
        here = np.flatnonzero(points["sample"] == sample)
        step = part_of(progress, n / len(samples), (n + 1) / len(samples), sample)
        crops = cut_crops(mounts[sample], points["label"].to_numpy(np.int64)[here], settings, step)
        corners = np.rint(places[here] - _THUMB_PX / 2).astype(int)
        for crop, (top, left) in zip(crops[..., 0], corners, strict=True):
            part = picture[top : top + _THUMB_PX, left : left + _THUMB_PX]
            there = crop > 0
            part[there, :3] = np.round(255 * crop[there, None])
            part[there, 3] = 255
    return picture, places


class _Shown(NamedTuple):
    """What the layers show: beside which sample, which grains, and where they lie."""

    beside: OpenSample
    grains: pd.DataFrame
    values: NDArray[np.float64]

    def is_same_as(self, other: "_Shown") -> bool:
        same = self.beside is other.beside and self.grains.equals(other.grains)
        return same and np.array_equal(self.values, other.values)


class EmbeddingLayers(QObject):
    """Shows and removes the two layers, each of which is there once.

    Parameters
    ----------
    session
        The session.
    on_chosen
        Called with the points that were chosen with napari's tools, indices of shape (k,).
    on_shown
        Called when the layers are there, so that what is selected is marked in them too.
    """

    removed = Signal()
    """The user has removed a layer, or points of it, so that both go."""

    def __init__(
        self,
        session: Session,
        on_chosen: Callable[[NDArray[np.int64]], None],
        on_shown: Callable[[], None],
    ) -> None:
        super().__init__()
        self._session, self._viewer = session, session.viewer
        self._on_chosen, self._on_shown = on_chosen, on_shown
        self._is_wanted = self._is_marking = False
        self._grains = pd.DataFrame()
        self._axes: list[str] = []
        self._rgba: NDArray[np.uint8] = np.empty((0, 4), np.uint8)
        self._shown: _Shown | None = None
        self._picture: Image | None = None
        self._points: Points | None = None
        self._viewer.layers.events.removed.connect(self._on_layer_removed)

    @property
    def are_shown(self) -> bool:
        """Whether the layers are there."""
        return self._points is not None

    def want(self, *, wanted: bool) -> None:
        """Show the layers, or show them no longer."""
        self._is_wanted = wanted
        self._update()

    def set_points(self, grains: pd.DataFrame, axes: Sequence[str], rgba: NDArray[np.uint8]) -> None:
        """Take over what the plot shows.

        Parameters
        ----------
        grains
            The grains, rows of the grain tables with the columns `sample` and `label`.
        axes
            The two columns that they are laid out by.
        rgba
            Their colours, shape (n, 4), from 0 to 255.
        """
        self._grains, self._axes, self._rgba = grains, list(axes), rgba
        self._update()

    def _update(self) -> None:
        active, grains = self._session.active, self._grains
        if not self._is_wanted or active is None or not len(grains):
            self._shown = None
            self.hide()
            return
        values = grains[self._axes].to_numpy(np.float64)
        wanted = _Shown(active, grains[["sample", "label"]], values)
        if self._shown is not None and wanted.is_same_as(self._shown):
            if self._points is not None:
                self._points.border_color = self._rgba / 255
                self._points.features = grains[_FACTS].reset_index(drop=True)
            return
        self._shown = wanted
        mounts = {name: sample.segmented for name, sample in self._session.samples.items()}

        def show(found: tuple[NDArray[np.uint8], NDArray[np.float64]]) -> None:
            if self._shown is wanted:
                self._show(active, *found)

        task = self._session.run("Painting thumbnails", thumbnails, mounts, grains, values)
        task.done.connect(show)

    def _show(self, beside: OpenSample, picture: NDArray[np.uint8], places: NDArray[np.float64]) -> None:
        """Show an embedding at the right of a sample's mount, as high as that."""
        self.hide()
        low, high = (np.asarray(corner)[-2:] for corner in beside.image.extent.world)
        scale = (high - low)[0] / len(picture)
        frame = {
            "scale": (scale, scale),
            "translate": (low[0], high[1] + _GAP * (high - low)[1]),
            "units": beside.image.units[-2:],
            "axis_labels": beside.image.axis_labels[-2:],
            "metadata": {METADATA: {"is_map": True}},
        }
        with selection_kept(self._viewer):
            self._picture = self._viewer.add_image(picture, name=THUMBNAILS_LAYER, rgb=True, **frame)
            self._points = self._viewer.add_points(
                places,
                name=POINTS_LAYER,
                features=self._grains[_FACTS].reset_index(drop=True),
                symbol="square",
                size=_THUMB_PX,
                face_color="transparent",
                border_color=self._rgba / 255,
                border_width=_RIM,
                **frame,
            )
        self._points.selected_data.events.items_changed.connect(self._on_selected)
        self._points.events.data.connect(self._on_data)
        self._viewer.fit_to_view(layers=[beside.image, self._picture])
        self._on_shown()

    def mark(self, points: NDArray[np.int64]) -> None:
        """Mark points as those that are selected, and no others."""
        if self._points is None or self._is_marking:
            return
        self._is_marking = True
        try:
            self._points.selected_data = set(points.tolist())
            self._points.refresh()
        finally:
            self._is_marking = False

    def hide(self) -> None:
        """Remove the layers."""
        layers, self._picture, self._points = (self._picture, self._points), None, None
        for layer in layers:
            if layer is not None and layer in self._viewer.layers:
                with selection_kept(self._viewer):
                    self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Remove the layers and heed the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.hide()

    def _on_selected(self, event: Any) -> None:  # noqa: ARG002 -- napari passes one
        if self._points is None or self._is_marking:
            return
        self._is_marking = True
        try:
            self._on_chosen(np.array(sorted(self._points.selected_data), np.int64))
        finally:
            self._is_marking = False

    def _on_data(self, event: Any) -> None:
        # A point more or less would belong to no grain.
        if str(event.action) in ("added", "removed"):
            self._let_go()

    def _on_layer_removed(self, event: Any) -> None:
        if event.value in (self._picture, self._points):
            self._let_go()

    def _let_go(self) -> None:
        self._is_wanted, self._shown = False, None
        # napari still works on what is to be removed.
        QTimer.singleShot(0, self.hide)
        self.removed.emit()
