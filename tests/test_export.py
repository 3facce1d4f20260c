import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from district import Recorder, contents_of
from drawn import DISK, TILTED_BOX, UPRIGHT_BOX, drawn_mount
from napari_zircon_cnn.actions import Delete, Reject
from napari_zircon_cnn.curation import Curation
from napari_zircon_cnn.export import export_csv, export_geojson, export_labels
from napari_zircon_cnn.grains import SegmentedMount, measure, with_probabilities
from napari_zircon_cnn.mount import Mount, read_mount
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.sample_files import read_labels, read_table

EXPORTS = [(export_csv, "g.csv"), (export_geojson, "g.geojson"), (export_labels, "l.tif")]


def mount_of(labels: NDArray[np.int32], pixel_size_um: float = 2.0) -> SegmentedMount:
    mount = Mount(np.full(labels.shape, 99, np.uint8), pixel_size_um, "drawn")
    return SegmentedMount(mount, labels, measure(labels, mount))


def curated() -> SegmentedMount:
    """Return the drawn mount with one grain rejected, one deleted and one classified."""
    segmented = drawn_mount()
    curation = Curation(segmented)
    curation.perform(Reject(labels=(DISK,), reason='half "gone", é'))
    curation.perform(Delete(labels=(UPRIGHT_BOX,), reason="dust"))
    answer = np.array([[0.25, 0.75]], np.float32)
    table = with_probabilities(segmented.table, np.array([TILTED_BOX]), answer, ("bat", "por"), "por")
    return SegmentedMount(segmented.mount, segmented.labels, table)


def features_of(segmented: SegmentedMount, folder: Path) -> list[dict[str, Any]]:
    path = folder / "grains.geojson"
    export_geojson(segmented, path)

    def refuse(name: str) -> float:
        raise ValueError(f"{name} is no JSON")

    collection = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert collection["type"] == "FeatureCollection"
    assert collection["pixel_size_um"] == segmented.mount.pixel_size_um
    return list(collection["features"])


