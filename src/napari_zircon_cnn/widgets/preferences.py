"""What the user has set in napari's Preferences, on the page Zircon CNN."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari.settings import get_plugin_settings

_PLUGIN = "napari-zircon-cnn"


@dataclass(frozen=True)
class Preferences:
    """The preferences; the manifest says the same of their defaults.

    Parameters
    ----------
    device
        Where networks are trained and applied: automatic, CPU, or GPU with its number.
    cache_folder
        Where downloads are kept, None for the user's cache folder.
    autosave_minutes
        How often label images and tables are written as a whole; 0 for never, since each step is in
        the ledger anyway.
    default_pixel_size_um
        What is proposed as the edge of a pixel where a file says nothing, in µm; 0 for no proposal.
    """

    device: str = "automatic"
    cache_folder: Path | None = None
    autosave_minutes: int = 5
    default_pixel_size_um: float = 2.0

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that let a process see no other device than the one chosen."""
        if self.device == "CPU":
            return {"CUDA_VISIBLE_DEVICES": "-1"}
        kind, _, number = self.device.partition(" ")
        return {"CUDA_VISIBLE_DEVICES": number} if kind == "GPU" else {}


def preferences() -> Preferences:
    """Return the preferences as they are now; the defaults where napari does not know the plugin."""
    try:
        settings = get_plugin_settings(_PLUGIN)
    except KeyError:
        return Preferences()
    folder = settings.files.cache_folder.strip()
    return Preferences(
        device=settings.computing.device,
        cache_folder=Path(folder).expanduser() if folder else None,
        autosave_minutes=settings.files.autosave_minutes,
        default_pixel_size_um=settings.mosaics.default_pixel_size_um,
    )


def on_change(name: str, changed: Callable[[], None]) -> None:
    """Call a function, a method of an object that may end, when a preference is changed."""
    try:
        settings = get_plugin_settings(_PLUGIN)
    except KeyError:
        return
    for page in (settings.computing, settings.files, settings.mosaics):
        if name in type(page).model_fields:
            getattr(page.events, name).connect(changed)
