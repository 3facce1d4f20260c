"""The jobs that show why a network answers as it does, on a project."""

import pickle
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from district import CLASSES, District, Recorder
from napari_zircon_cnn.actions import Delete, Reject
from napari_zircon_cnn.crops import CropSettings, cut_crops
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import flagged, usable
from napari_zircon_cnn.jobs import model_cache
from napari_zircon_cnn.jobs.feature_maps import GrainMaps, feature_maps, maps_of_crops
from napari_zircon_cnn.jobs.grain_choice import BORDER_NOTE
from napari_zircon_cnn.jobs.saliency import (
    METHODS,
    GrainSaliency,
    Method,
    Question,
    saliency,
    saliency_of_crops,
    saliency_of_sample,
    sanity_test,
)
from napari_zircon_cnn.jobs.train import train_model
from napari_zircon_cnn.project import Project

LAYERS = ["C1", "S2", "C3", "S4", "C5", "S6"]


def first_grain(district: District, sample: str = "POR-1") -> int:
    return int(usable(Project.read(district.project).table(sample))[0])


def through_a_pipe(found: GrainMaps | GrainSaliency) -> object:
    return pickle.loads(pickle.dumps(found))  # noqa: S301 - our own


def test_maps_of_a_grain_are_those_of_its_crop(trained_district: District) -> None:
    before, recorder = trained_district.contents(), Recorder()
    name = f"POR-1:{first_grain(trained_district)}"
    found = feature_maps(trained_district.project, trained_district.model, name, progress=recorder)
    recorder.assert_complete()
    assert trained_district.contents() == before
    assert [layer.name for layer in found.layers] == LAYERS
    assert {layer.maps.shape[-1] for layer in found.layers} == {5}
    assert [layer.n_maps for layer in found.layers] == [6, 6, 16, 16, 32, 32]
    segmented = Project.read(trained_district.project).load("POR-1")
    np.testing.assert_array_equal(found.crop[None], cut_crops(segmented, [found.label]))
    (again,) = maps_of_crops(trained_district.model, found.crop[None], ["C5"], n_maps=None)
    np.testing.assert_array_equal(again[0].maps[..., :5], found.layers[4].maps)
    assert isinstance(through_a_pipe(found), GrainMaps)

    arrays = found.arrays()
    step = arrays["C5_step_um"]
    assert step.tolist() == [22.5, 22.5]
    corner = arrays["C5_origin_um"] - step / 2
    np.testing.assert_allclose(corner, arrays["crop_origin_um"] - arrays["crop_step_um"] / 2)


def test_a_model_is_read_once_and_few_are_kept(trained_district: District, tmp_path: Path) -> None:
    first = model_cache.read_model(trained_district.model)
    copy = tmp_path / "copy.keras"
    copy.write_bytes(trained_district.model.read_bytes())
    assert model_cache.read_model(copy) is first
    readers = [model_cache.read_model(copy).reader(("C1",)) for _ in range(3)]
    assert readers[0] is readers[1] is readers[2]
    assert len(model_cache._kept) <= model_cache.KEPT


def test_a_model_file_that_is_replaced_is_read_anew(trained_district: District, tmp_path: Path) -> None:
    path = tmp_path / "in_use.keras"
    path.write_bytes(trained_district.model.read_bytes())
    first = model_cache.read_model(path)
    training = {"network": "mlp", "epochs": 1}
    train_model(trained_district.project, trained_district.classes, path, training=training)
    assert model_cache.read_model(path).card.network.network == "mlp"
    assert first.card.network.network == "lenet5"


@pytest.mark.parametrize("method", METHODS)
def test_what_moved_the_answer_on_a_grain_and_on_a_sample(trained_district: District, method: Method) -> None:
    before, recorder = trained_district.contents(), Recorder()
    label, question = first_grain(trained_district), Question(method, CLASSES[0])
    project, model = trained_district.project, trained_district.model
    found = saliency(project, model, f"POR-1:{label}", question, sanity=True, progress=recorder)
    recorder.assert_complete()
    assert found.found.class_name == CLASSES[0]
    assert found.found.maps.shape[0] == 1
    assert found.sanity is not None
    assert found.sanity.sentence
    assert isinstance(through_a_pipe(found), GrainSaliency)

    image = saliency_of_sample(project, model, "POR-1", question)
    segmented = Project.read(project).load("POR-1")
    assert image.shape == segmented.labels.shape
    assert (image[~np.isin(segmented.labels, usable(segmented.table))] == 0).all()
    of_the_grain = image[segmented.labels == label]
    assert of_the_grain.max() <= found.found.maps.max() + 1e-5
    assert trained_district.contents() == before


