from pathlib import Path

import numpy as np

from drawn import drawn_mount
from napari_zircon_cnn.mosaic_files import write_mosaic
from napari_zircon_cnn.mount import read_mount


def test_written_mosaic_is_read_as_it_was(tmp_path: Path) -> None:
    mount = drawn_mount(pixel_size_um=0.37).mount
    written = write_mosaic(mount, tmp_path / "mosaics")

    assert written.source == tmp_path / "mosaics" / "drawn.tif"
    read = read_mount(written.source)
    np.testing.assert_array_equal(read.image, mount.image)
    assert (read.sample, read.white) == (mount.sample, mount.white)
    np.testing.assert_allclose(read.pixel_size_um, 0.37, rtol=1e-6)
