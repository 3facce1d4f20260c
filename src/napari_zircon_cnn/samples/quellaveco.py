"""The paper's mosaics of zircons from Quellaveco, Peru, found on disk or downloaded.

Table 1 of Nathwani et al. (2023, doi:10.1029/2022JB025933) lists thirteen samples; a
fourteenth mosaic, QVC041, lies in the authors' repository only.
"""

import hashlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pooch

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.progress import Progress, silent

PIXEL_SIZE_UM = 2.0
"""Edge of a pixel of every mosaic in µm."""

BASE_URL = (
    "https://raw.githubusercontent.com/ChetanNathwani/zirconCNN/"
    "c48776546559c3793dae9ad4e5a5b51223dc98f7/TIMA_Images"
)
"""The folder of mosaics in the authors' repository at a fixed commit."""

DATA_VARIABLE = "ZIRCON_CNN_DATA"
"""The environment variable that names a folder with a local copy of the mosaics."""

_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class QuellavecoSample:
    """One sample as the paper describes it.

    Parameters
    ----------
    name
        Name of the sample; its mosaic is the file ``<name>.png``.
    lithology
        The rock, None where the paper does not list the sample.
    age_ma, age_error_ma
        U-Pb age and its error in million years, None where undated.
    class_name
        The class that the paper gives it.
    n_grains
        Number of grains that the paper's segmentation finds.
    role
        Whether the paper trains on it or keeps it for the test.
    blob_id
        The mosaic's git blob id, which pins its bytes.
    """

    name: str
    lithology: str | None
    age_ma: float | None
    age_error_ma: float | None
    class_name: Literal["batholith", "porphyry"]
    n_grains: int
    role: Literal["train", "test", "not listed"]
    blob_id: str

    @property
    def file_name(self) -> str:
        """The mosaic's file name."""
        return f"{self.name}.png"


# fmt: off
SAMPLES: tuple[QuellavecoSample, ...] = (
    QuellavecoSample("QVC074", "Yarabamba Monzonite", None, None, "batholith", 175, "train",
                     "87b230b44c732a6ab3f498020fcc11e3183ecd00"),
    QuellavecoSample("QVC075", "Yarabamba Monzonite", 67.18, 1.56, "batholith", 46, "test",
                     "0f60e38273cd4121be3df345ed309065e56195ae"),
    QuellavecoSample("QVC082", "Toquepala Granodiorite", 60.96, 1.39, "batholith", 21, "train",
                     "15648ee4ceee7f6b2f9dbb9c427b3b3d3b03a0bf"),
    QuellavecoSample("QVC083", "Toquepala Granodiorite", 61.64, 1.26, "batholith", 122, "train",
                     "71f6e43c312fa2c458a1560479fa849cece5f3a6"),
    QuellavecoSample("QVC028", "Quellaveco Granodiorite", 58.99, 1.20, "porphyry", 103, "train",
                     "aec36fc8739642d633be61ab592f068566449445"),
    QuellavecoSample("QVC058", "Quellaveco Granodiorite", None, None, "porphyry", 43, "train",
                     "b1f0c909a512d3faff7474d3a6fa4bbf3459f4b4"),
    QuellavecoSample("QVC009", "Granodiorite Porphyry", None, None, "porphyry", 62, "train",
                     "416fc38458ee3b06ba57c9d96c73174849143ccc"),
    QuellavecoSample("QVC034", "Early Porphyry", 54.40, 1.11, "porphyry", 49, "train",
                     "6379877670ba622d6299fc14d8287fd49b1ba8e2"),
    QuellavecoSample("QVC024", "Intermineral Porphyry", 54.19, 1.10, "porphyry", 64, "train",
                     "d58e125c7d50a399bb6f96f1ed6bf3322a0d4fc6"),
    QuellavecoSample("QVC060", "Intermineral Porphyry", 54.88, 1.12, "porphyry", 40, "train",
                     "597778f51f9c82f184b66374d5ce46e92f656d6b"),
    QuellavecoSample("QVC061", "Monzodiorite Porphyry", 55.26, 1.15, "porphyry", 30, "train",
                     "e07509fbb388c4b3e2f6d3a241d985cf495ee35b"),
    QuellavecoSample("QVC055", "Late Porphyry", 55.45, 1.16, "porphyry", 25, "test",
                     "4e5749f0a8b84f6d3d9508dd646230b42f594976"),
    QuellavecoSample("QVC029", "Late Porphyry", 54.68, 1.12, "porphyry", 41, "train",
                     "05167dd429b9fe7f60d70a365f1d4ff1f10f6bcb"),
    QuellavecoSample("QVC041", None, None, None, "porphyry", 45, "not listed",
                     "bf2bcbc9025a81919ced5c96d2241941ac6f2d41"),
)
# fmt: on
"""Every sample in the order of the paper's table, then the one that it does not list."""


