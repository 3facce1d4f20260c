"""The entries of napari's menu File > Open Sample, as layers in µm.

napari waits for what a menu entry returns, and wants a layer. Where a mosaic must be downloaded first it
gets one that says so, and the mosaic takes its place at the end of the session's work: with progress, and
a way to stop.
"""

from functools import partial

import numpy as np
from napari.types import LayerData
from napari.viewer import current_viewer
from qtpy.QtCore import QTimer

from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.samples.synthetic import synthetic_mount
from napari_zircon_cnn.widgets.layers import grid, mount_layer
from napari_zircon_cnn.widgets.preferences import preferences
from napari_zircon_cnn.widgets.session import Session, session_of
from napari_zircon_cnn.widgets.status_line import StatusLine
from napari_zircon_cnn.widgets.tasks import Task

_UM = {"units": ("um", "um"), "axis_labels": ("y", "x")}
# To be read on the canvas of each theme.
_NOTE_COLOUR = "#C87A00"


def synthetic() -> list[LayerData]:
    """Return a drawn mount and its true grains, the same at every call.

    Returns
    -------
    list of LayerData
        The mount as an image layer, and a labels layer whose features table gives the true
        class; row i of the table is label i.
    """
    drawn = synthetic_mount()
    truth = grid(drawn.mount) | {
        "name": f"{drawn.mount.sample} true grains",
        "opacity": 0.3,  # what is inside the grains must stay visible
        "features": {"class": list(drawn.classes)},
    }
    return [mount_layer(drawn.mount), (drawn.labels, truth, "labels")]


def mosaic(sample: str) -> list[LayerData]:
    """Return a mosaic of the paper; where it must be downloaded first, it comes to the window by itself.

    Parameters
    ----------
    sample
        Name of the Quellaveco sample.

    Returns
    -------
    list of LayerData
        The mosaic as an image layer, or a layer that says that it is on its way.

    Raises
    ------
    ZirconError
        Where the local copy is not the published mosaic or, without a window, the download fails.
    """
    viewer, folder = current_viewer(), preferences().cache_folder
    if viewer is None or quellaveco.on_disk(sample, folder=folder):
        return [mount_layer(quellaveco.load(sample, folder=folder))]
    session = session_of(viewer)
    show_work(session)
    note = f"{sample} is being downloaded"

    def take_off() -> None:
        if note in viewer.layers:
            viewer.layers.remove(note)

    session.open_quellaveco(sample).ended.connect(take_off)
    unseen = {"face_color": "transparent", "border_color": "transparent"}
    look = {"name": note, "text": {"string": [note], "color": _NOTE_COLOUR}}
    return [(np.zeros((1, 2)), _UM | unseen | look, "points")]


def show_work(session: Session) -> None:
    """Show what the session is doing below the canvas, where no panel of ours is open to show it.

    Parameters
    ----------
    session
        The session, whose next task is the first that is shown.
    """
    viewer = session.viewer
    window = viewer.window.main_menu.window()
    if any(line.isVisibleTo(window) for line in window.findChildren(StatusLine)):
        return
    line = StatusLine(session)
    viewer.window.add_dock_widget(line, name="Zircon CNN at work", area="bottom")
    failures: list[str] = []

    def follow(task: Task) -> None:
        task.failed.connect(lambda sentence, _: failures.append(sentence))
        task.ended.connect(leave)

    def leave() -> None:
        # What went wrong stays to be read.
        if not session.tasks and not failures:
            session.task_started.disconnect(follow)
            # Whoever listens to the task's end must have heard of it before the line is gone.
            QTimer.singleShot(0, take_off)

    def take_off() -> None:
        # The user may have closed it.
        if line in viewer.window.dock_widgets.values():
            viewer.window.remove_dock_widget(line)

    session.task_started.connect(follow)


# A manifest names functions without arguments.
qvc024 = partial(mosaic, "QVC024")
qvc055 = partial(mosaic, "QVC055")
qvc075 = partial(mosaic, "QVC075")
qvc082 = partial(mosaic, "QVC082")
