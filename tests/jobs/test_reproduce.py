"""The paper anew, on four synthetic mounts that bear the names of its samples."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from district import District
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.reproduce import reproduce
from napari_zircon_cnn.jobs.train import partial_folder
from napari_zircon_cnn.networks.card import read_card
from napari_zircon_cnn.progress import Cancelled, Progress
from napari_zircon_cnn.reproduction.published import MODELS, PaperModel

NAMES = ("QVC074", "QVC082", "QVC028", "QVC061")
FIGURES = ("figure-5", "figure-6", "figure-7", "figure-8", "figure-9", "figure-S1", "figure-S2")
KEPT = {"mlp", "lenet-none", "lenet-both", "vgg16"}


@pytest.fixture(scope="module")
def mosaics(drawn_district: District, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mosaics")
    for mosaic, name in zip(drawn_district.mosaics, NAMES, strict=True):
        shutil.copy(mosaic, folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def _few_networks() -> Iterator[None]:
    """Train few, and for a moment; VGG-16 stays, since no file holds its weights."""
    with pytest.MonkeyPatch.context() as patch:
        kept = tuple(model for model in MODELS if model.key in KEPT)
        patch.setattr("napari_zircon_cnn.reproduction.published.MODELS", kept)
        patch.setattr("napari_zircon_cnn.reproduction.tables.MODELS", kept)
        patch.setattr("napari_zircon_cnn.jobs.reproduce._QUICK_SIZES", (20, 30))
        yield


@pytest.fixture(scope="module")
def reproduced(mosaics: Path, _few_networks: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    weights = folder / "cut off.h5"
    weights.write_bytes(b"no weights")
    page = reproduce(folder, mosaics, quick=True, epochs=1, weights=str(weights))
    assert page == folder / "index.html"
    return folder


def test_every_table_and_figure_is_there_with_its_data(reproduced: Path) -> None:
    for name in FIGURES:
        assert (reproduced / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (reproduced / f"{name}.svg").read_text(encoding="utf-8")
        assert len(pd.read_csv(reproduced / f"{name}.csv"))
    for name in ("table-1", "table-2", "cross-validation"):
        assert len(pd.read_csv(reproduced / f"{name}.csv"))


def test_the_page_shows_the_tables_and_says_what_is_missing(reproduced: Path) -> None:
    text = (reproduced / "index.html").read_text(encoding="utf-8")
    networks = pd.read_csv(reproduced / "table-2.csv").set_index(["network", "part"])

    row: Any = networks.loc[("LeNet-5", "validation")]
    assert f'<td class="n">{row["loss"]:.2f}</td>' in text
    assert row["published_roc_auc"] == 0.89
    assert "Mosaics missing: QVC075, QVC083, QVC058" in text
    assert "here the test is" in text
    assert "VGG-16 is missing, its curve in figure 9 too. " in text
    metrics: Any = read_card(reproduced / "networks" / "mlp.keras").metrics
    n_batholith = sum(metrics["validation"]["confusion"][0])
    assert f"The validation has {n_batholith} grains of the class batholith" in text
    vgg: Any = networks.loc[("VGG-16", "test")]
    assert pd.isna(vgg["roc_auc"])
    assert text.count("<img ") == len(FIGURES)
    assert "a quick run" in text


def test_figures_of_the_page_are_those_of_the_networks(reproduced: Path) -> None:
    card = read_card(reproduced / "networks" / "lenet-both.keras")
    networks = pd.read_csv(reproduced / "table-2.csv").set_index(["network", "part"])
    folds = pd.read_csv(reproduced / "cross-validation.csv").set_index("network")

    ours: Any = networks.loc[("LeNet-5, dropout and augmentation", "test")]
    metrics: Any = card.metrics
    assert metrics["hold_out"]["accuracy"] == pytest.approx(ours["accuracy"])
    assert len(metrics["folds"]) == 5
    majority: Any = networks.loc[("without a network: majority class", "validation")]
    assert majority["roc_auc"] == 0.5
    mean = sum(fold["loss"] for fold in metrics["folds"]) / 5
    assert folds.loc["LeNet-5, dropout and augmentation", "loss"] == pytest.approx(mean)
    assert folds.loc["without a network: majority class", "roc_auc"] == 0.5
    of_shapes = [fold["accuracy"] for fold in metrics["beside"]["shapes alone"]["folds"]]
    assert folds.loc["without a network: shapes alone", "accuracy"] == pytest.approx(sum(of_shapes) / 5)
    sizes = pd.read_csv(reproduced / "figure-9.csv")
    assert list(dict.fromkeys(sizes["network"])) == ["majority class", "shapes alone", "lenet5"]
    assert card.classes == ("batholith", "porphyry")


def test_a_second_run_trains_nothing_and_a_cancelled_one_goes_on(
    reproduced: Path, mosaics: Path, tmp_path: Path
) -> None:
    weights = str(reproduced / "cut off.h5")
    trained = {path: path.stat().st_mtime_ns for path in (reproduced / "networks").glob("*.keras")}
    whole = (reproduced / "table-2.csv").read_text()
    reproduce(reproduced, mosaics, quick=True, epochs=1, weights=weights)
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    assert (reproduced / "table-2.csv").read_text() == whole

    def stop_at_the_second_lenet(_fraction: float, message: str) -> None:
        if message.startswith("LeNet-5, dropout"):
            raise Cancelled

    with pytest.raises(Cancelled):
        reproduce(tmp_path, mosaics, quick=True, epochs=1, weights=weights, progress=stop_at_the_second_lenet)
    assert not (tmp_path / "index.html").exists()
    assert {path.name for path in (tmp_path / "networks").glob("*.keras")} == {
        "mlp.keras",
        "lenet-none.keras",
    }
    reproduce(tmp_path, mosaics, quick=True, epochs=1, weights=weights)
    for file in reproduced.glob("*.csv"):
        assert (tmp_path / file.name).read_text() == file.read_text()


def stop_at(message_start: str) -> Progress:
    def stop(_fraction: float, message: str) -> None:
        if message.startswith(message_start):
            raise Cancelled

    return stop


def test_networks_are_trained_anew_when_mosaics_are_added(mosaics: Path, tmp_path: Path) -> None:
    more = shutil.copytree(mosaics, tmp_path / "more")
    for _ in range(2):
        with pytest.raises(Cancelled):
            reproduce(tmp_path / "out", more, epochs=1, progress=stop_at("LeNet-5"))
        shutil.copy(more / "QVC028.png", more / "QVC058.png")

    trained = read_card(tmp_path / "out" / "networks" / "mlp.keras").samples
    assert "QVC058" in {part.sample for part in trained}


def test_what_a_killed_run_with_other_settings_left_is_in_nobodys_way(mosaics: Path, tmp_path: Path) -> None:
    file = tmp_path / "networks" / "mlp.keras"
    with pytest.raises(Cancelled):
        reproduce(tmp_path, mosaics, epochs=400, progress=stop_at("MLP (baseline): epoch 60 "))
    assert partial_folder(file).is_dir()
    with pytest.raises(Cancelled):
        reproduce(tmp_path, mosaics, epochs=1, progress=stop_at("LeNet-5"))

    assert len(read_card(file).history) == 1
    assert not partial_folder(file).exists()


def test_a_folder_without_the_papers_mosaics_is_answered(tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match=r"holds none of the paper's mosaics, such as QVC074\.png; name"):
        reproduce(tmp_path / "out", tmp_path)


def test_mosaics_of_one_class_are_answered(mosaics: Path, tmp_path: Path) -> None:
    shutil.copy(mosaics / "QVC028.png", tmp_path)
    with pytest.raises(
        ZirconError, match=r"All mosaics found are of the class porphyry; add one of the other"
    ):
        reproduce(tmp_path / "out", tmp_path)


def test_published_networks_have_settings_that_can_be_trained() -> None:
    from napari_zircon_cnn.networks.settings import TrainSettings

    assert [TrainSettings(**model.training).network for model in MODELS].count("lenet5") == 4
    assert all(isinstance(model, PaperModel) for model in MODELS)


@pytest.mark.quellaveco
def test_real_mosaics_give_the_numbers_of_table_1(
    quellaveco_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_after_segmentation(_fraction: float, message: str) -> None:
        if message.startswith("MLP"):
            raise Cancelled

    with pytest.raises(Cancelled):
        reproduce(tmp_path, quellaveco_data / "quellaveco", progress=stop_after_segmentation)
    from napari_zircon_cnn.grains import usable
    from napari_zircon_cnn.project import Project
    from napari_zircon_cnn.reproduction.tables import sample_rows

    project = Project.read(tmp_path / "project")
    counts = {name: len(usable(project.table(name))) for name in project.samples}
    here = [row for row in sample_rows(counts, []) if row["role"] != "missing"]
    assert len(here) == 8
    assert [row["grains"] for row in here] == [row["published"] for row in here]
