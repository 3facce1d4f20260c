"""The settings that a newcomer need not see."""

from pathlib import Path
from typing import Any

import pytest

from gui import button_of, press, press_and_choose
from napari_zircon_cnn.networks.registry import network_names, network_spec
from napari_zircon_cnn.widgets.training_form import TrainingForm


@pytest.fixture
def form(qtbot: Any) -> TrainingForm:
    made = TrainingForm()
    qtbot.addWidget(made)
    made.show()
    return made


def shown(form: TrainingForm) -> set[str]:
    return {
        name
        for part in (form.training, form.crop)
        for name, field in part.fields.items()
        if field.native.isVisibleTo(form)
    }


@pytest.mark.parametrize("network", network_names())
def test_each_network_shows_the_settings_that_it_heeds_and_needs_none(
    form: TrainingForm, network: str
) -> None:
    form.show_network(network)
    spec = network_spec(network)
    of_lenet = {"kernel_size", "stride", "padding", "batch_normalisation"}
    assert shown(form) & of_lenet == of_lenet & set(spec.options)
    assert ("weights" in shown(form)) == bool(spec.pretrained)
    assert ("cached_features" in shown(form)) == bool(spec.frozen_until)
    assert {"early_stopping", "class_weights", "optimiser", "learning_rate", "size_px"} <= shown(form)
    assert form.crop.fields["size_px"].value == spec.size_px
    assert form.n_changed() == 0


def test_settings_of_one_network_are_not_passed_on_to_another(form: TrainingForm) -> None:
    form.training.fields["kernel_size"].value = 5
    form.training.fields["dropout"].value = False
    form.crop.fields["size_px"].value = 64
    assert form.training_values() == {"kernel_size": 5, "dropout": False}
    assert form.crop_values() == {"size_px": 64}
    assert form.n_changed() == 3
    form.show_network("vgg16")
    assert form.training_values() == {"dropout": False}
    assert form.crop_values() == {"size_px": 64}
    form.show_network("alexnet")
    assert form.crop_values() == {}, "64 px are too few for AlexNet"
    form.show_network("lenet5")
    assert form.training_values() == {"kernel_size": 5, "dropout": False}


def test_two_ways_to_make_up_for_a_rare_class_exclude_each_other(form: TrainingForm) -> None:
    for name in ("class_weights", "balanced_batches", "class_weights"):
        form.training.fields[name].native.click()
        assert form.training_values() == {name: True}


def test_weights_come_from_a_file_until_the_defaults_are_asked_for(
    form: TrainingForm, tmp_path: Path, qtbot: Any
) -> None:
    form.show_network("vgg16")
    (tmp_path / "weights.h5").write_bytes(b"")
    press_and_choose(qtbot, form.weights_button, tmp_path / "weights.h5")
    assert form.training.fields["weights"].native.currentText() == "weights.h5"
    assert form.training_values() == {"weights": str(tmp_path / "weights.h5")}
    press(qtbot, button_of(form, "Defaults"))
    assert form.n_changed() == 0
