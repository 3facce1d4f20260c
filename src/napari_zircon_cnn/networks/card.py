"""The card of a trained network: all that must be known of it, readable without Keras."""

import math
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator
from pydantic import ValidationError as InvalidCard
from pydantic_core import from_json

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.settings import NetworkSettings, TrainSettings

FORMAT_VERSION = 2
"""Raised where older versions of the plugin could not read the card; every earlier one is read."""
CARD_MEMBER = "card.json"
"""Name of the card inside the .keras file, which is a zip archive."""
CONFIG_MEMBER = "config.json"
WEIGHTS_MEMBER = "model.weights.h5"

_MAX_CARD_BYTES = 256 * 2**20


def _nan_for_null(value: Any) -> Any:
    return math.nan if value is None else value


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


Figure = Annotated[float, BeforeValidator(_nan_for_null)]
"""A figure of merit; what cannot be known is NaN here and null in the file."""
Facts = Annotated[dict[str, JsonValue], BeforeValidator(_without_nan)]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="null", validate_by_name=True, serialize_by_alias=True
    )


class TrainingSample(_Part):
    """A sample that the network was trained on.

    Parameters
    ----------
    sample
        Name of the sample.
    class_name
        Its class; ``class`` in the file.
    n_grains
        How many of its grains were trained on.
    mosaic_sha256
        SHA-256 of the mosaic's file.
    """

    sample: str
    class_name: str = Field(alias="class")
    n_grains: int = Field(ge=0)
    mosaic_sha256: str = ""


class HeldOutSample(_Part):
    """What a network that was trained without a sample says of it.

    Parameters
    ----------
    sample
        Name of the sample.
    class_name
        Its class; ``class`` in the file.
    n_grains
        How many of its grains were asked about.
    log_ratios
        For each class the mean over the grains of the logarithm of its calibrated probability, less the
        mean over the classes.
    noise
        The variance of these means that comes from the draw of the grains, added up over the classes; NaN
        where it is not known.
    """

    sample: str
    class_name: str = Field(alias="class")
    n_grains: int = Field(ge=0)
    log_ratios: tuple[float, ...]
    noise: Figure = math.nan


class Calibration(_Part):
    """How a network's probabilities are made to mean what they say.

    Parameters
    ----------
    temperature
        What the logarithms of the probabilities are divided by; 1 leaves them as they are.
    offsets
        What is then added to them, a number for each class, since augmentation can make a network lean to
        a class on crops as they are; empty for nothing.
    fitted_on
        On which grains it was fitted, in words; empty where it could not be.
    samples
        Their samples.
    n_grains
        How many they are.
    before, after
        Figures of these grains before and after: `loss`, `brier`, `ece` and `reliability`, the points of
        a reliability diagram of the last class.
    reason
        Why there is no calibration, where there is none.
    """

    temperature: float = Field(default=1.0, gt=0)
    offsets: tuple[float, ...] = ()
    fitted_on: str = ""
    samples: tuple[str, ...] = ()
    n_grains: int = Field(default=0, ge=0)
    before: Facts = {}
    after: Facts = {}
    reason: str = ""


class Familiar(_Part):
    """Where the training grains lie among the features of the network's last hidden layer.

    Parameters
    ----------
    layer
        Name of the layer.
    means
        The mean of each class after whitening, shape (n_classes, n).
    whitening
        What the features are multiplied by, shape (n_features, n), so that distances count directions in
        which grains differ less the more.
    limit
        The distance to the nearest mean that 99 of 100 grains keep which were held out of the training.
    """

    layer: str
    means: tuple[tuple[float, ...], ...]
    whitening: tuple[tuple[float, ...], ...]
    limit: float = Field(gt=0)


Prior = Literal["training", "equal", "estimated"]
"""Which class frequencies probabilities assume: the training's, equal ones, or each sample's own."""

Place = tuple[int, int, int, int]
"""Left, top, right and bottom of a grain's bounding box in px of its mosaic."""


