"""Forms for the parameters of methods and of a training."""

import dataclasses
from typing import Any

import pytest
from qtpy.QtWidgets import QLabel

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.networks.settings import TrainSettings
from napari_zircon_cnn.segmentation.methods import METHODS
from napari_zircon_cnn.widgets.parameter_form import ParameterForm

KINDS = [*(method.parameters for method in METHODS.values()), TrainSettings]


@pytest.mark.parametrize("kind", KINDS)
def test_each_parameter_has_a_field_with_its_default_and_its_meaning(kind: type[Any], qtbot: Any) -> None:
    form = ParameterForm(kind)
    qtbot.addWidget(form)
    assert form.values() == {}
    for parameter in dataclasses.fields(kind):
        assert form.fields[parameter.name].value == parameter.default
        assert len(form.fields[parameter.name].tooltip) > 10


def test_changed_parameters_are_told_and_reset(qtbot: Any) -> None:
    form = ParameterForm(METHODS["adaptive"].parameters)
    qtbot.addWidget(form)
    assert form.fields["edge_um"].label == "Edge (µm)"
    with qtbot.waitSignal(form.changed):
        form.fields["contrast"].value = 20
    form.fields["edge_share"].value = 0.4
    assert form.values() == {"contrast": 20, "edge_share": 0.4}
    form.reset()
    assert form.values() == {}


def test_choices_and_switches_have_fields_of_their_own(qtbot: Any) -> None:
    form = ParameterForm(TrainSettings)
    qtbot.addWidget(form)
    assert set(form.fields["augmentation"].choices) == {"paper", "notebook", "session", "none"}
    form.fields["dropout"].value = False
    form.fields["learning_rate"].value = 0.0005
    assert form.values() == {"dropout": False, "learning_rate": 0.0005}


def test_parameters_stand_under_headings_and_those_that_are_hidden_count_for_nothing(qtbot: Any) -> None:
    groups = {"Size": ("size_px", "box_um"), "Looks": ("masked",)}
    form = ParameterForm(CropSettings, groups, {"masked": "Grain alone"})
    qtbot.addWidget(form)
    assert list(form.fields) == ["size_px", "box_um", "masked"]
    form.fields["size_px"].value = 64
    form.fields["masked"].value = True
    form.show_only({"size_px"})
    assert form.values() == {"size_px": 64}
    shown = {label.text() for label in form.findChildren(QLabel) if label.isVisibleTo(form)}
    assert shown == {"Size", "Size (px)"}
    form.show_only({"masked"})
    assert form.values() == {"masked": True}


def test_values_are_called_by_words_and_no_others_can_be_chosen(qtbot: Any) -> None:
    words = {"weights": {"imagenet": "From ImageNet", "none": "Random"}}
    form = ParameterForm(TrainSettings, {"": ("weights",)}, words=words)
    qtbot.addWidget(form)
    assert form.fields["weights"].native.currentText() == "From ImageNet"
    form.fields["weights"].native.setCurrentText("Random")
    assert form.values() == {"weights": "none"}
