import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from district import CLASSES, SAMPLES, District, Recorder, train_on, write_classes
from napari_zircon_cnn.actions import Reject
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.grains import existing, usable
from napari_zircon_cnn.jobs.classify import classify_project, evaluate_project, predict_project
from napari_zircon_cnn.jobs.export import export_project
from napari_zircon_cnn.jobs.segment import segment_mosaics
from napari_zircon_cnn.networks.card import Calibration, read_card
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project
from napari_zircon_cnn.project_choices import choices_of

PROBABILITIES = [f"probability_{name}" for name in CLASSES]


def reject(district: District, sample: str, *labels: int) -> None:
    project = Project.open(district.project)
    curation = project.curate(project.load(sample))
    curation.perform(Reject(labels=labels, reason="crack"))
    project.save(curation.segmented)


def test_each_grain_that_counts_gets_a_probability_for_each_class(trained: District) -> None:
    reject(trained, "POR-1", 1, 3)
    recorder = Recorder()
    verdicts = classify_project(trained.project, trained.model, progress=recorder)

    project = Project.open(trained.project)
    for sample in SAMPLES:
        table = project.table(sample)
        counted = usable(table)
        values = table.loc[counted, PROBABILITIES].to_numpy()
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
        assert (table.loc[counted, "probability"] == table.loc[counted, "probability_porphyry"]).all()
        most = np.array(CLASSES)[values.argmax(axis=1)]
        assert table.loc[counted, "predicted_class"].tolist() == most.tolist()
        others = table[~table.index.isin(counted)]
        assert others[[*PROBABILITIES, "probability"]].isna().all(axis=None)
        assert (others["predicted_class"] == "").all()
    assert list(existing(project.table("POR-1")))[:3] == [1, 2, 3]
    assert verdicts["sample"].tolist() == list(SAMPLES)
    written = project.verdicts()
    assert written is not None
    pd.testing.assert_frame_equal(written, verdicts, check_dtype=False)
    assert verdicts["n_grains"].tolist() == [len(usable(project.table(sample))) for sample in SAMPLES]
    assert project.record.model is not None
    recorder.assert_complete()


def test_a_window_finds_the_model_that_a_command_has_used(trained: District) -> None:
    classify_project(trained.project, trained.model)
    found = choices_of(Project.open(trained.project))
    assert found.model_file == trained.model.resolve()
    assert found.card == found.answered_by == read_card(trained.model)


def test_predictions_are_what_a_classification_writes_and_write_nothing(trained: District) -> None:
    reject(trained, "POR-1", 1, 3)
    before, recorder = trained.contents(), Recorder()
    found = pickle.loads(  # noqa: S301 - our own
        pickle.dumps(predict_project(trained.project, trained.model, ["POR-1", "BAT-2"], recorder))
    )

    assert trained.contents() == before
    recorder.assert_complete()
    assert found.card == read_card(trained.model)
    assert list(found.samples) == ["POR-1", "BAT-2"]
    classify_project(trained.project, trained.model)
    for sample, (labels, probabilities, _) in found.samples.items():
        table = Project.open(trained.project).table(sample)
        assert labels.tolist() == usable(table).tolist()
        assert probabilities.shape == (len(labels), len(CLASSES))
        np.testing.assert_array_equal(table.loc[labels, PROBABILITIES], probabilities)


def test_predictions_hold_the_steps_that_a_window_has_not_saved_yet(trained: District) -> None:
    project = Project.open(trained.project)
    curation = project.curate(project.load("POR-1"))
    curation.perform(Reject(labels=(2,), reason="crack"))
    before = trained.contents()
    labels = predict_project(trained.project, trained.model, ["POR-1"]).samples["POR-1"].labels
    assert labels.tolist() == usable(curation.segmented.table).tolist()
    assert trained.contents() == before