def classes(names: Collection[str] | None = None) -> dict[str, str]:
    """Return the class that the paper gives to samples, by their names; the batholith comes first.

    Parameters
    ----------
    names
        The samples; by default all.

    Returns
    -------
    dict
        The class of each, in the order of the paper's table.
    """
    return {sample.name: sample.class_name for sample in SAMPLES if names is None or sample.name in names}


def on_disk(sample: str, *, folder: Path | None = None) -> Path | None:
    """Return the path of a sample's mosaic where there is a copy, else None.

    Parameters
    ----------
    sample, folder
        As for `fetch`.

    Returns
    -------
    Path or None
        A PNG file that holds exactly the published bytes.

    Raises
    ------
    ZirconError
        For an unknown sample, and where the file that ZIRCON_CNN_DATA leads to is not the published one.
    """
    wanted = _find(sample)
    local = _local_copy(wanted)
    if local is not None:
        return local
    path = _cache(folder) / wanted.file_name
    return path if path.exists() and _git_blob_id(path) == wanted.blob_id else None


def fetch(
    sample: str, *, folder: Path | None = None, base_url: str | None = None, progress: Progress = silent
) -> Path:
    """Return the path of a sample's mosaic, downloading it where there is no copy yet.

    A copy in the folder that ZIRCON_CNN_DATA names, or in its folder ``quellaveco``, comes
    first, then an earlier download. Every file is checked against its git blob id.

    Parameters
    ----------
    sample
        Name of the sample, such as ``"QVC028"``.
    folder
        Where downloads are kept; the user's cache folder by default.
    base_url
        Address of the folder to download from, for a mirror; `BASE_URL` by default.
    progress
        Is told how far the download is; raising `Cancelled` stops it.

    Returns
    -------
    Path
        A PNG file that holds exactly the published bytes.

    Raises
    ------
    ZirconError
        For an unknown sample, for a file that is not the published one, and where the
        download fails.
    """
    path = on_disk(sample, folder=folder)
    if path is None:
        wanted = _find(sample)
        path = _cache(folder) / wanted.file_name
        _download(wanted, path, f"{(base_url or BASE_URL).rstrip('/')}/{wanted.file_name}", progress)
    return path


def load(
    sample: str, *, folder: Path | None = None, base_url: str | None = None, progress: Progress = silent
) -> Mount:
    """Return a sample's mosaic as a mount, downloading it where there is no copy yet.

    Parameters
    ----------
    sample, folder, base_url, progress
        As for `fetch`.

    Returns
    -------
    Mount
        The 8-bit grey image with its 2 µm pixels.

    Raises
    ------
    ZirconError
        As `fetch`.
    """
    path = fetch(sample, folder=folder, base_url=base_url, progress=progress)
    return read_mount(path, pixel_size_um=PIXEL_SIZE_UM, sample=sample)


def _find(name: str) -> QuellavecoSample:
    for sample in SAMPLES:
        if sample.name == name:
            return sample
    names = ", ".join(sorted(sample.name for sample in SAMPLES))
    raise ZirconError(f"There is no Quellaveco sample named {name}; choose one of {names}.")


def _cache(folder: Path | None) -> Path:
    return Path(pooch.os_cache("napari-zircon-cnn")) if folder is None else folder


def _local_copy(sample: QuellavecoSample) -> Path | None:
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        return None
    for path in (Path(named, "quellaveco", sample.file_name), Path(named, sample.file_name)):
        if path.is_file():
            if _git_blob_id(path) != sample.blob_id:
                raise ZirconError(
                    f"The file {path} is not the published mosaic of {sample.name}; "
                    "replace it by the original or remove it to have it downloaded."
                )
            return path
    return None


def _download(sample: QuellavecoSample, path: Path, url: str, progress: Progress) -> None:
    bar = _ProgressBar(progress, sample.file_name)
    with atomic_path(path) as temporary:
        try:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_S)(
                url, str(temporary), None
            )
        except OSError as error:
            raise ZirconError(
                f"The mosaic of {sample.name} could not be downloaded from {url} "
                f"({type(error).__name__}); go online and try again, or let {DATA_VARIABLE} "
                f"name a folder that holds {sample.file_name}."
            ) from error
        if _git_blob_id(temporary) != sample.blob_id:
            raise ZirconError(
                f"What {url} sent is not the published mosaic of {sample.name}, so it was not kept; "
                f"try again, or let {DATA_VARIABLE} name a folder that holds {sample.file_name}."
            )


def _git_blob_id(path: Path) -> str:
    # Git names a file by this hash, so that the commit's own listing of the mosaics pins them.
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


class _ProgressBar:
    """What pooch expects of a progress bar, handing on the share of the bytes that came in."""

    def __init__(self, progress: Progress, message: str) -> None:
        self.total = 0
        self._done = 0
        self._report: Callable[[float], None] = lambda fraction: progress(fraction, message)

    def update(self, n_bytes: int) -> None:
        self._done += n_bytes
        if self.total:
            self._report(min(self._done / self.total, 1.0))

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass
