"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def quellaveco_data() -> Path:
    """Return the folder that ZIRCON_CNN_DATA names, with the mosaics in its folder `quellaveco`."""
    folder = os.environ.get("ZIRCON_CNN_DATA")
    if not folder:
        pytest.skip("ZIRCON_CNN_DATA does not name a folder with the Quellaveco mosaics")
    return Path(folder).resolve()
