"""What is open in one viewer: the project, the samples on the screen, and the work under way."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import platformdirs
from napari.layers import Image, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication, QWidget

from napari_zircon_cnn.actions import Action
from napari_zircon_cnn.autosave import Autosave
from napari_zircon_cnn.curation import Touched
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.find_grains import find_grains
from napari_zircon_cnn.grains import SegmentedMount, usable
from napari_zircon_cnn.mosaic_files import write_mosaic
from napari_zircon_cnn.mount import Mount
from napari_zircon_cnn.progress import Progress, part_of
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_choices import Choices, choices_of
from napari_zircon_cnn.project_copy import check_can_copy
from napari_zircon_cnn.recent_projects import remember
from napari_zircon_cnn.recovery import LeftWork, OpenProject, left_work
from napari_zircon_cnn.samples import quellaveco
from napari_zircon_cnn.segmentation.methods import parameters_for
from napari_zircon_cnn.widgets.collecting import QuickCollection
from napari_zircon_cnn.widgets.layers import METADATA, mount_layer
from napari_zircon_cnn.widgets.modelling import Modelling
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.preferences import on_change, preferences
from napari_zircon_cnn.widgets.reader import read_with_default
from napari_zircon_cnn.widgets.singletons import keep_singletons
from napari_zircon_cnn.widgets.tasks import Task, in_thread
from napari_zircon_cnn.widgets.together import Together, perform, step_back
from napari_zircon_cnn.widgets.window_watch import WindowWatch

_MARGIN_UM = 40.0
_SHARE_OF_VIEW = 0.35
_LEAST_SHARE = 0.05
_MS_OF_A_MINUTE = 60_000
_AGAIN_MS = 1000
_ONCE_SEEN_MS = 500


class Session(QObject):
    """All panels of one viewer share one session, which ends with the viewer's window.

    Parameters
    ----------
    viewer
        The viewer.
    """

    project_changed = Signal()
    """Another project, or other samples in it."""
    active_changed = Signal(object)
    """The `OpenSample` that the panels are about, or None."""
    rows_changed = Signal(object)
    """Labels of the active sample whose rows have changed, an array; all have where it is None."""
    selection_changed = Signal(object)
    """The active sample's selected labels, a tuple."""
    said = Signal(str, bool)
    """A sentence for the user, and whether it is about something that went wrong."""
    task_started = Signal(object)
    """A `Task`."""
    left_changed = Signal()
    """Other work of a killed window is offered, or none."""

    def __init__(self, viewer: Viewer) -> None:
        keep_singletons()
        window = _window_of(viewer)
        super().__init__(window)
        self.viewer = viewer
        self.left: list[LeftWork] = left_work()
        self.autosave: Autosave | None = None
        self.samples: dict[str, OpenSample] = {}
        self.active: OpenSample | None = None
        self.tasks: list[Task] = []
        self.together = Together()
        self.modelling = Modelling(self, self)
        self._opened: OpenProject | None = None
        self._is_closed = False
        self._save_soon = QTimer(self)
        self._save_soon.setSingleShot(True)
        self._save_soon.timeout.connect(self._save_by_itself)
        # Once the panel is seen, since napari reads all manifests for the first preference.
        QTimer.singleShot(_ONCE_SEEN_MS, self._heed_preferences)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        self._collection = QuickCollection(viewer, self)
        self._watch = WindowWatch(window, lambda: [task.name for task in self.tasks], self.close, self)

    @property
    def project(self) -> Project | None:
        """The project whose files follow what is done here, if there is one yet."""
        return self.autosave.project if self.autosave else None

    @property
    def mosaic_layers(self) -> list[Image]:
        """The layers that may be mosaics, from the lowest to the highest."""
        return [
            layer
            for layer in self.viewer.layers
            if isinstance(layer, Image)
            and not layer.rgb
            and not layer.metadata.get(METADATA, {}).get("is_map")
        ]

    def say(self, sentence: str, *, wrong: bool = False) -> None:
        """Tell the user something."""
        self.said.emit(sentence, wrong)

    def run(self, name: str, work: Callable[..., Any], *arguments: Any, **named: Any) -> Task:
        """Run work in a thread; a failure is said, and the window stays usable meanwhile."""
        return self.watch(in_thread(name, work, *arguments, parent=self, **named))

    def watch(self, task: Task) -> Task:
        """Keep a task until it ends, and say where it fails."""
        self.tasks.append(task)
        task.failed.connect(lambda sentence, _: self.say(sentence, wrong=True))
        task.ended.connect(lambda: self.tasks.remove(task))
        self.task_started.emit(task)
        return task

    def open_mosaics(self, paths: Sequence[Path | str]) -> Task:
        """Read mosaics and show each as an image layer in µm."""

        def read(progress: Progress) -> list[tuple[Mount, bool]]:
            found = []
            for n, path in enumerate(paths):
                step = part_of(progress, n / len(paths), (n + 1) / len(paths), Path(path).name)
                step(0.0, "reading")
                found.append(read_with_default(str(path), step))
            return found

        task = self.run("Opening", read)
        task.done.connect(lambda found: [self.show_mount(mount, is_assumed=so) for mount, so in found])
        return task

    def open_quellaveco(self, sample: str) -> Task:
        """Show one of the paper's mosaics, downloaded where there is no copy yet."""
        folder = preferences().cache_folder
        task = self.run("Downloading", quellaveco.load, sample, folder=folder)
        task.done.connect(self.show_mount)
        return task

    def show_mount(self, mount: Mount, *, is_assumed: bool = False) -> Image:
        """Show a mount as an image layer in µm; see `mount_layer`."""
        data, look, _ = mount_layer(mount, is_assumed=is_assumed)
        layer = self.viewer.add_image(data, **look)
        self.viewer.reset_view()
        return layer

    def open_project(self, folder: Path | str) -> Task:
        """Open a project, or make one in a folder that has none, in place of the present one."""
        folder = Path(folder)

        def open_(progress: Progress) -> tuple[OpenProject, Project, Choices]:
            progress(0.0, f"opening {folder.name}")
            if self._opened is not None and self._opened.folder == folder.resolve():
                raise ZirconError(f"{folder} is open here already.")
            opened = OpenProject(folder)
            try:
                project = Project.create(folder)
                return opened, project, choices_of(project)
            except BaseException:
                opened.close()
                raise

        task = self.run("Opening the project", open_)
        task.done.connect(lambda found: self._use(*found))
        task.done.connect(lambda found: self._tell_samples(found[1], found[2]))
        return task

    def restore(self, left: LeftWork) -> Task:
        """Open the project of a window that was killed, with the samples that were on its screen."""

        def show() -> None:
            there = self.project.samples if self.project else []
            for name in left.samples:
                if name in there:
                    self.open_sample(name)

        task = self.open_project(left.folder)
        task.done.connect(show)
        return task

    def not_now(self) -> None:
        """Offer the work that was offered first again at the next start only."""
        self.left = self.left[1:]
        self.left_changed.emit()

    def save_as(self, folder: Path | str) -> Task | None:
        """Copy the project to an empty folder and go on there; undo reaches back as before."""
        folder = Path(folder)
        if self.autosave is None:
            return self.open_project(folder)
        if self.tasks:
            self.say("The project is at work; save it elsewhere when that is done.", wrong=True)
            return None
        autosave, saves = self.autosave, self.save_changed()

        def copy(progress: Progress) -> OpenProject:
            check_can_copy(autosave.project, folder)
            for save in saves:
                save.result()
            opened = OpenProject(folder)
            try:
                autosave.copy_to(folder, progress).result()
            except BaseException:
                opened.close()
                raise
            return opened

        task = self.run("Copying the project", copy)
        task.done.connect(self._go_on_in)
        return task

    def ensure_project(self) -> Autosave:
        """Return the project's autosave; without a project one is made in the user's data folder."""
        if self.autosave is not None:
            return self.autosave
        projects = platformdirs.user_data_path("napari-zircon-cnn") / "projects"
        stem = f"{datetime.now():%Y-%m-%d %H.%M.%S}"
        # Two windows may need one in the same second.
        names = (stem if n == 1 else f"{stem} ({n})" for n in itertools.count(1))
        folder = next(projects / name for name in names if not (projects / name).exists())
        return self._use(OpenProject(folder), Project.create(folder), Choices())

    def open_sample(self, name: str) -> Task:
        """Read a sample of the project and show it."""
        autosave = self.ensure_project()

        def load(progress: Progress) -> SegmentedMount:
            progress(0.0, f"reading {name}")
            return autosave.do(autosave.project.load, name).result()

        task = self.run("Opening the sample", load)
        task.done.connect(self._show)
        return task

    def segment(
        self, mount: Mount, method: str, values: Mapping[str, Any], *, overwrite: bool = False
    ) -> Task:
        """Find a mount's grains, write them to the project and show them."""
        autosave = self.ensure_project()

        def find(progress: Progress) -> SegmentedMount:
            project = autosave.project
            project.check_can_add(mount.sample, mount.source, overwrite=overwrite)
            segmented = find_grains(mount, method, values, part_of(progress, 0.0, 0.9))
            if not len(usable(segmented.table)):
                raise ZirconError(
                    f"No grain was found in {mount.sample} with {method}; look whether the mosaic is black "
                    "or the pixel size wrong, then try lower thresholds."
                )
            progress(0.9, f"saving {mount.sample}")
            if segmented.mount.source is None:
                source = autosave.do(write_mosaic, mount, project.mosaic_folder).result()
                segmented = SegmentedMount(source, segmented.labels, segmented.table)
            settings = dataclasses.asdict(parameters_for(method, values))
            autosave.do(project.add, segmented, method, settings, overwrite=overwrite).result()
            return segmented

        task = self.run("Finding grains", find)
        task.done.connect(self._show)
        return task

    def activate(self, name: str | None) -> None:
        """Make a sample on the screen the one that the panels are about, and hide the others."""
        if self._is_closed:
            # Panels still hear of each layer that goes with the window.
            return
        self.active = self.samples.get(name) if name else None
        for sample in self.samples.values():
            for layer in sample.layers:
                layer.visible = self.active is None or sample is self.active
        if self.active:
            self.viewer.layers.selection.active = self.active.grains
            self.viewer.fit_to_view(layers=[self.active.image])
        self.active_changed.emit(self.active)

    def perform(self, action: Action) -> bool:
        """Do an action on the active sample; return whether it fitted, and say why not.

        On grains that were chosen together in several samples it is done on all of them.
        """
        return self._try(lambda active: perform(action, active, self.together.others(active)))

    def undo(self) -> "dict[OpenSample, Touched]":
        """Take the active sample's last action back; return what that has changed, by sample."""
        return self._step("undo")

    def redo(self) -> "dict[OpenSample, Touched]":
        """Do again what was last undone on the active sample; return what that has changed, by sample."""
        return self._step("redo")

    def save(self) -> Task:
        """Write all samples on the screen to the project as they are now."""
        saves = self.save_changed()

        def wait(progress: Progress) -> None:
            for n, save in enumerate(saves):
                progress(n / len(saves), "saving")
                save.result()

        return self.run("Saving", wait)

    def save_changed(self) -> "list[Future[None]]":
        """Begin to write the samples that have changed since they were last written."""
        for sample in self.samples.values():
            sample.take_over_painting()
        autosave = self.ensure_project()
        curations = [sample.curation for sample in self.samples.values()]
        return [autosave.save(curation) for curation in curations if not autosave.is_saved(curation)]

    def bring_into_view(self, label: int) -> None:
        """Move the view to a grain of the active sample, and zoom where it would be hard to see there."""
        if self.active is None:
            return
        low, high = (np.asarray(corner)[-2:] for corner in self.active.world_box([label]))
        camera = self.viewer.scene.camera
        height, width = self.viewer.canvas.size
        share = max((high - low)[0] * camera.zoom / height, (high - low)[1] * camera.zoom / width)
        if _LEAST_SHARE < share < 1:
            camera.center = (0.0, *((low + high) / 2))
        else:
            self.zoom_to(label)

    def zoom_to(self, label: int) -> None:
        """Bring a grain of the active sample into view."""
        if self.active is None:
            return
        low, high = (np.asarray(corner)[-2:] for corner in self.active.world_box([label], _MARGIN_UM))
        camera = self.viewer.scene.camera
        camera.center = (0.0, *((low + high) / 2))
        height, width = self.viewer.canvas.size
        camera.zoom = min(height / (high - low)[0], width / (high - low)[1]) * _SHARE_OF_VIEW

    def close(self) -> None:
        """Stop what is under way and return when all is written; the project is free for others then."""
        if self._is_closed:
            return
        self._is_closed = True
        self._save_soon.stop()
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        for task in self.tasks:
            task.cancel()
        if self.autosave:
            self.save_changed()
        self.modelling.close()
        self._let_go()
        self._collection.end()
        # Qt would keep a child, and with it the viewer, until the window's very end.
        self.setParent(None)

    def _use(self, opened: OpenProject, project: Project, choices: Choices) -> Autosave:
        if self.autosave is not None:
            self.save_changed()
        for name in list(self.samples):
            self._take_off(name)
        self._let_go()
        self.modelling.forget_tables()
        self._opened = opened
        self.autosave = Autosave(project, lambda sentence: self.said.emit(sentence, True))
        remember(project.folder)
        self.activate(None)
        self.modelling.take_up(choices)
        self._tell_project()
        return self.autosave

    def _go_on_in(self, opened: OpenProject) -> None:
        """Take a copy of the project for the project."""
        if self._opened is not None:
            self._opened.close()
        self._opened = opened
        remember(opened.folder)
        self._tell_project()
        self.say(f"The project is now {opened.folder}; the old folder stays as it was.")

    def _let_go(self) -> None:
        """Finish writing and leave the project."""
        if self.autosave is not None:
            self.autosave.close()
        if self._opened is not None:
            self._opened.close()
        self.autosave = self._opened = None

    def _tell_project(self) -> None:
        """Tell of a change of the project or its samples, and note what is on the screen."""
        if self.autosave is not None and self._opened is not None:
            self.autosave.do(self._opened.note, tuple(self.samples))
        self.project_changed.emit()

    def _tell_samples(self, project: Project, choices: Choices) -> None:
        """Say what is in a project that was opened, unless there is something worse to say."""
        if project.samples and not choices.problems:
            number = f"{len(project.samples)} samples" if len(project.samples) > 1 else "1 sample"
            self.say(f"{number} in {project.folder.name}; double-click one to see it.")

    def _heed_preferences(self) -> None:
        if not self._is_closed:
            self._time_next_save()
            on_change("autosave_minutes", self._time_next_save)

    def _time_next_save(self) -> None:
        minutes = preferences().autosave_minutes
        if minutes:
            self._save_soon.start(minutes * _MS_OF_A_MINUTE)
        else:
            self._save_soon.stop()

    def _save_by_itself(self) -> None:
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            # A stroke under way must stay one step.
            self._save_soon.start(_AGAIN_MS)
            return
        if self.autosave is not None:
            self.save_changed()
        self._time_next_save()

    def _show(self, segmented: SegmentedMount) -> None:
        name = segmented.mount.sample
        image = self._image_of(segmented.mount) or self.show_mount(segmented.mount)
        self._take_off(name)
        sample = OpenSample(self.viewer, image, self.ensure_project().curate(segmented))
        sample.setParent(self)
        sample.changed.connect(lambda labels: self._pass_on(sample, self.rows_changed, labels))
        sample.selection_changed.connect(lambda labels: self._pass_on_selection(sample, labels))
        sample.refused.connect(lambda sentence: self.say(sentence, wrong=True))
        self.samples[name] = sample
        self._tell_project()
        self.activate(name)
        self._collection.begin()
        self.modelling.get_ready_soon()
        self.say(f"{len(usable(segmented.table))} grains in {name}.")

    def _pass_on_selection(self, sample: OpenSample, labels: tuple[int, ...]) -> None:
        if sample is self.active:
            self.together.let_go(sample)
        self._pass_on(sample, self.selection_changed, labels)

    def _pass_on(self, sample: OpenSample, signal: Any, labels: Any) -> None:
        if sample is self.active:
            signal.emit(labels)

    def _image_of(self, mount: Mount) -> Image | None:
        """Return the layer that shows a mount, if there is one."""
        for layer in self.mosaic_layers:
            known = layer.metadata.get(METADATA, {}).get("sample", layer.name)
            if known == mount.sample and layer.data.shape == mount.image.shape:
                return layer
        # One that knew its sample by nothing but its name may have been renamed meanwhile.
        nameless = (layer for layer in self.mosaic_layers if "sample" not in layer.metadata.get(METADATA, {}))
        return next((layer for layer in nameless if layer.data is mount.image), None)

    def _take_off(self, name: str) -> None:
        """Take a sample's grains off the screen; the project keeps them, the mosaic stays."""
        sample = self.samples.pop(name, None)
        if sample is None:
            return
        self.together.forget(sample)
        self.modelling.put_tables({name: sample.table})
        for layer in (sample.grains, sample.colours):
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        sample.deleteLater()
        if sample is self.active:
            self.activate(None)

    def _on_layer_removed(self, event: Any) -> None:
        layer: Layer = event.value
        for name, sample in list(self.samples.items()):
            if layer in sample.layers:
                sample.take_over_painting()
                if self.autosave is not None and not self.autosave.is_saved(sample.curation):
                    self.autosave.save(sample.curation)
                self._take_off(name)
                self.say(
                    f"{name} was closed, since its layer {layer.name!r} was removed; nothing is lost, "
                    "open it again from the list of samples."
                )
                self._tell_project()

    def _step(self, way: Literal["undo", "redo"]) -> "dict[OpenSample, Touched]":
        touched: dict[OpenSample, Touched] = {}

        def step(active: OpenSample) -> None:
            found, left = step_back(way, active, self.samples.values())
            touched.update(found)
            if left:
                self.say(f"On {', '.join(left)} more was done after this step, so there it stays as it is.")

        self._try(step)
        return touched

    def _try(self, step: Callable[[OpenSample], object]) -> bool:
        if self.active is None:
            self.say("Find the grains of a mosaic first, or open a sample of the project.", wrong=True)
            return False
        try:
            step(self.active)
        except ZirconError as error:
            self.say(str(error), wrong=True)
            return False
        return True


def session_of(viewer: Viewer) -> Session:
    """Return the session of a viewer, whose window keeps it also while no panel is open."""
    options = Qt.FindChildOption.FindDirectChildrenOnly
    return _window_of(viewer).findChild(Session, options=options) or Session(viewer)


def _window_of(viewer: Viewer) -> QWidget:
    # The menu bar is the public way to the window.
    window: QWidget = viewer.window.main_menu.window()
    return window
