"""A trained network with its card: saved as one .keras file, loaded without running foreign code."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.files import atomic_path
from napari_zircon_cnn.networks.card import (
    CARD_MEMBER,
    CONFIG_MEMBER,
    FORMAT_VERSION,
    WEIGHTS_MEMBER,
    ModelCard,
    card_of,
    check_model_path,
    open_archive,
    read_member,
)

# Only what does arithmetic and nothing else. Lambda holds code; others name a function, a file
# or an address that loading would follow.
_ALLOWED_LAYERS = (
    *("Functional", "Sequential", "InputLayer", "DTypePolicy", "__keras_tensor__"),
    *("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense", "Flatten", "Reshape", "ZeroPadding2D"),
    *("Dropout", "SpatialDropout2D", "BatchNormalization", "LayerNormalization"),
    *("MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D"),
    *("Rescaling", "Normalization", "Resizing", "Add", "Multiply", "Average", "Maximum", "Concatenate"),
    *("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
)
_ALLOWED_SETTINGS = (
    *("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal"),
    *("VarianceScaling", "RandomUniform", "RandomNormal", "TruncatedNormal", "Zeros", "Ones", "Constant"),
    *("L1", "L2", "L1L2"),
)
_ALLOWED = frozenset((*_ALLOWED_LAYERS, *_ALLOWED_SETTINGS))


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """A trained network and its card.

    Parameters
    ----------
    model
        The network; see `registry.build_network` for what goes in and out.
    card
        What must be known to use it.
    """

    model: keras.Model
    card: ModelCard


def save(bundle: ModelBundle, path: Path | str) -> ModelBundle:
    """Write a trained network with its card to one .keras file, whole or not at all.

    Parameters
    ----------
    bundle
        What to write.
    path
        The file, with the suffix .keras. One that exists is replaced.

    Returns
    -------
    ModelBundle
        The same network with the card as written, which holds the SHA-256 of the members.

    Raises
    ------
    ZirconError
        Where the name has another suffix or the folder cannot be written to.
    """
    path = Path(path)
    check_model_path(path)
    with atomic_path(path) as temporary:
        try:
            bundle.model.save(temporary)
            with zipfile.ZipFile(temporary, "a", zipfile.ZIP_DEFLATED) as archive:
                hashes = _hashes(archive, path)
                # Validated anew, since a card that was copied with changes is not.
                card = ModelCard.model_validate(
                    dict(bundle.card) | {"format_version": FORMAT_VERSION, "members_sha256": hashes}
                )
                archive.writestr(CARD_MEMBER, card.model_dump_json(indent=1))
        except OSError as error:
            reason = error.strerror or error
            raise ZirconError(
                f"{path} could not be written ({reason}), nothing was changed; make room or choose another "
                "place."
            ) from error
    return ModelBundle(bundle.model, card)


def load(path: Path | str) -> ModelBundle:
    """Read a trained network with its card.

    Nothing in the file is run: every part that it names must be one of Keras' plain layers,
    and the file's members must be those that the card was written for.

    Parameters
    ----------
    path
        The .keras file.

    Returns
    -------
    ModelBundle
        The network, uncompiled, and its card.

    Raises
    ------
    ZirconError
        Where the file is missing or no Keras file; holds code or foreign parts; has no card, a
        newer or a damaged one; does not agree with its card; or cannot be opened by this Keras.
    """
    path = Path(path)
    with open_archive(path) as archive:
        _refuse_foreign_code(read_member(archive, CONFIG_MEMBER, path), path)
        card = card_of(archive, path)
        if _hashes(archive, path) != card.members_sha256:
            raise ZirconError(
                f"The network in {path} is not the one that its card describes: the file was changed "
                "after it was written; use an unchanged copy or train anew."
            )
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Keras raises whatever the part at fault happens to raise.
        raise ZirconError(
            f"Keras {keras.__version__} cannot open {path}, which was written with Keras "
            f"{card.versions.get('keras', 'of another version')}; update napari-zircon-cnn or train anew."
        ) from error
    _check_shapes(model, card, path)
    return ModelBundle(model, card)


def _hashes(archive: zipfile.ZipFile, path: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256(read_member(archive, name, path)).hexdigest()
        for name in (CONFIG_MEMBER, WEIGHTS_MEMBER)
    }


def _refuse_foreign_code(config: bytes, path: Path) -> None:
    try:
        parts = list(_named_parts(json.loads(config)))
    except (ValueError, RecursionError) as error:
        raise ZirconError(f"{path} is damaged in its part {CONFIG_MEMBER}; copy it again.") from error
    for part in parts:
        name = part["class_name"]
        module = part.get("module")
        known = module is None or (isinstance(module, str) and module.split(".")[0] == "keras")
        registered = part.get("registered_name")
        if name in ("Lambda", "__lambda__"):
            raise ZirconError(
                f"{path} contains a Lambda layer, which could run foreign code when it is opened; "
                "it was not opened. Use a model without one."
            )
        if name not in _ALLOWED or not known or registered not in (None, name):
            shown = f"{module or registered}.{name}"
            raise ZirconError(
                f"{path} contains {shown}, which is not one of Keras' plain layers and could run "
                "foreign code when it is opened; it was not opened. Use a model without it."
            )


def _named_parts(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _named_parts(value)
    elif isinstance(config, list):
        for value in config:
            yield from _named_parts(value)


def _check_shapes(model: keras.Model, card: ModelCard, path: Path) -> None:
    size = card.network.input_size
    if model.input_shape != (None, size, size, 1):
        raise ZirconError(
            f"The network in {path} takes an input of shape {model.input_shape} where its card names crops "
            f"of {size} x {size} px; train anew."
        )
    outputs = 1 if len(card.classes) == 2 else len(card.classes)
    if model.output_shape != (None, outputs):
        raise ZirconError(
            f"The network in {path} gives an output of shape {model.output_shape}, which does not suit "
            f"its card's {len(card.classes)} classes; train anew."
        )
