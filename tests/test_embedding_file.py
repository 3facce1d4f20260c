import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zircon_cnn.embedding_file import Embedding, EmbeddingSettings, read_embedding, write_embedding
from napari_zircon_cnn.errors import ZirconError


def some_embedding(n: int = 7) -> Embedding:
    random = np.random.default_rng(0)
    return Embedding(
        EmbeddingSettings(seed=5, fit="all"),
        "a" * 64,
        np.array([f"{k:016x}" for k in range(n)]),
        random.random((n, 32), np.float32),
        np.round(random.normal(0, 10, (n, 3)), 4),
        random.random(n) < 0.5,
    )


@pytest.mark.parametrize("n", [0, 1, 7])
def test_what_was_written_is_read_to_the_bit(tmp_path: Path, n: int) -> None:
    written = some_embedding(n)
    write_embedding(written, tmp_path / "umap.npz")
    read = read_embedding(tmp_path / "umap.npz")
    assert read.settings == written.settings
    assert read.model == written.model
    assert read.hashes.tolist() == written.hashes.tolist()
    for name in ("features", "coordinates", "is_fitted"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))


class Sting:
    """What runs code when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._target,))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    stung, path = tmp_path / "stung", tmp_path / "umap.npz"
    np.savez(path, head=np.array([Sting(stung)], dtype=object))
    with pytest.raises(ZirconError, match="cannot be read"):
        read_embedding(path)
    path.write_bytes(pickle.dumps(Sting(stung)))
    with pytest.raises(ZirconError, match="cannot be read"):
        read_embedding(path)
    assert not stung.exists()


@given(st.integers(0, 3000))
def test_a_file_that_is_cut_off_is_answered_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, n: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "umap.npz"
    write_embedding(some_embedding(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: min(n, len(whole) - 1)])
    with pytest.raises(ZirconError, match="remove it, and embed the grains anew"):
        read_embedding(path)


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    whole = some_embedding()
    path = tmp_path / "umap.npz"
    write_embedding(
        Embedding(whole.settings, "", whole.hashes[:3], whole.features, whole.coordinates, whole.is_fitted),
        path,
    )
    with pytest.raises(ZirconError, match="not of one length"):
        read_embedding(path)
