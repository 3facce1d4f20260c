"""The paper's figures: what is drawn must be what was given."""

import sys
from subprocess import run
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from napari_zircon_cnn import figures


def test_histogram_counts_every_grain_once() -> None:
    values = np.array([0.0, 0.02, 0.5, 0.51, 0.99, 1.0, np.nan])
    (axes,) = figures.probability_histogram(values).axes
    bars = [bar for bar in axes.patches if bar.get_height() > 0]  # type: ignore[attr-defined]
    assert len(axes.patches) == figures.HISTOGRAM_BINS
    assert sum(bar.get_height() for bar in bars) == 6  # type: ignore[attr-defined]
    assert axes.get_title(loc="left") == "n = 6, mean 0.50"


def test_histogram_marks_a_half() -> None:
    (axes,) = figures.probability_histogram([0.2, 0.9]).axes
    assert [0.5, 0.5] in [np.asarray(line.get_xdata()).tolist() for line in axes.lines]


def test_histogram_of_nothing() -> None:
    (axes,) = figures.probability_histogram([]).axes
    assert axes.get_title(loc="left") == "n = 0"


def test_curves_of_training_and_validation() -> None:
    history = [
        {"epoch": 1, "loss": 0.7, "accuracy": 0.5, "roc_auc": 0.5, "val_loss": 0.8, "val_accuracy": 0.4},
        {"epoch": 2, "loss": 0.6, "accuracy": 0.7, "roc_auc": 0.8, "val_loss": 0.7, "val_accuracy": 0.6},
    ]
    accuracy, loss, roc_auc = figures.training_curves(history).axes
    training, validation = loss.lines
    assert np.asarray(training.get_ydata()).tolist() == [0.7, 0.6]
    assert np.asarray(validation.get_ydata()).tolist() == [0.8, 0.7]
    assert training.get_color() == figures.TRAINING_COLOUR
    assert validation.get_color() == figures.VALIDATION_COLOUR
    assert [axes.get_title(loc="left") for axes in (accuracy, loss, roc_auc)] == [
        "accuracy",
        "loss",
        "ROC-AUC",
    ]


def test_curves_say_what_is_not_defined() -> None:
    history = [{"epoch": 1, "loss": 0.7, "accuracy": 0.5, "roc_auc": None, "val_roc_auc": float("nan")}]
    *_, roc_auc = figures.training_curves(history).axes
    assert "not defined" in [text.get_text() for text in roc_auc.texts]


def test_gallery_names_every_crop_and_its_probability() -> None:
    crops = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    gallery = figures.crop_gallery(crops, [0.1, np.nan, 0.9], ["A:1", "A:2", "A:3"], columns=2)
    drawn = gallery.axes[:3]
    assert [axes.get_title() for axes in drawn] == ["p = 0.10", "", "p = 0.90"]
    assert [axes.get_xlabel() for axes in drawn] == ["A:1", "A:2", "A:3"]
    assert not gallery.axes[3].images


def test_long_name_keeps_its_label() -> None:
    crops = np.zeros((1, 8, 8, 1), np.float32)
    gallery = figures.crop_gallery(crops, [0.5], ["a sample with a very long name indeed:1234"])
    name = gallery.axes[0].get_xlabel()
    assert name.endswith(":1234")
    assert "…" in name


@pytest.mark.parametrize("name", ["$x^{$", "<b>&", "Québec"])
def test_any_name_makes_a_valid_svg(name: str) -> None:
    crops = np.zeros((1, 8, 8, 1), np.float32)
    gallery = ET.fromstring(figures.as_svg(figures.crop_gallery(crops, [0.5], [name])))  # noqa: S314
    histogram = ET.fromstring(figures.as_svg(figures.probability_histogram([0.5], name)))  # noqa: S314
    assert name in "".join(gallery.itertext())
    assert f"probability of {name}" in "".join(histogram.itertext())


def test_svg_takes_the_colour_of_the_page_around() -> None:
    svg = figures.as_svg(figures.probability_histogram([0.5]))
    assert "currentColor" in svg
    assert "prefers-color-scheme:dark" in svg


def test_same_figure_same_svg() -> None:
    first, second = (figures.as_svg(figures.probability_histogram([0.5, 0.7])) for _ in range(2))
    assert first == second


def test_viridis_from_end_to_end() -> None:
    assert figures.viridis([0.0, 1.0]).tolist() == [[68, 1, 84], [253, 231, 36]]


def test_drawing_leaves_pyplot_alone() -> None:
    code = (
        "import sys; from napari_zircon_cnn import figures; "
        "figures.as_svg(figures.probability_histogram([0.5])); print('matplotlib.pyplot' in sys.modules)"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