def polygons_of(feature: dict[str, Any]) -> list[list[list[list[float]]]]:
    geometry = feature["geometry"]
    return list(
        {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[geometry["type"]]
    )


def area_of(ring: list[list[float]]) -> float:
    x, y = np.array(ring).T
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2


@pytest.mark.parametrize("pixel_size_um", [2.0, 0.5, 0.4137])
def test_outlines_have_the_areas_and_boxes_of_the_table(pixel_size_um: float, tmp_path: Path) -> None:
    segmented = drawn_mount(pixel_size_um)
    features = features_of(segmented, tmp_path)

    assert [feature["id"] for feature in features] == [DISK, UPRIGHT_BOX, TILTED_BOX]
    for feature in features:
        ((ring,),) = polygons_of(feature)
        row = segmented.table.loc[feature["id"]]
        assert ring[0] == ring[-1]
        assert area_of(ring) == pytest.approx(row["area_um2"], rel=1e-12 if pixel_size_um > 0.45 else 1e-3)
        low, high = np.min(ring, axis=0), np.max(ring, axis=0)
        assert low == pytest.approx(row[["bbox_x_min_um", "bbox_y_min_um"]].to_numpy(float), abs=5e-4)
        assert high == pytest.approx(row[["bbox_x_max_um", "bbox_y_max_um"]].to_numpy(float), abs=5e-4)
        assert ring == np.round(ring, 3).tolist()


def test_a_feature_s_properties_are_its_row_of_the_table(tmp_path: Path) -> None:
    segmented = curated()
    rejected, classified = features_of(segmented, tmp_path)

    assert (rejected["id"], classified["id"]) == (DISK, TILTED_BOX)
    assert list(rejected["properties"]) == ["label", *segmented.table.columns]
    assert rejected["properties"]["status"] == "rejected"
    assert rejected["properties"]["reason"] == 'half "gone", é'
    assert rejected["properties"]["probability"] is None
    assert classified["properties"]["probability"] == classified["properties"]["probability_por"] == 0.75
    assert classified["properties"]["predicted_class"] == "por"
    assert classified["properties"]["touches_border"] is False
    assert classified["properties"]["area_um2"] == segmented.table.at[TILTED_BOX, "area_um2"]


def test_holes_and_parts_are_drawn(tmp_path: Path) -> None:
    labels = np.zeros((9, 14), np.int32)
    labels[0:6, 0:6] = 1
    labels[2:4, 2:4] = 0
    labels[7:9, 9:14] = 1
    labels[3:5, 9:11] = 4
    segmented = mount_of(labels)

    two_parts, whole = features_of(segmented, tmp_path)

    assert two_parts["geometry"]["type"] == "MultiPolygon"
    areas = [[area_of(ring) for ring in polygon] for polygon in polygons_of(two_parts)]
    assert areas == [[144, -16], [40]]
    assert sum(map(sum, areas)) == segmented.table.at[1, "area_um2"]
    # The first pixel's centre is the origin.
    assert polygons_of(two_parts)[0][0] == [[-1, -1], [11, -1], [11, 11], [-1, 11], [-1, -1]]
    assert (whole["id"], whole["geometry"]["type"]) == (4, "Polygon")


def test_table_comes_back_from_its_file(tmp_path: Path) -> None:
    segmented = curated()
    export_csv(segmented, tmp_path / "a.csv")
    export_csv(segmented.table, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    read = read_table(tmp_path / "a.csv", len(segmented.table) - 1)
    assert read["status"].tolist() == segmented.table["status"].tolist()
    np.testing.assert_array_equal(read["area_um2"], segmented.table["area_um2"])
    np.testing.assert_array_equal(read["probability"], segmented.table["probability"])


@pytest.mark.parametrize("pixel_size_um", [2.0, 0.4137, 1 / 3, 0.005, 1000.0])
def test_labels_come_back_with_their_pixel_size(pixel_size_um: float, tmp_path: Path) -> None:
    segmented = drawn_mount(pixel_size_um)
    path = tmp_path / "labels.tif"
    export_labels(segmented, path)

    np.testing.assert_array_equal(read_labels(path), segmented.labels)
    read = read_mount(path)
    assert read.image.dtype == np.uint16
    assert read.pixel_size_um == pixel_size_um
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages.first.tags
        assert not tiff.pages.first.is_tiled
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
        for axis in "XY":
            pixels, cm = tags[f"{axis}Resolution"].value
            assert 10_000 * cm / pixels == pytest.approx(pixel_size_um, rel=1e-7)


def test_labels_beyond_16_bits_and_images_of_many_strips_come_back(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 2, (700, 1100)).astype(np.int32) * 70_000
    labels[-1, -1] = 5
    mount = Mount(np.zeros(labels.shape, np.uint8), 2.0, "drawn")
    segmented = SegmentedMount(mount, labels, drawn_mount().table)
    recorder = Recorder()
    for name in ("a.tif", "b.tif"):
        export_labels(segmented, tmp_path / name, recorder if name == "a.tif" else Recorder())
    assert tifffile.imread(tmp_path / "a.tif").dtype == np.uint32
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), labels)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    assert len(recorder.fractions) > 3
    recorder.assert_complete()


@pytest.mark.parametrize(("export", "name"), EXPORTS)
def test_exports_tell_their_progress(export: Any, name: str, tmp_path: Path) -> None:
    recorder = Recorder()
    export(drawn_mount(), tmp_path / name, recorder)
    recorder.assert_complete()


@pytest.mark.parametrize(("export", "name"), EXPORTS)
@pytest.mark.parametrize("after", [0.0, 1.0])
def test_a_cancelled_export_leaves_the_old_file(export: Any, name: str, after: float, tmp_path: Path) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises(Cancelled):
        export(drawn_mount(), tmp_path / name, Recorder(Cancelled, after))
    assert contents_of(tmp_path) == {name: b"old"}


def test_a_mount_without_grains_has_no_features(tmp_path: Path) -> None:
    assert features_of(mount_of(np.zeros((9, 14), np.int32)), tmp_path) == []