def test_sanity_of_many_grains_is_the_same_again(trained_district: District) -> None:
    segmented = Project.read(trained_district.project).load("POR-1")
    crops = cut_crops(segmented, usable(segmented.table))
    one, other = (
        sanity_test(trained_district.model, crops, Question("integrated-gradients")) for _ in range(2)
    )
    assert one == other
    assert one.n_grains == min(24, len(crops))


def curate(district: District, action: Reject | Delete) -> None:
    project = Project.open(district.project)
    curation = project.curate(project.load("POR-1"))
    curation.perform(action)
    project.save(curation.segmented)


def test_grains_that_will_not_do_are_answered_with_a_sentence(trained: District) -> None:
    one, other, *_ = usable(Project.read(trained.project).table("POR-1")).tolist()
    curate(trained, Reject(labels=(one,), reason="crack"))
    curate(trained, Delete(labels=(other,), reason="dust"))
    for job in (feature_maps, saliency):
        with pytest.raises(ZirconError, match=rf"POR-1:{one} is rejected \(crack\), so it counts nowhere"):
            job(trained.project, trained.model, f"POR-1:{one}")
        for label in (other, 0, 9999):
            with pytest.raises(ZirconError, match=f"POR-1 has no grain {label}; it may have been deleted"):
                job(trained.project, trained.model, f"POR-1:{label}")
        for name in ("POR-1", "POR-1:", "POR-1:x", "7"):
            with pytest.raises(ZirconError, match=r"named SAMPLE:ID, such as QVC028:17"):
                job(trained.project, trained.model, name)
        with pytest.raises(ZirconError, match="has no sample NO"):
            job(trained.project, trained.model, "NO:1")
        with pytest.raises(ZirconError, match="There is no model file"):
            job(trained.project, trained.folder / "none.keras", "POR-1:3")


def test_wrong_crops_class_layer_and_method_are_answered_with_a_sentence(trained_district: District) -> None:
    model, crops = trained_district.model, np.zeros((1, 32, 32, 1), np.float32)
    with pytest.raises(ZirconError, match=r"crops have the shape \(16, 16, 1\) and the network takes \(32"):
        maps_of_crops(model, np.zeros((1, 16, 16, 1), np.float32))
    with pytest.raises(ZirconError, match="does not know the class 'granite'; it tells batholith from"):
        saliency_of_crops(model, crops, Question(class_name="granite"))
    with pytest.raises(ZirconError, match="no layer C9 with maps"):
        saliency_of_crops(model, crops, Question(layer="C9"))
    with pytest.raises(ZirconError, match="no method 'guess'; choose one of gradcam"):
        saliency_of_crops(model, crops, Question("guess"))  # type: ignore[arg-type]


def test_grain_at_the_border_has_maps_and_a_note(trained: District) -> None:
    mosaic = trained.mosaics[2]
    image = imagecodecs.png_decode(mosaic.read_bytes())
    grain = Project.read(trained.project).table("POR-1").loc[[first_grain(trained)]]
    cut = int(grain["centroid_x_um"].to_numpy()[0] / 2)
    mosaic.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(image[:, cut:])))
    from napari_zircon_cnn.jobs.segment import segment_mosaics

    segment_mosaics(trained.project, [mosaic], overwrite=True)
    table = Project.read(trained.project).table("POR-1")
    label = np.intersect1d(usable(table), flagged(table, "touches_border"))[0]
    found = feature_maps(trained.project, trained.model, f"POR-1:{label}")
    assert found.note == BORDER_NOTE
    assert (found.placement.edges_px[0] < 0) or (found.placement.edges_px[2] < 0)


def test_a_window_reads_the_results_without_keras(trained_district: District, tmp_path: Path) -> None:
    name = f"POR-1:{first_grain(trained_district)}"
    file = tmp_path / "found"
    file.write_bytes(pickle.dumps(feature_maps(trained_district.project, trained_district.model, name)))
    code = (
        "import pickle, sys\nfound = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(*(layer.name for layer in found.layers))\n"
        "print(*sorted({'keras', 'tensorflow', 'torch', 'jax', 'umap', 'sklearn'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{' '.join(LAYERS)}\n\n"


def test_crops_of_the_card_are_the_papers(trained_district: District) -> None:
    assert model_cache.read_model(trained_district.model).crop_settings == CropSettings()