def test_a_window_gives_verdicts_without_keras(trained: District) -> None:
    classify_project(trained.project, trained.model)
    code = (
        "import sys; from napari_zircon_cnn.jobs.classify import verdicts_of\n"
        "from napari_zircon_cnn.networks.card import read_card\n"
        "from napari_zircon_cnn.project import Project\n"
        "project = Project.read(sys.argv[1])\n"
        "tables = {sample: project.table(sample) for sample in project.samples}\n"
        "print(len(verdicts_of(tables, read_card(sys.argv[2]))))\n"
        "print(*sorted({'keras', 'tensorflow', 'torch', 'jax', 'umap'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(trained.project), str(trained.model)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "4\n\n"


def test_verdict_on_one_grain_or_none_is_undecided(trained: District) -> None:
    labels = existing(Project.open(trained.project).table("POR-2")).tolist()
    reject(trained, "POR-2", *labels)
    reject(trained, "POR-1", *labels[1:])
    verdicts = classify_project(trained.project, trained.model).set_index("sample")
    assert verdicts.loc[["POR-1", "POR-2"], "n_grains"].tolist() == [1, 0]
    assert verdicts.loc[["POR-1", "POR-2"], "verdict"].tolist() == ["undecided"] * 2
    written = Project.open(trained.project).verdicts()
    assert written is not None
    assert written["mean_probability"].isna().tolist() == [False, False, False, True]


def test_samples_keep_no_probability_of_another_model(trained: District) -> None:
    classify_project(trained.project, trained.model, ["BAT-1"])
    classify_project(trained.project, trained.model, ["POR-1"])
    project = Project.open(trained.project)
    assert [bool(project.table(sample)["probability"].notna().any()) for sample in SAMPLES] == [
        True,
        False,
        True,
        False,
    ]

    train_on(trained, seed=1)
    verdicts = classify_project(trained.project, trained.model, ["POR-2"])
    assert verdicts["sample"].tolist() == ["POR-2"]
    assert Project.open(trained.project).table("BAT-1")["probability"].isna().all()


@pytest.mark.parametrize("after", [0.0, 0.6, 1.0])
def test_cancelled_classification_leaves_everything_as_it_was(trained: District, after: float) -> None:
    classify_project(trained.project, trained.model, ["BAT-1"])
    before = trained.contents()
    recorder = Recorder(Cancelled, after)
    with pytest.raises(Cancelled):
        classify_project(trained.project, trained.model, progress=recorder)
    assert recorder.fractions[-1] >= after
    assert trained.contents() == before


def test_grains_that_were_trained_on_are_kept_apart(trained: District) -> None:
    recorder = Recorder()
    found = evaluate_project(trained.project, trained.classes, trained.model, progress=recorder)

    by_sample = found["samples"]
    assert [by_sample[sample]["in_training"] for sample in SAMPLES] == [True, True, True, False]
    assert [by_sample[sample]["class"] for sample in SAMPLES] == [CLASSES[0]] * 2 + [CLASSES[1]] * 2
    assert found["overall"] == {
        name: by_sample["POR-2"][name] for name in found["overall"] if name != "roc_auc"
    } | {"roc_auc": pytest.approx(np.nan, nan_ok=True)}
    n_trained = len(read_card(trained.model).grain_hashes)
    assert found["seen"]["n"] == sum(by_sample[sample]["n_in_training"] for sample in SAMPLES) == n_trained
    assert Project.open(trained.project).record.evaluation is not None
    recorder.assert_complete()

    of_training = evaluate_project(trained.project, trained.classes, trained.model, ["BAT-1"])
    assert of_training["overall"] is None
    assert list(of_training["samples"]) == ["BAT-1"]


def test_order_of_the_classes_in_the_file_does_not_matter(trained: District) -> None:
    first = evaluate_project(trained.project, trained.classes, trained.model)
    given = dict(zip(SAMPLES, [CLASSES[0]] * 2 + [CLASSES[1]] * 2, strict=True))
    write_classes(trained.classes, dict(reversed(given.items())))
    second = evaluate_project(trained.project, trained.classes, trained.model)
    assert repr(second) == repr(first)
    without_file = evaluate_project(trained.project, given, trained.model)
    assert repr(without_file) == repr(first)


def test_classes_that_the_model_does_not_know_are_answered_with_a_sentence(trained: District) -> None:
    before = trained.contents()
    write_classes(trained.classes, {sample: sample[:3] for sample in SAMPLES})
    with pytest.raises(ZirconError, match=r"csv names BAT, POR, but .* tells batholith from porphyry; use"):
        evaluate_project(trained.project, trained.classes, trained.model)
    write_classes(trained.classes, dict(zip(SAMPLES, ("batholith", "porphyry", "", ""), strict=True)))
    with pytest.raises(ZirconError, match="gives none of these samples a class"):
        evaluate_project(trained.project, trained.classes, trained.model, ["POR-1", "POR-2"])
    trained.classes.write_bytes(before[trained.classes.name])
    assert trained.contents() == before


def test_evaluation_is_forgotten_when_it_is_no_longer_true(trained: District) -> None:
    evaluate_project(trained.project, trained.classes, trained.model)
    classify_project(trained.project, trained.model)
    assert Project.open(trained.project).record.evaluation

    reject(trained, "POR-1", 2)

    assert Project.open(trained.project).record.evaluation is None


def test_training_grains_are_known_whatever_the_segmentation_and_the_name(
    trained: District,
) -> None:
    """Neither other outlines, nor a copy of the mosaic, make a test of a grain that was trained on."""
    renamed = trained.folder / "mosaics" / "copy of POR-1.png"
    renamed.write_bytes(trained.mosaics[2].read_bytes())
    segment_mosaics(trained.project, trained.mosaics[:3], method="nathwani2023", overwrite=True)
    segment_mosaics(trained.project, [renamed], samples=["COPY"])
    given = dict(zip(SAMPLES, [CLASSES[0]] * 2 + [CLASSES[1]] * 2, strict=True)) | {"COPY": CLASSES[1]}

    by_sample = evaluate_project(trained.project, given, trained.model)["samples"]

    for sample in (*SAMPLES[:3], "COPY"):
        assert by_sample[sample]["n_in_training"] == by_sample[sample]["n"] > 5
    assert by_sample["POR-2"]["n_in_training"] == 0


def test_doubt_stands_in_the_table_and_outlasts_saving_and_export(trained: District) -> None:
    reject(trained, "POR-2", 1)
    verdicts = classify_project(trained.project, trained.model)
    tables = {sample: Project.open(trained.project).table(sample) for sample in SAMPLES}
    for table in tables.values():
        doubts = table.loc[usable(table), ["uncertainty", "unlike_training"]]
        assert doubts["uncertainty"].between(0, 0.5).all()
        assert table["uncertainty"].notna().sum() == len(doubts)
    # It was trained on four fifths of the grains of the three samples that were not held out.
    trained_on = {sample: int(table["in_training"].sum()) for sample, table in tables.items()}
    counts = {part.sample: part.n_grains for part in read_card(trained.model).samples}
    assert trained_on == counts | {"POR-2": 0}
    assert verdicts["n_unlike"].tolist() == [
        int((table["unlike_training"] > 1).sum()) for table in tables.values()
    ]
    export_project(trained.project, trained.folder / "out", ["POR-2"])
    exported = pd.read_csv(trained.folder / "out" / "POR-2_grains.csv")
    table = tables["POR-2"].loc[exported["label"]]
    np.testing.assert_allclose(exported["uncertainty"], table["uncertainty"])


def test_tables_from_before_the_doubt_can_be_read(trained: District) -> None:
    classify_project(trained.project, trained.model)
    path = trained.project / "samples" / "POR-2" / "grains.csv"
    now = Project.open(trained.project).table("POR-2")
    doubts = ["uncertainty", "unlike_training", "in_training"]
    pd.read_csv(path).drop(columns=doubts).to_csv(path, index=False)
    before = Project.open(trained.project).table("POR-2")
    assert not before["in_training"].any()
    assert before[["uncertainty", "unlike_training"]].isna().all(axis=None)
    assert before["probability"].tolist() == pytest.approx(now["probability"].tolist(), nan_ok=True)
    assert list(before.columns) == list(now.columns)


def test_equal_class_frequencies_move_all_probabilities_one_way(trained: District) -> None:
    classify_project(trained.project, trained.model)
    as_trained = Project.open(trained.project).table("POR-2")["probability"].dropna()
    verdicts = classify_project(trained.project, trained.model, ["POR-2"], prior="equal")
    project = Project.open(trained.project)
    equal = project.table("POR-2")["probability"].dropna()
    card = read_card(trained.model)
    assert (np.sign(equal - as_trained) == np.sign(0.5 - card.training_priors[1])).all()
    assert project.record.model is not None
    assert project.record.model["prior"] == "equal"
    # Probabilities that assume other frequencies do not stand beside them.
    assert verdicts["sample"].tolist() == ["POR-2"]
    assert project.table("BAT-1")["probability"].isna().all()


def test_probabilities_are_scaled_as_the_card_says(trained: District) -> None:
    from napari_zircon_cnn.networks import bundle

    before = predict_project(trained.project, trained.model, ["POR-2"]).samples["POR-2"].probabilities
    model = bundle.load(trained.model)
    twice = 2 * model.card.calibration.temperature
    halves = tuple(offset / 2 for offset in model.card.calibration.offsets)
    calibration = Calibration(temperature=twice, offsets=halves, fitted_on="x")
    card = model.card.model_copy(update={"calibration": calibration})
    bundle.save(bundle.ModelBundle(model.model, card), trained.model)
    after = predict_project(trained.project, trained.model, ["POR-2"]).samples["POR-2"].probabilities
    ratio = np.log(after[:, 1] / after[:, 0]) / np.log(before[:, 1] / before[:, 0])
    np.testing.assert_allclose(ratio, 0.5, rtol=1e-3)


def test_baselines_stand_beside_the_grains_never_seen(trained: District) -> None:
    found = evaluate_project(trained.project, trained.classes, trained.model)
    assert {name: figures["n"] for name, figures in found["beside"].items()} == {
        "majority class": found["overall"]["n"],
        "shapes alone": found["overall"]["n"],
    }
    assert evaluate_project(trained.project, trained.classes, trained.model, ["POR-2"])["beside"] == {}
