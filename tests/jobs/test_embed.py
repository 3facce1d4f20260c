"""The jobs that embed grains and find those alike, on a project."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from district import SAMPLES, District, Recorder
from napari_zircon_cnn.actions import Merge, Reject
from napari_zircon_cnn.columns import EMBEDDED, REJECTED
from napari_zircon_cnn.crops import cut_crops
from napari_zircon_cnn.embedding_file import EmbeddingSettings
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.jobs.classify import classify_project
from napari_zircon_cnn.jobs.embed import embed_project, embedding_of_project
from napari_zircon_cnn.jobs.export import export_project
from napari_zircon_cnn.jobs.neighbours import neighbours, outliers
from napari_zircon_cnn.networks.card import read_card
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project

UMAP, PCA = ([f"{method}_{axis}" for axis in (1, 2, 3)] for method in ("umap", "pca"))
BY_PCA = EmbeddingSettings(method="pca")


def tables_of(district: District) -> dict[str, pd.DataFrame]:
    project = Project.read(district.project)
    return {sample: project.table(sample) for sample in project.samples}


def reject(district: District, sample: str, *labels: int) -> None:
    project = Project.open(district.project)
    curation = project.curate(project.load(sample))
    curation.perform(Reject(labels=labels, reason="crack"))
    project.save(curation.segmented)


@pytest.fixture(scope="module")
def embedded_district(trained_district: District, tmp_path_factory: pytest.TempPathFactory) -> District:
    district = trained_district.copy_to(tmp_path_factory.mktemp("embedded"))
    embed_project(district.project, district.model)
    return district


@pytest.fixture
def embedded(embedded_district: District, tmp_path: Path) -> District:
    return embedded_district.copy_to(tmp_path)


def test_coordinates_stand_in_the_tables_of_all_samples(embedded: District) -> None:
    for table in tables_of(embedded).values():
        assert table.loc[usable(table), UMAP].notna().all(axis=None)
        assert table[PCA].isna().all(axis=None)
    kept = Project.read(embedded.project).embedding("umap")
    assert kept is not None
    assert set(kept.hashes[kept.is_fitted]) == set(read_card(embedded.model).grain_hashes)
    assert kept.features.shape[1] == 32


def test_coordinates_outlast_classifying_and_are_exported(embedded: District) -> None:
    before = tables_of(embedded)
    classify_project(embedded.project, embedded.model)
    export_project(embedded.project, embedded.folder / "out")
    for sample, table in tables_of(embedded).items():
        pd.testing.assert_frame_equal(table[UMAP], before[sample][UMAP])
        exported = pd.read_csv(embedded.folder / "out" / f"{sample}_grains.csv", index_col="label")
        np.testing.assert_array_equal(exported[UMAP], table.loc[existing(table), UMAP])


def test_embedding_again_moves_nothing_and_a_new_sample_moves_no_old_one(trained: District) -> None:
    shutil.copytree(trained.project, trained.folder / "whole")
    project = Project.open(trained.project)
    late = project.record.samples.pop("POR-2")
    project.save_evaluation({})
    first = embed_project(trained.project, trained.model)
    before, recorder = tables_of(trained), Recorder()
    again = embed_project(trained.project, trained.model, progress=recorder)
    recorder.assert_complete()
    assert again.n_kept == sum(len(part.labels) for part in first.samples.values())
    for sample, table in tables_of(trained).items():
        pd.testing.assert_frame_equal(table, before[sample])

    project = Project.open(trained.project)
    project.record.samples["POR-2"] = late
    project.save_evaluation({})
    embed_project(trained.project, trained.model)
    after = tables_of(trained)
    for sample, table in before.items():
        pd.testing.assert_frame_equal(after[sample], table)
    assert after["POR-2"].loc[usable(after["POR-2"]), UMAP].notna().all(axis=None)


def test_the_papers_way_is_fitted_on_all_grains(trained: District) -> None:
    settings = EmbeddingSettings(fit="all", components=2)
    found = embed_project(trained.project, trained.model, settings)
    assert found.embedding.is_fitted.all()
    for table in tables_of(trained).values():
        assert table.loc[usable(table), UMAP[:2]].notna().all(axis=None)
        assert table["umap_3"].isna().all()


def test_one_embedding_leaves_the_other_methods_alone(embedded: District) -> None:
    before = tables_of(embedded)
    embed_project(embedded.project, embedded.model, BY_PCA)
    for sample, table in tables_of(embedded).items():
        pd.testing.assert_frame_equal(table[UMAP], before[sample][UMAP])
        assert table.loc[usable(table), PCA].notna().all(axis=None)


def test_another_embedding_takes_the_coordinates_of_samples_that_it_leaves_out(embedded: District) -> None:
    embed_project(embedded.project, embedded.model, samples=["BAT-1"])
    assert tables_of(embedded)["POR-1"][UMAP].notna().any(axis=None)
    embed_project(embedded.project, embedded.model, EmbeddingSettings(seed=4), ["BAT-1"])
    assert tables_of(embedded)["POR-1"][UMAP].isna().all(axis=None)


def test_a_changed_grain_has_no_coordinates_until_it_is_embedded(embedded: District) -> None:
    project = Project.open(embedded.project)
    curation = project.curate(project.load("POR-1"))
    one, other, *_ = usable(curation.segmented.table).tolist()
    curation.perform(Merge(labels=(one, other)))
    names = [column.name for column in EMBEDDED]
    assert curation.segmented.table.loc[[one, other], names].isna().all(axis=None)
    project.save(curation.segmented)
    found = embed_project(embedded.project, embedded.model)
    table = tables_of(embedded)["POR-1"]
    assert table.loc[[one], UMAP].notna().all(axis=None)
    assert found.n_kept < sum(len(part.labels) for part in found.samples.values())


def test_undo_brings_no_coordinates_of_an_earlier_embedding_back(embedded: District) -> None:
    project = Project.open(embedded.project)
    curation = project.curate(project.load("POR-1"))
    one, other, *_ = usable(curation.segmented.table).tolist()
    curation.perform(Merge(labels=(one, other)))
    found = embedding_of_project(embedded.project, embedded.model, EmbeddingSettings(seed=9))
    curation.embedded(found.into(curation.segmented.table, "POR-1"), "umap")
    curation.undo()
    assert curation.segmented.table.loc[[other], UMAP].isna().all(axis=None)


def test_rejected_grains_are_not_embedded(embedded: District) -> None:
    label = int(usable(tables_of(embedded)["BAT-1"])[0])
    reject(embedded, "BAT-1", label)
    found = embed_project(embedded.project, embedded.model)
    assert label not in found.samples["BAT-1"].labels
    assert tables_of(embedded)["BAT-1"].loc[[label], UMAP].isna().all(axis=None)


def test_what_is_only_computed_is_what_would_be_written(trained: District) -> None:
    before = trained.contents()
    found = pickle.loads(  # noqa: S301 - our own
        pickle.dumps(embedding_of_project(trained.project, trained.model, BY_PCA))
    )
    assert trained.contents() == before
    embed_project(trained.project, trained.model, BY_PCA)
    for sample, table in tables_of(trained).items():
        labels, coordinates = found.samples[sample]
        np.testing.assert_array_equal(table.loc[labels, PCA], coordinates)


@pytest.mark.parametrize("after", [0.0, 0.6, 0.97])
def test_cancelled_embedding_leaves_everything_as_it_was(trained: District, after: float) -> None:
    before = trained.contents()
    with pytest.raises(Cancelled):
        embed_project(trained.project, trained.model, BY_PCA, progress=Recorder(Cancelled, after))
    assert trained.contents() == before


def test_table_of_an_earlier_version_gets_the_columns(trained: District) -> None:
    path = trained.project / "samples" / "POR-1" / "grains.csv"
    now = pd.read_csv(path)
    new = [*UMAP, *PCA, "zoning_per_um"]
    now.drop(columns=new).to_csv(path, index=False)
    table = tables_of(trained)["POR-1"]
    assert table[new].isna().all(axis=None)
    embed_project(trained.project, trained.model, BY_PCA)
    assert tables_of(trained)["POR-1"][PCA].notna().any(axis=None)


def test_a_model_that_knows_no_grain_here_is_answered_with_a_sentence(trained: District) -> None:
    with pytest.raises(ZirconError, match=r"None of the \d+ grains took part in the training of the model"):
        embed_project(trained.project, trained.model, samples=["POR-2"])
    with pytest.raises(ZirconError, match="so there is nothing to tell outliers by"):
        project = Project.open(trained.project)
        for sample in SAMPLES[:3]:
            del project.record.samples[sample]
        project.save_evaluation({})
        outliers(trained.project, trained.model)


def test_no_grain_and_no_model_are_answered_with_a_sentence(trained: District) -> None:
    labels = usable(tables_of(trained)["BAT-1"]).tolist()
    reject(trained, "BAT-1", *labels)
    with pytest.raises(ZirconError, match="None of these grains counts"):
        embed_project(trained.project, trained.model, samples=["BAT-1"])
    with pytest.raises(ZirconError, match="There is no model file"):
        embed_project(trained.project, trained.folder / "none.keras")


def test_a_broken_embedding_is_answered_with_a_sentence(embedded: District) -> None:
    (embedded.project / "embedding" / "umap.npz").write_bytes(b"none")
    with pytest.raises(ZirconError, match="remove it, and embed the grains anew"):
        embed_project(embedded.project, embedded.model)
    embed_project(embedded.project, embedded.model, refit=True)


def test_neighbours_of_a_grain_are_the_nearest_of_all_samples(trained_district: District) -> None:
    before, recorder = trained_district.contents(), Recorder()
    project, model = trained_district.project, trained_district.model
    label = int(usable(tables_of(trained_district)["POR-1"])[0])
    found = neighbours(project, model, f"POR-1:{label}", 6, with_crops=True, progress=recorder)
    recorder.assert_complete()
    assert trained_district.contents() == before
    assert (found.grain.sample, found.grain.label, found.grain.distance) == ("POR-1", label, 0)
    distances = [near.distance for near in found.neighbours]
    assert distances == sorted(distances)
    assert len(distances) == 6
    assert found.crops is not None
    assert found.crops.shape == (7, 32, 32, 1)
    assert all(0 <= near.probability <= 1 for near in found.neighbours)

    here = neighbours(project, model, f"POR-1:{label}", 1000, samples=["BAT-1"])
    assert {near.sample for near in here.neighbours} == {"BAT-1"}
    assert "fewer than the 1000 asked for" in here.note


def test_a_grain_alone_and_no_neighbours_asked_for_are_answered_with_a_sentence(trained: District) -> None:
    one, *others = usable(tables_of(trained)["POR-2"]).tolist()
    reject(trained, "POR-2", *others)
    with pytest.raises(ZirconError, match=f"POR-2:{one} is the only grain that counts"):
        neighbours(trained.project, trained.model, f"POR-2:{one}", samples=["POR-2"])
    with pytest.raises(ZirconError, match="At least one neighbour"):
        neighbours(trained.project, trained.model, f"POR-2:{one}", 0)
    with pytest.raises(ZirconError, match="is rejected"):
        neighbours(trained.project, trained.model, f"POR-2:{others[0]}")


def test_outliers_come_by_how_far_they_are(trained_district: District) -> None:
    found = outliers(trained_district.project, trained_district.model)
    distances = [far.distance for far in found.outliers]
    assert distances == sorted(distances, reverse=True)
    assert all(distance > found.limit for distance in distances)
    tables = tables_of(trained_district).values()
    assert found.n_grains == sum(int((table["status"].iloc[1:] != REJECTED).sum()) for table in tables)
    only = outliers(trained_district.project, trained_district.model, ["POR-2"])
    assert only.outliers == [far for far in found.outliers if far.sample == "POR-2"]
    assert found.crops is None
    with_crops = outliers(trained_district.project, trained_district.model, n_crops=2)
    assert with_crops.crops is not None
    assert len(with_crops.crops) == min(2, len(found.outliers))
    for far, crop in zip(with_crops.outliers[:2], with_crops.crops, strict=True):
        segmented = Project.read(trained_district.project).load(far.sample)
        np.testing.assert_array_equal(crop, cut_crops(segmented, [far.label])[0])


def test_a_window_takes_over_an_embedding_without_umap(embedded_district: District, tmp_path: Path) -> None:
    found = embedding_of_project(embedded_district.project, embedded_district.model)
    (tmp_path / "found").write_bytes(pickle.dumps(found))
    code = (
        "import pickle, sys\nfrom napari_zircon_cnn.project import Project\n"
        "found = pickle.load(open(sys.argv[1], 'rb'))\nproject = Project.read(sys.argv[2])\n"
        "table = found.into(project.table('POR-1'), 'POR-1')\n"
        "print(table['umap_1'].notna().sum() == len(found.samples['POR-1'].labels))\n"
        "print(*sorted({'keras', 'tensorflow', 'umap', 'sklearn', 'numba'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "found"), str(embedded_district.project)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n\n"
