"""What all tests share."""

import os
from pathlib import Path

import pytest

from district import District, draw_district, train_on


@pytest.fixture(scope="session")
def quellaveco_data() -> Path:
    """Return the folder that ZIRCON_CNN_DATA names, with the mosaics in its folder `quellaveco`."""
    folder = os.environ.get("ZIRCON_CNN_DATA")
    if not folder:
        pytest.skip("ZIRCON_CNN_DATA does not name a folder with the Quellaveco mosaics")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def drawn_district(tmp_path_factory: pytest.TempPathFactory) -> District:
    """Return four small segmented mounts; not to be changed, see `district`."""
    return draw_district(tmp_path_factory.mktemp("Größe 1"))


@pytest.fixture(scope="session")
def trained_district(drawn_district: District, tmp_path_factory: pytest.TempPathFactory) -> District:
    """Return the four mounts with a network trained on three of them; not to be changed."""
    district = drawn_district.copy_to(tmp_path_factory.mktemp("trained"))
    train_on(district, hold_out=["POR-2"])
    return district


@pytest.fixture
def district(drawn_district: District, tmp_path: Path) -> District:
    """Return four small segmented mounts."""
    return drawn_district.copy_to(tmp_path)


@pytest.fixture
def trained(trained_district: District, tmp_path: Path) -> District:
    """Return the four mounts with a network trained on all but POR-2."""
    return trained_district.copy_to(tmp_path)
