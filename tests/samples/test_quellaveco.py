"""The paper's mosaics from a local copy, from a server, and from nowhere."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.samples.quellaveco import SAMPLES, classes, fetch, load
from serving import CutOffHandler, serving


@pytest.fixture(autouse=True)
def _no_local_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZIRCON_CNN_DATA", raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve folders over HTTP and return their address."""
    with ExitStack() as servers:
        yield lambda folder: servers.enter_context(serving(folder))


def test_table_is_the_paper_s() -> None:
    listed = [sample for sample in SAMPLES if sample.role != "not listed"]
    assert len(SAMPLES) == 14
    assert len({sample.blob_id for sample in SAMPLES}) == 14
    assert len(listed) == 13
    # The paper's text gives the same sums: 750 images of its training samples, and two test samples.
    assert sum(sample.n_grains for sample in listed if sample.role == "train") == 750
    assert {sample.name: sample.n_grains for sample in listed if sample.role == "test"} == {
        "QVC055": 25,
        "QVC075": 46,
    }


def test_classes_name_every_sample() -> None:
    given = classes()
    assert sorted(name for name, given_class in given.items() if given_class == "batholith") == [
        "QVC074",
        "QVC075",
        "QVC082",
        "QVC083",
    ]
    assert set(given.values()) == {"batholith", "porphyry"}
    assert len(given) == 14


def test_unknown_sample_is_answered_with_the_names(tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match=r"no Quellaveco sample named QVC001; choose one of QVC009, QVC024"):
        fetch("QVC001", folder=tmp_path)


@pytest.mark.quellaveco
@pytest.mark.parametrize("below", ["", "quellaveco"])
def test_local_copy_comes_first(quellaveco_data: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    folder = quellaveco_data if below else quellaveco_data / "quellaveco"
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(folder))
    assert fetch("QVC082") == folder / below / "QVC082.png"


@pytest.mark.quellaveco
def test_load_gives_the_8_bit_mosaic_in_um(quellaveco_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(quellaveco_data))
    mount = load("QVC082")
    assert (mount.sample, mount.pixel_size_um) == ("QVC082", 2.0)
    assert mount.image.dtype == np.uint8
    assert mount.image.ndim == 2


@pytest.mark.quellaveco
def test_download_is_kept_and_used_again(
    quellaveco_data: Path, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    seen: list[float] = []
    original = quellaveco_data / "quellaveco" / "QVC082.png"
    cache = tmp_path / "not there yet"

    path = fetch(
        "QVC082",
        folder=cache,
        base_url=serve(original.parent),
        progress=lambda fraction, message: seen.append(fraction),
    )

    assert path.read_bytes() == original.read_bytes()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert fetch("QVC082", folder=cache, base_url="http://127.0.0.1:9") == path


@pytest.mark.quellaveco
def test_damaged_download_is_fetched_afresh(
    quellaveco_data: Path, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    original = quellaveco_data / "quellaveco" / "QVC082.png"
    (tmp_path / "QVC082.png").write_bytes(original.read_bytes()[:1000])
    path = fetch("QVC082", folder=tmp_path, base_url=serve(original.parent))
    assert path.read_bytes() == original.read_bytes()


def test_cancelled_download_leaves_nothing(tmp_path: Path, serve: Callable[[Path], str]) -> None:
    (tmp_path / "QVC082.png").write_bytes(bytes(1_000_000))

    def cancel(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        fetch("QVC082", folder=tmp_path / "cache", base_url=serve(tmp_path), progress=cancel)
    assert list((tmp_path / "cache").iterdir()) == []


def test_wrong_bytes_are_not_kept(tmp_path: Path, serve: Callable[[Path], str]) -> None:
    (tmp_path / "QVC082.png").write_bytes(b"a mosaic from elsewhere")
    with pytest.raises(ZirconError, match="is not the published mosaic of QVC082, so it was not kept"):
        fetch("QVC082", folder=tmp_path / "cache", base_url=serve(tmp_path))
    assert list((tmp_path / "cache").iterdir()) == []


def test_wrong_local_copy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "QVC082.png").write_bytes(b"a mosaic from elsewhere")
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(tmp_path))
    with pytest.raises(ZirconError, match="is not the published mosaic of QVC082; replace it"):
        fetch("QVC082")


def test_offline_is_one_clear_sentence(tmp_path: Path, serve: Callable[[Path], str]) -> None:
    nobody_listens = "http://127.0.0.1:9"
    with pytest.raises(ZirconError, match=r"could not be downloaded from .* ZIRCON_CNN_DATA name a folder"):
        fetch("QVC082", folder=tmp_path, base_url=nobody_listens)
    with pytest.raises(ZirconError, match="could not be downloaded"):
        fetch("QVC082", folder=tmp_path, base_url=serve(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_connection_cut_half_way_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, CutOffHandler) as address, pytest.raises(ZirconError, match="QVC082"):
        fetch("QVC082", folder=tmp_path, base_url=address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.quellaveco
def test_every_mosaic_at_hand_is_the_published_one(
    quellaveco_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIRCON_CNN_DATA", str(quellaveco_data))
    at_hand = list((quellaveco_data / "quellaveco").glob("QVC*.png"))
    assert at_hand
    for path in at_hand:
        assert fetch(path.stem) == path
