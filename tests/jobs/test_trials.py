"""Many trainings on four small synthetic mounts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from district import District
from napari_zircon_cnn.baseline import BASELINES, MAJORITY, SHAPES, shape_baseline
from napari_zircon_cnn.crops import CropSettings
from napari_zircon_cnn.dataset import random_split, some_of_each_class
from napari_zircon_cnn.errors import ZirconError
from napari_zircon_cnn.jobs.loading import known_grains
from napari_zircon_cnn.jobs.trials import Trial, hyperparameters, means_of, run_trials, size_curve
from napari_zircon_cnn.metrics import evaluation
from napari_zircon_cnn.progress import Cancelled, silent
from napari_zircon_cnn.project import Project

SHORT = {"epochs": 1, "augmentation": "none"}
TRIALS = [
    Trial("small", 0, 20, SHORT),
    Trial("all", 0, 0, SHORT),
    Trial("strided", 0, 0, {**SHORT, "stride": 2}),
]


def trained(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of networks."""
    return table[~table["network"].isin(BASELINES)].reset_index(drop=True)


def test_a_curve_over_sizes_is_a_table_and_a_picture(drawn_district: District, tmp_path: Path) -> None:
    table = size_curve(
        drawn_district.project, drawn_district.classes, tmp_path, sizes=[20, 40], repeats=2, training=SHORT
    )

    assert list(dict.fromkeys(table["network"])) == [MAJORITY, SHAPES, "lenet5"]
    for _, rows in table.groupby("network"):
        assert rows["name"].tolist() == ["20 grains", "20 grains", "40 grains", "40 grains"]
        assert rows["seed"].tolist() == [0, 1, 0, 1]
        assert (np.abs(rows["n_grains"] - [20, 20, 40, 40]) <= 1).all()
    assert table["roc_auc"].between(0, 1).all()
    assert (tmp_path / "size_curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "size_curve.svg").is_file()
    assert [row["trainings"] for row in means_of(table)] == [2] * 6


def test_baselines_learn_from_the_grains_of_the_network(drawn_district: District, tmp_path: Path) -> None:
    project, classes = drawn_district.project, drawn_district.classes
    table = size_curve(project, classes, tmp_path, sizes=[20], repeats=1, training=SHORT, seed=3)
    by_network = table.set_index("network")

    grains = known_grains(Project.read(project), classes, CropSettings(), silent)
    split = random_split(grains, seed=3)
    learnt, held = grains.take(split.train), grains.take(split.validation)
    learnt = learnt.take(some_of_each_class(learnt, 20, 3))
    figures = evaluation(shape_baseline(learnt, held), held.y)
    shapes = by_network.loc[SHAPES]
    assert {name: shapes[name] for name in ("loss", "accuracy", "roc_auc")} == {
        name: figures[name] for name in ("loss", "accuracy", "roc_auc")
    }
    assert (by_network["n_grains"] == len(learnt)).all()
    assert by_network.loc[MAJORITY, "roc_auc"] == 0.5


def test_a_folder_from_before_there_were_baselines_gets_them(
    drawn_district: District, tmp_path: Path
) -> None:
    project, classes, file = drawn_district.project, drawn_district.classes, tmp_path / "trials.csv"
    whole = run_trials(project, classes, TRIALS[:1], file)
    rows = pd.read_csv(file)
    trained(rows).to_csv(file, index=False)

    def train_nothing(_fraction: float, message: str) -> None:
        assert "epoch" not in message

    again = run_trials(project, classes, TRIALS[:1], file, progress=train_nothing)
    pd.testing.assert_frame_equal(again, whole)
    assert sorted(pd.read_csv(file)["network"]) == sorted(rows["network"])


def test_a_curve_has_the_seeds_that_are_asked_for(drawn_district: District, tmp_path: Path) -> None:
    project, classes = drawn_district.project, drawn_district.classes
    table = trained(size_curve(project, classes, tmp_path, sizes=[20], repeats=2, training=SHORT, seed=4))
    assert table["seed"].tolist() == [4, 5]
    again = trained(
        size_curve(project, classes, tmp_path / "again", sizes=[20], repeats=1, training=SHORT, seed=5)
    )
    figures = ["loss", "roc_auc"]
    assert again[figures].to_numpy().tolist() == table[figures].to_numpy()[1:].tolist()
    assert table["loss"].nunique() == 2


def test_curves_of_several_networks_stand_in_one_table(drawn_district: District, tmp_path: Path) -> None:
    """VGG-16 among them, whose settings the other has no layers for."""
    table = size_curve(
        *(drawn_district.project, drawn_district.classes, tmp_path),
        networks=["mlp", "vgg16"],
        sizes=[8],
        repeats=1,
        training={**SHORT, "weights": "none", "cached_features": True, "fine_tuning_epochs": 0},
    )
    assert table["network"].tolist() == [MAJORITY, SHAPES, "mlp", "vgg16"]
    assert table["roc_auc"].between(0, 1).all()
    assert [row["trainings"] for row in means_of(table)] == [1] * 4
    picture = (tmp_path / "size_curve.svg").read_text(encoding="utf-8")
    assert all(name in picture for name in table["network"])
    assert len(pd.read_csv(tmp_path / "size_curve.csv")) == 4


def test_a_network_without_its_weights_leaves_the_others_their_curves(
    drawn_district: District, tmp_path: Path
) -> None:
    weights = tmp_path / "cut off.h5"
    weights.write_bytes(b"no weights")
    with pytest.raises(ZirconError, match="holds no weights of VGG-16 without its top; choose another file"):
        size_curve(
            *(drawn_district.project, drawn_district.classes, tmp_path),
            networks=["mlp", "vgg16"],
            sizes=[20],
            repeats=1,
            training={**SHORT, "weights": str(weights)},
        )
    assert trained(pd.read_csv(tmp_path / "size_curve.csv"))["network"].tolist() == ["mlp"]
    assert (tmp_path / "size_curve.png").is_file()
    with pytest.raises(ZirconError, match="Name a network or more, such as"):
        size_curve(drawn_district.project, drawn_district.classes, tmp_path, networks=[])


def test_a_cancelled_run_goes_on_to_the_same_numbers(drawn_district: District, tmp_path: Path) -> None:
    whole = run_trials(drawn_district.project, drawn_district.classes, TRIALS, tmp_path / "whole.csv")
    begun = []

    def stop_at_the_third(_fraction: float, message: str) -> None:
        begun.append(message)
        if message.startswith("strided"):
            raise Cancelled

    file = tmp_path / "cut.csv"
    with pytest.raises(Cancelled):
        run_trials(drawn_district.project, drawn_district.classes, TRIALS, file, progress=stop_at_the_third)
    assert trained(pd.read_csv(file))["name"].tolist() == ["small", "all"]
    begun.clear()

    def note(_fraction: float, message: str) -> None:
        begun.append(message)

    resumed = run_trials(drawn_district.project, drawn_district.classes, TRIALS, file, progress=note)
    pd.testing.assert_frame_equal(resumed, whole)
    assert not any(message.startswith(("small", "all")) for message in begun)


def test_other_settings_are_another_trial(drawn_district: District, tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    run_trials(drawn_district.project, drawn_district.classes, TRIALS[1:2], file)
    longer = Trial("all", 0, 0, {**SHORT, "epochs": 2})
    run_trials(drawn_district.project, drawn_district.classes, [longer], file)

    rows = pd.read_csv(file)
    assert trained(rows)["name"].tolist() == ["all", "all"]
    assert len(rows) == 4


def test_every_hyperparameter_of_the_paper_is_tried(
    drawn_district: District, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "napari_zircon_cnn.jobs.trials.HYPERPARAMETERS", {"kernel_size": (3, 5), "padding": ("same", "valid")}
    )
    table = hyperparameters(drawn_district.project, drawn_district.classes, tmp_path, epochs=1, seed=2)

    assert (table["seed"] == 2).all()
    names = ["kernel_size = 3", "kernel_size = 5", "padding = same", "padding = valid"]
    assert trained(table)["name"].tolist() == names
    # The first and the third are LeNet-5 as it is, which is trained once.
    losses = trained(table)["loss"].tolist()
    assert losses[0] == losses[2]
    assert trained(pd.read_csv(tmp_path / "hyperparameters.csv"))["name"].tolist() == names
    beside = table[table["network"] != "lenet5"]
    assert beside[["network", "name"]].to_numpy().tolist() == [
        [MAJORITY, "all grains"],
        [SHAPES, "all grains"],
    ]
    assert len(set(table["n_grains"])) == 1


@pytest.mark.parametrize("sizes", [[], [0], [50, -1]])
def test_sizes_must_be_numbers_of_grains(sizes: list[int], drawn_district: District, tmp_path: Path) -> None:
    with pytest.raises(ZirconError, match=r"must be 1 or more; name some, such as 50,100\."):
        size_curve(drawn_district.project, drawn_district.classes, tmp_path, sizes=sizes)


def test_a_foreign_table_is_not_taken_for_trials(drawn_district: District, tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(ZirconError, match="is no table of trainings; move it away or name another folder"):
        run_trials(drawn_district.project, drawn_district.classes, TRIALS[:1], file)
    assert file.read_text() == "a,b\n1,2\n"
