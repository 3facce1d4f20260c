import pytest

from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.settings import validated


def test_texts_become_the_fields_types() -> None:
    assert validated(CropSettings, {"box_um": "120", "masked": "true"}) == CropSettings(
        box_um=120, masked=True
    )


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ZirconError, match="There is no setting 'box'; there are box_um, size_px, masked"):
        validated(CropSettings, {"box": 1})


def test_value_out_of_range_is_named() -> None:
    with pytest.raises(ZirconError, match="The setting box_um cannot be -3: Input should be greater than 0"):
        validated(CropSettings, {"box_um": -3})