class ModelCard(_Part):
    """All that must be known of a trained network to use it rightly and to repeat its training.

    Parameters
    ----------
    network
        What the network was built from.
    classes
        Names of the classes, class 0 first.
    target_class
        The class whose probability is shown; the last one unless told.
    crop
        Geometry of the crops: the fields of the crop settings.
    scaling
        How grey values become the 0 to 1 that the network takes.
    pixel_sizes_um
        Pixel size of each training mosaic by sample name.
    samples
        The samples trained on.
    grain_hashes
        SHA-256 of each training crop, so that a training grain is never scored as a test.
    grain_places
        Where in its mosaic each training grain lies, by sample, so that it is known again after another
        segmentation.
    validation
        How training and validation grains were parted, and what was held out.
    training
        How the network was trained. Of a file of pretrained weights it holds the name alone.
    weights_sha256
        SHA-256 of that file.
    versions
        Versions of Python, Keras, its backend and this package.
    history
        Figures per epoch.
    metrics
        Figures of the finished network.
    calibration
        What its probabilities are scaled with.
    held_out_samples
        What networks that were trained without a sample say of it; how much samples of a class differ.
    familiar
        What tells a grain unlike all that were trained on; None where that is not known.
    prior
        Which class frequencies the probabilities assume; what a project's classification was asked for.
    created
        When it was trained.
    members_sha256
        SHA-256 of the members of the .keras file; written by `bundle.save`.
    """

    format_version: int = FORMAT_VERSION
    network: NetworkSettings
    classes: tuple[str, ...] = Field(min_length=2)
    target_class: str = Field(default_factory=lambda data: data["classes"][-1])
    crop: dict[str, bool | int | float]
    scaling: str = "unit"
    pixel_sizes_um: dict[str, float] = {}
    samples: tuple[TrainingSample, ...] = ()
    grain_hashes: tuple[str, ...] = ()
    grain_places: dict[str, tuple[Place, ...]] = {}
    validation: Facts = {}
    training: TrainSettings
    weights_sha256: str = ""
    versions: dict[str, str] = {}
    history: tuple[dict[str, int | Figure], ...] = ()
    metrics: Facts = {}
    calibration: Calibration = Calibration()
    held_out_samples: tuple[HeldOutSample, ...] = ()
    familiar: Familiar | None = None
    prior: Prior = "training"
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    members_sha256: dict[str, str] = {}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("two classes have the same name")
        if self.target_class not in self.classes:
            raise ValueError(f"the target class {self.target_class!r} is not among the classes")
        if self.network.n_classes != len(self.classes):
            raise ValueError(
                f"the network has {self.network.n_classes} classes and {len(self.classes)} are named"
            )
        if self.crop.get("size_px") != self.network.input_size:
            raise ValueError(
                f"the crops' size_px is {self.crop.get('size_px')} and the network takes "
                f"{self.network.input_size} px"
            )
        return self

    @property
    def training_priors(self) -> tuple[float, ...]:
        """Return the class frequencies that the network's probabilities assume."""
        counts = [sum(part.n_grains for part in self.samples if part.class_name == c) for c in self.classes]
        if self.training.class_weights or self.training.balanced_batches or not all(counts):
            return (1 / len(self.classes),) * len(self.classes)
        return tuple(count / sum(counts) for count in counts)


def read_card(path: Path | str) -> ModelCard:
    """Read the card of a trained network without opening the network.

    Parameters
    ----------
    path
        The .keras file.

    Returns
    -------
    ModelCard
        Its card. Whether the network agrees with it is checked by `bundle.load`.

    Raises
    ------
    ZirconError
        Where the file is missing, is no Keras file, has no card, or has a card that is newer
        than this version or damaged.
    """
    path = Path(path)
    with open_archive(path) as archive:
        return card_of(archive, path)


def check_model_path(path: Path) -> None:
    """Refuse a name that a model cannot be saved under, before a long training.

    Raises
    ------
    ZirconError
        Where the suffix is not .keras or the path is a folder.
    """
    if path.suffix != ".keras":
        raise ZirconError(f"A model's file name must end in .keras; {path.name!r} does not.")
    if path.is_dir():
        raise ZirconError(f"{path} is a folder; name a file to save the model to.")


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a .keras file as the zip archive that it is.

    Raises
    ------
    ZirconError
        Where the file is missing, cannot be read or is no Keras file.
    """
    if not path.is_file():
        raise ZirconError(f"There is no model file {path}; check the path or train a model first.")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ZirconError(
            f"{path} is not a Keras file (.keras), or it is cut off; choose another file or copy it again."
        ) from error
    except OSError as error:
        raise ZirconError(f"{path} cannot be read: {error.strerror}.") from error
    if not {CONFIG_MEMBER, WEIGHTS_MEMBER} <= set(archive.namelist()):
        archive.close()
        raise ZirconError(f"{path} is a zip archive but not a Keras file (.keras); choose another file.")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """Return the bytes of a member of an archive.

    Raises
    ------
    ZirconError
        Where they are damaged.
    """
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ZirconError(f"{path} is damaged in its part {name}; copy it again or train anew.") from error


def card_of(archive: zipfile.ZipFile, path: Path) -> ModelCard:
    """Return the card in an open archive; `path` is for the sentences. See `read_card`."""
    if CARD_MEMBER not in archive.namelist():
        raise ZirconError(
            f"{path} has no card that tells its classes and crops, so it was not trained here; "
            "train a model with this plugin."
        )
    damaged = f"The card inside {path} is damaged; copy the file again or train anew."
    if archive.getinfo(CARD_MEMBER).file_size > _MAX_CARD_BYTES:
        raise ZirconError(damaged)
    text = read_member(archive, CARD_MEMBER, path)
    try:
        content = from_json(text)
    except ValueError as error:
        raise ZirconError(damaged) from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise ZirconError(damaged)
    if version > FORMAT_VERSION:
        raise ZirconError(
            f"{path} was written by a newer version of napari-zircon-cnn (card format {version}, "
            f"this version reads up to {FORMAT_VERSION}); update the plugin."
        )
    try:
        return ModelCard.model_validate_json(text)
    except InvalidCard as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "as a whole"
        reason = first["msg"].removeprefix("Value error, ")
        raise ZirconError(f"The card inside {path} does not hold ({where}: {reason}); train anew.") from error
