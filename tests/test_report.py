"""The report: one page, at every stage of the work."""

import base64
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.calibration import FROM_SAMPLES, fit_calibration
from napari_zircon_cnn.columns import COLUMNS
from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import SegmentedMount, usable, with_coordinates, with_probabilities
from napari_zircon_cnn.map_figures import feature_map_figure
from napari_zircon_cnn.networks.card import ModelCard, TrainingSample
from napari_zircon_cnn.networks.settings import NetworkSettings, TrainSettings
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.report import grains_to_show, write_report
from napari_zircon_cnn.verdicts import VERDICT_CAVEAT

CLASSES = ("batholith", "porphyry")
BLOCKS = {"h1", "h2", "h3", "p", "td", "th", "dt", "dd", "div", "figcaption"}


class Page(HTMLParser):
    """A page as a reader meets it: its text, its references and the pictures in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.scale_bars: list[float] = []
        self.picture_widths: list[float] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.text += " " if tag in BLOCKS else ""
        self.ids += [values["id"]] if "id" in values else []
        references = [values[name] for name in ("src", "href", "data", "action") if name in values]
        (self.links if tag == "a" else self.loaded).extend(references)
        if values.get("class") == "scale-bar":
            self.scale_bars.append(float(values["width"]))
        if tag == "image":
            self.picture_widths.append(float(values["width"]))

    def handle_data(self, data: str) -> None:
        self.text += data if self.tags[-1:] != ["style"] else ""

    def svgs(self) -> list[str]:
        """Return the drawings in the page."""
        kind = "data:image/svg+xml;base64,"
        return [
            base64.b64decode(reference.removeprefix(kind)).decode()
            for reference in self.loaded
            if reference.startswith(kind)
        ]


def sample(name: str, probabilities: tuple[float, ...] = ()) -> SegmentedMount:
    """Return a drawn sample of three grains of which the first were classified."""
    segmented = drawn_mount()
    segmented.mount = dataclasses.replace(segmented.mount, sample=name)
    if probabilities:
        porphyry = np.array(probabilities, np.float32)
        labels = np.arange(1, len(porphyry) + 1)
        both = np.stack([1 - porphyry, porphyry], axis=1)
        segmented.table = with_probabilities(segmented.table, labels, both, CLASSES, "porphyry")
    return segmented


def verdict_of(name: str, verdict: str, n_grains: int = 30) -> dict[str, Any]:
    numbers = {"mean_probability": 0.71, "share_above_half": 0.84, "low": 0.67, "high": 0.75}
    return {"sample": name, "n_grains": n_grains, "verdict": verdict, **numbers}


def card() -> ModelCard:
    return ModelCard(
        network=NetworkSettings(),
        classes=CLASSES,
        crop=dataclasses.asdict(CropSettings()),
        training=TrainSettings(seed=7),
        samples=(TrainingSample(sample="QVC024", class_name="porphyry", n_grains=64),),
        history=({"epoch": 1, "loss": 0.7, "accuracy": 0.5}, {"epoch": 2, "loss": 0.6, "accuracy": 0.6}),
        metrics={"validation": {"accuracy": 0.81, "loss": 0.43, "roc_auc": None}},
        versions={"keras": "3.15"},
    )


def test_page_holds_all_that_it_shows(tmp_path: Path) -> None:
    samples = [sample("A", (0.1, 0.5, 0.9)), sample("B", (0.2, 0.4, 0.6))]
    verdicts = pd.DataFrame([verdict_of("A", "porphyry"), verdict_of("B", "undecided")])
    page = Page(write_report(samples, tmp_path, title="T", verdicts=verdicts, card=card()))
    assert page.loaded
    assert all(reference.startswith("data:image/") for reference in page.loaded)
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert "url(" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    inner, outer = ([link for link in page.links if link.startswith("#") is yes] for yes in (True, False))
    assert {link.removeprefix("#") for link in inner} <= set(page.ids)
    assert outer == ["https://doi.org/10.1029/2022JB025933"]
    assert not any(re.search(r'(href|src)="(?!#|data:)', svg) for svg in page.svgs())


def test_verdict_of_each_sample_in_a_sentence(tmp_path: Path) -> None:
    samples = [sample(name, (0.1, 0.5, 0.9)) for name in ("A1", "B2", "C3")]
    verdicts = pd.DataFrame(
        [verdict_of("A1", "porphyry"), verdict_of("B2", "undecided"), verdict_of("C3", "undecided", 3)]
    )
    page = Page(write_report(samples, tmp_path, title="Quellaveco", verdicts=verdicts, card=card()))
    assert "A1 The grains point to porphyry. 30 0.71 0.67 to 0.75 84%" in page.text
    assert "B2 Undecided: no class leads clearly." in page.text
    assert "C3 Undecided: a verdict needs 6 grains or more." in page.text
    assert VERDICT_CAVEAT in page.text


def test_only_segmented(tmp_path: Path) -> None:
    page = Page(write_report([sample("A")], tmp_path, title="T"))
    assert "Not classified yet." in page.text
    assert len(page.svgs()) == 1  # the crops; no histogram, no curves
    assert "A:1" in page.svgs()[0]
    assert "outline: probability" not in page.text


def test_sample_without_a_grain_that_counts(tmp_path: Path) -> None:
    rejected = sample("all rejected", (0.1, 0.5, 0.9))
    rejected.table.loc[1:, ["status", "reason"]] = ["rejected", "cracked"]
    empty = sample("empty")
    empty = SegmentedMount(empty.mount, np.zeros_like(empty.labels), empty.table.iloc[:1])
    verdicts = pd.DataFrame([verdict_of("all rejected", "undecided", 0) | {"low": np.nan, "high": np.nan}])
    page = Page(write_report([rejected, empty], tmp_path, title="T", verdicts=verdicts, card=card()))
    assert page.text.count("Without a grain that counts there is no verdict.") == 2
    assert "all were rejected" in page.text
    assert "none was found" in page.text
    assert "rejected: cracked 3" in page.text


def test_names_are_escaped(tmp_path: Path) -> None:
    name = "Québec & $1 'x'"
    page = Page(write_report([sample(name, (0.1, 0.5, 0.9))], tmp_path, title="<script>alert(1)</script>"))
    assert name in page.text
    assert "<script>alert(1)</script>" in page.text
    assert "script" not in page.tags


def test_reason_is_escaped(tmp_path: Path) -> None:
    segmented = sample("A")
    segmented.table.loc[1, ["status", "reason"]] = ["rejected", "<img src=x>"]
    page = Page(write_report([segmented], tmp_path, title="T"))
    assert "rejected: <img src=x> 1" in page.text
    assert "x" not in page.loaded


def test_crops_name_their_grain_and_its_probability(tmp_path: Path) -> None:
    page = Page(write_report([sample("A", (0.9, 0.1, 0.5))], tmp_path, title="T"))
    (gallery,) = (svg for svg in page.svgs() if "A:1" in svg)
    words = re.findall(r">(p = [\d.]+|A:\d)<", gallery)
    pairs = [set(pair) for pair in zip(words[::2], words[1::2], strict=True)]
    assert pairs == [{"A:2", "p = 0.10"}, {"A:3", "p = 0.50"}, {"A:1", "p = 0.90"}]


def test_rejected_and_unclassified_grains_are_not_in_the_histogram(tmp_path: Path) -> None:
    segmented = sample("A", (0.2, 0.4))
    segmented.table.loc[DISK, "status"] = "rejected"
    page = Page(write_report([segmented], tmp_path, title="T"))
    assert any("n = 1, mean 0.40" in svg for svg in page.svgs())
    assert segmented.table["probability"].isna()[TILTED_BOX]
    assert "grains that count: 2, of them classified: 1" in page.text


def test_scale_bar_on_the_page_is_as_long_as_it_says(tmp_path: Path) -> None:
    segmented = sample("A")
    page = Page(write_report([segmented], tmp_path, title="T"))
    (drawn_px,), (picture_px,) = page.scale_bars, page.picture_widths
    width_um = segmented.mount.image.shape[1] * segmented.mount.pixel_size_um
    assert drawn_px / picture_px * width_um == pytest.approx(100, rel=0.01)
    assert "100 µm" in page.text


def test_shape_table_gives_medians_with_units(tmp_path: Path) -> None:
    segmented = sample("A")
    median = segmented.table["area_um2"].median()
    page = Page(write_report([segmented], tmp_path, title="T"))
    assert f"area {median:,.0f}" in page.text
    assert all(column.name in page.text and column.formula in page.text for column in COLUMNS)


def test_model_and_its_training(tmp_path: Path) -> None:
    page = Page(write_report([sample("A", (0.1, 0.5, 0.9))], tmp_path, title="T", card=card()))
    assert "180 µm made 32 px" in page.text
    assert "QVC024 porphyry 64" in page.text
    assert "validation — 0.81 — — 0.43" in page.text
    assert any("ROC-AUC" in svg for svg in page.svgs())


def test_crops_have_the_box_that_the_model_was_given(tmp_path: Path) -> None:
    wide = card().model_copy(update={"crop": dataclasses.asdict(CropSettings(box_um=400))})
    pages = [
        Page(write_report([sample("A", (0.1, 0.5, 0.9))], tmp_path, title="T", card=which))
        for which in (card(), wide)
    ]
    narrow_crops, wide_crops = (re.findall(r"data:image/png[^\"]+", page.svgs()[0]) for page in pages)
    assert len(narrow_crops) == len(wide_crops) == 3
    assert narrow_crops != wide_crops


@pytest.mark.parametrize("overall", [None, {}, {"n": 4, "accuracy": 0.75, "roc_auc": None}])
def test_evaluation_may_be_incomplete(tmp_path: Path, overall: dict[str, Any] | None) -> None:
    evaluation = {"overall": overall, "samples": {"A": {"accuracy": 0.5, "in_training": True}, "B": None}}
    page = Page(write_report([sample("A")], tmp_path, title="T", evaluation=evaluation))
    assert "A — 0.50 — — — — — yes" in page.text
    assert "The model was trained on samples marked" in page.text
    assert ("all together, never seen 4 0.75" in page.text) == bool(overall)


def test_evaluation_counts_right_and_wrong(tmp_path: Path) -> None:
    overall = {"n": 9, "accuracy": 7 / 9, "confusion": [[3, 1], [1, 4]]}
    evaluation = {"classes": list(CLASSES), "overall": overall, "samples": {}}
    page = Page(write_report([sample("A")], tmp_path, title="T", evaluation=evaluation))
    assert "batholith 3 1 porphyry 1 4" in page.text


def test_grains_shown_range_from_the_lowest_to_the_highest() -> None:
    table = pd.DataFrame({"probability": np.random.default_rng(0).random(100)}, index=np.arange(1, 101))
    shown = grains_to_show(table, 16)
    values = table.loc[shown, "probability"]
    assert len(set(shown)) == 16
    assert values.is_monotonic_increasing
    assert (values.iloc[0], values.iloc[-1]) == (table["probability"].min(), table["probability"].max())
    assert len(grains_to_show(table.iloc[:5])) == 5


def test_cancelling_leaves_the_old_page(tmp_path: Path) -> None:
    write_report([sample("A")], tmp_path, title="old")

    def cancel(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        write_report([sample("A")], tmp_path, title="new", progress=cancel)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert Page(tmp_path / "index.html").text.startswith("old")


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ZirconError, match="cannot be made"):
        write_report([sample("A")], tmp_path / "file" / "report", title="T")


def test_upright_box_is_marked_where_it_lies(tmp_path: Path) -> None:
    path = write_report([sample("A")], tmp_path, title="T")
    marks = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>(\d+)</text>', path.read_text(encoding="utf-8"))
    x, y = next((float(x), float(y)) for x, y, label in marks if int(label) == UPRIGHT_BOX)
    assert (x / 4, y / 4) == pytest.approx((160, 40), abs=1)


def test_embedding_is_drawn_with_what_its_axes_go_along_with(tmp_path: Path) -> None:
    segmented = sample("A", (0.1, 0.5, 0.9))
    without = Page(write_report([segmented], tmp_path, title="T"))
    assert "Grains among each other" not in without.text
    labels = usable(segmented.table)
    segmented.table = with_coordinates(segmented.table, labels, np.arange(9.0).reshape(3, 3), "pca")
    figure = feature_map_figure(np.zeros((8, 8, 1), np.float32), {"C1": np.zeros((8, 8, 2), np.float32)})
    page = Page(write_report([segmented], tmp_path, title="T", feature_maps={"A:1": figure}))
    assert "Grains among each other" in page.text
    assert "PCA of what the network's penultimate layer gives" in page.text
    assert "UMAP of what" not in page.text
    assert "The crop of A:1 and the first maps of each layer" in page.text
    assert any("PCA 1" in svg for svg in page.svgs())


def test_what_probabilities_are_worth_is_shown(tmp_path: Path) -> None:
    page = Page(write_report([sample("A")], tmp_path, title="T", card=card()))
    assert "Not calibrated: the network was trained before that was done." in page.text
    n_pictures = len(page.svgs())

    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 100)
    y = (rng.random(100) < 1 / (1 + np.exp(-odds))).astype(int)
    sure = 1 / (1 + np.exp(-3 * odds))
    found = fit_calibration(np.stack([1 - sure, sure], axis=1), y, np.repeat(["A", "B"], 50), FROM_SAMPLES)
    calibrated = card().model_copy(update={"calibration": found})
    page = Page(write_report([sample("A")], tmp_path, title="T", card=calibrated))
    assert "Calibrated on 100 grains of held-out samples: temperature" in page.text
    assert f"uncalibrated {found.before['loss']:.2f} {found.before['brier']:.2f}" in page.text
    assert len(page.svgs()) == n_pictures + 1
