"""Networks that a process has read, kept so that the next grain need not wait for them again."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.networks.card import WEIGHTS_MEMBER, ModelCard, read_card
from napari_zircon_cnn.networks.start import start_keras
from napari_zircon_cnn.settings import validated

if TYPE_CHECKING:
    import keras

    from napari_zircon_cnn.explain.feature_maps import MapReader
    from napari_zircon_cnn.explain.reading import Reading
    from napari_zircon_cnn.explain.saliency import Saliency

KEPT = 2
"""How many networks a process keeps."""

_kept: "OrderedDict[str, ReadModel]" = OrderedDict()


@dataclass(eq=False)
class ReadModel:
    """A network that was read, and what was built from it.

    Parameters
    ----------
    model
        The network.
    card
        Its card.
    readers
        The network cut at layers, by their names.
    """

    model: "keras.Model"
    card: ModelCard
    readers: "dict[tuple[str, ...], MapReader]" = field(default_factory=dict)
    _saliency: "Saliency | None" = None
    _reading: "Reading | None" = None

    @property
    def key(self) -> str:
        """What tells this network from others: the SHA-256 of its weights."""
        return self.card.members_sha256[WEIGHTS_MEMBER]

    @property
    def crop_settings(self) -> CropSettings:
        """The geometry of the crops that it takes."""
        return validated(CropSettings, self.card.crop)

    def reader(self, layers: tuple[str, ...]) -> "MapReader":
        """Return the network cut at some layers, at all with maps where none is named."""
        from napari_zircon_cnn.explain.feature_maps import MapReader

        if layers not in self.readers:
            self.readers[layers] = MapReader(self.model, layers)
        return self.readers[layers]

    @property
    def saliency(self) -> "Saliency":
        """What moves its answer."""
        from napari_zircon_cnn.explain.saliency import Saliency

        self._saliency = self._saliency or Saliency(self.model)
        return self._saliency

    @property
    def reading(self) -> "Reading":
        """What its penultimate layer gives."""
        from napari_zircon_cnn.explain.reading import Reading

        self._reading = self._reading or Reading(self.model)
        return self._reading

    def class_index(self, name: str) -> int:
        """Return the index of a class, of the target class where none is named, or a `ZirconError`."""
        wanted = name or self.card.target_class
        if wanted not in self.card.classes:
            raise ZirconError(
                f"The model does not know the class {wanted!r}; it tells {' from '.join(self.card.classes)}."
            )
        return self.card.classes.index(wanted)


def read_model(model_file: Path | str) -> ReadModel:
    """Return a trained network, read again only if it is another than those read before.

    Parameters
    ----------
    model_file
        The .keras file.

    Returns
    -------
    ReadModel
        The network that the file's card describes, known by the hashes in it; the `KEPT` last used
        are kept.

    Raises
    ------
    ZirconError
        As `bundle.load` does.
    """
    path = Path(model_file)
    try:
        found = path.stat()
    except OSError:
        key = _key_of(read_card(path))
    else:
        key = _key_at(path, found.st_ino, found.st_mtime_ns, found.st_size)
    if key not in _kept:
        start_keras()
        from napari_zircon_cnn.networks import bundle

        loaded = bundle.load(model_file)
        key = _key_of(loaded.card)
        _kept[key] = ReadModel(loaded.model, loaded.card)
    _kept.move_to_end(key)
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return _kept[key]


@lru_cache(maxsize=4 * KEPT)
def _key_at(path: Path, *_of_its_content: int) -> str:
    """Return the key of a file's network; a card with thousands of grains takes as long as a grain's maps."""
    return _key_of(read_card(path))


def _key_of(card: ModelCard) -> str:
    return card.model_dump_json()
