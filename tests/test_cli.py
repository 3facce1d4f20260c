import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from district import SAMPLES, District, contents_of, write_classes
from drawn import drawn_mount
from napari_zircon_cnn.cli import main
from napari_zircon_cnn.grains import usable
from napari_zircon_cnn.jobs.train import partial_folder, train_model
from napari_zircon_cnn.networks.card import CARD_MEMBER, read_card
from napari_zircon_cnn.progress import Cancelled
from napari_zircon_cnn.project import Project

COMMANDS = [
    *("demo", "segment", "curate", "train", "classify", "evaluate", "report", "export"),
    *("validate", "audit"),
    *("reproduce", "size-curve", "hyperparameters"),
    *("score-segmentation", "feature-maps", "saliency", "embed", "neighbours", "outliers"),
]
SLOW_TO_START = {"keras", "tensorflow", "umap", "matplotlib", "napari", "qtpy", "sklearn", "cv2", "pandas"}


class Run:
    """Runs the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> tuple[int, str, str]:
        """Return the exit status and what went to the output and the error stream."""
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = self._capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    def json(self, *words: object, warning: str = "") -> Any:
        """Return what a command that succeeds says to other programs."""
        code, out, err = self(*words, "--json")
        assert code == 0
        assert err.startswith(warning) if warning else not err
        return json.loads(out.splitlines()[-1])

    def refusal(self, *words: object) -> str:
        """Return the sentence with which a command refuses its input."""
        code, out, err = self(*words, "--json")
        assert code == 2, out + err
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        sentence = err.removeprefix("Error: ").rstrip("\n")
        assert json.loads(out.splitlines()[-1]) == {"error": sentence}
        return sentence


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return the command line."""
    return Run(capsys)


def python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_whole_job_from_the_command_line(district: District, run: Run) -> None:
    folder = district.folder / "a new place"
    project, model, ledger = folder / "Projekt ü", folder / "Modell ß.keras", district.folder / "l.jsonl"
    ledger.write_text('{"action": "reject", "labels": [1], "reason": "crack"}')

    segmented = run.json("segment", *district.mosaics, "-o", project)
    assert list(segmented["grains"]) == list(SAMPLES)
    curated = run.json("curate", project, "BAT-1", ledger)
    assert curated == {"grains": segmented["grains"]["BAT-1"], "rejected": 1}
    words = ["train", project, "--classes", district.classes, "--epochs", "1", "--hold-out", " POR-2, "]
    shared = "Warning: Grains of the same samples are in training and validation; the figures tell how well"
    trained = run.json(*words, "-o", model, warning=shared)
    assert set(trained["metrics"]) == {"validation", "hold_out", "beside"}
    classified = run.json("classify", project, "--model", model, "--samples", "BAT-1,POR-2")
    assert [row["sample"] for row in classified["verdicts"]] == ["BAT-1", "POR-2"]
    evaluated = run.json("evaluate", project, "--classes", district.classes, "--model", model)
    assert evaluated["overall"]["n"] == evaluated["samples"]["POR-2"]["n"]
    exported = run.json("export", project, "-o", folder / "für GIS", "--samples", "BAT-1")
    assert exported["samples"] == {"BAT-1": curated}
    files = ["BAT-1_grains.csv", "BAT-1_grains.geojson", "BAT-1_labels.tif"]
    assert sorted(path.name for path in Path(exported["folder"]).iterdir()) == files
    reported = run.json("report", project, "-o", folder / "Bericht é")
    assert Path(reported["report"]).is_file()


def test_people_read_sentences(trained: District, run: Run) -> None:
    _, out, _ = run("classify", trained.project, "--model", trained.model)
    assert [line.split(":")[0] for line in out.splitlines()[:4]] == list(SAMPLES)
    assert "mean porphyry probability 0." in out
    assert "Grains of one sample are not independent samples" in out
    assert "nan" not in out
    _, out, _ = run("evaluate", trained.project, "--classes", trained.classes, "--model", trained.model)
    assert "BAT-1 (batholith, " in out
    assert "Grains trained on, no test of the network: " in out
    assert "Grains never seen: " in out
    assert "nan" not in out


def test_a_training_is_shaped_by_options_and_goes_on_where_it_was_stopped(
    district: District, run: Run
) -> None:
    words = ["train", district.project, "--classes", district.classes, "-o", district.model, "--resume"]
    words += ["--balanced", "--early-stopping", "2", "--epochs", "4", "--set", "kernel_size=5"]
    words += ["--set", "optimiser=nadam", "--set", "batch_normalisation=yes", "--mixed-precision"]
    settings: dict[str, Any] = {"balanced_batches": True, "early_stopping": 2, "epochs": 4, "kernel_size": 5}
    settings |= {"optimiser": "nadam", "batch_normalisation": True, "mixed_precision": True}

    def stop(fold: str, epoch: dict[str, int | float]) -> None:
        if epoch["epoch"] == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_model(district.project, district.classes, district.model, training=settings, on_epoch=stop)
    assert partial_folder(district.model).is_dir()
    run(*words)
    card = read_card(district.model)
    assert {name: getattr(card.training, name) for name in settings} == settings
    unbroken = train_model(district.project, district.classes, district.model, training=settings)
    assert repr(card.metrics) == repr(unbroken.metrics)


def test_validation_on_the_samples_of_the_training_is_warned_of(district: District, run: Run) -> None:
    words = ["train", district.project, "--classes", district.classes, "--epochs", "2", "--keep-best"]
    code, out, err = run(*words, "-o", district.model)
    assert code == 0
    assert err == (
        "Warning: Grains of the same samples are in training and validation; the figures tell how well the "
        "network knows these samples, not how it does on a new one. "
        "Hold out samples or use leave-one-sample-out.\n"
    )
    assert "random fifth of the grains of the same samples, which chose epoch " in out
    code, _, err = run(*words, "--validation", "leave-one-sample-out", "-o", district.model)
    assert (code, err) == (0, "")


def test_export_says_how_many_are_rejected(district: District, run: Run) -> None:
    ledger = district.folder / "l.jsonl"
    ledger.write_text('{"action": "reject", "labels": [1, 2], "reason": "crack"}')
    run("curate", district.project, "BAT-1", ledger)
    code, out, err = run("export", district.project, "-o", district.folder / "out")
    n_grains = Project.open(district.project).table("BAT-1")["area_um2"].notna().sum()
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"BAT-1: {n_grains} grains, 2 of them rejected, as the column status says"


def test_segmentation_is_scored_against_masks(district: District, run: Run) -> None:
    folder = district.project / "samples" / "BAT-1"
    words = ["score-segmentation", folder / "labels.tif", folder / "labels.tif", "--uncertain", "1, 2"]
    n_grains = Project.open(district.project).table("BAT-1")["area_um2"].notna().sum()

    found = run.json(*words, "--table", folder / "grains.csv")
    assert (found["n_truth"], found["n_found"], found["merges"]) == (n_grains - 2, n_grains - 2, 0)
    assert [at["f1"] for at in found["at_iou"]] == [1, 1, 1]
    _, out, _ = run(*words)
    assert "IoU > 0.75: recall 1.000, precision 1.000, F1 1.000" in out


def test_samples_of_one_grain_or_none_have_no_interval(trained: District, run: Run) -> None:
    labels = Project.open(trained.project).table("POR-1")["area_um2"].dropna().index.tolist()
    ledger = trained.folder / "l.jsonl"
    for sample, rejected in (("POR-1", labels), ("POR-2", labels[1:])):
        ledger.write_text(json.dumps({"action": "reject", "labels": rejected, "reason": "x"}))
        run("curate", trained.project, sample, ledger)
    _, out, _ = run("classify", trained.project, "--model", trained.model)
    assert "POR-1: undecided (it has no grain that counts)" in out
    assert "nan" not in out
    assert "of 1 grains above 0.5)" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: zircon-cnn {command} " in " ".join(out.split())


def test_every_command_has_its_help(run: Run) -> None:
    _, out, _ = run("--help")
    assert all(f" {command} " in out for command in COMMANDS)
    assert "zircon-cnn [OPTIONS] COMMAND" in out


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["segment"], "Missing argument 'MOSAIC'. `zircon-cnn segment --help` shows how."),
        (["segment", "a.png"], "Missing option '--output' / '-o'. `zircon-cnn segment --help` shows how."),
        (["zzz"], "No such command 'zzz'. `zircon-cnn --help` shows how."),
        (["segment", "a.png", "-o", "p", "--set", "edge_um"], "--set takes NAME=VALUE, such as"),
        (
            ["segment", "a.png", "-o", "p", "--set", "blur=3"],
            "There is no setting 'blur'; there are ",
        ),
        (["segment", "a.png", "-o", "p", "--set", "edge_um=x"], "The setting edge_um cannot be 'x'"),
        (["segment", "a.png", "-o", "p", "--method", "magic"], "There is no segmentation method 'magic'"),
        (["segment", "a.png", "-o", "p"], "The mosaic a.png cannot be read (No such file or directory)"),
        (
            ["segment", "a.png", "-o", "p", "--pixel-size", "two"],
            "Invalid value for '--pixel-size': Input should be a valid number",
        ),
        (["report", "nowhere", "-o", "r"], "nowhere is no project folder"),
        (["export", "nowhere", "-o", "r"], "nowhere is no project folder"),
        (["score-segmentation", "a.tif", "b.tif"], "The label image a.tif cannot be read (No such file"),
        (["score-segmentation", "a.tif", "b.tif", "--uncertain", "x"], "Grains are named by their labels"),
        (["curate", "nowhere", "A", "none.jsonl"], "The ledger none.jsonl cannot be read (No such file"),
    ],
)
def test_wrong_words_are_answered_with_a_sentence(
    run: Run, words: list[str], answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run.refusal(*words).startswith(answer)
    assert contents_of(tmp_path) == {}


def test_name_too_long_for_the_system_is_no_bug_of_ours(run: Run, tmp_path: Path) -> None:
    assert "File name too long" in run.refusal("report", tmp_path / ("a" * 300), "-o", tmp_path)


def write_png(path: Path, pixels: Any) -> None:
    path.write_bytes(imagecodecs.png_encode(np.asarray(pixels)))


def write_text(path: Path) -> None:
    path.write_text("not an image at all")


def write_truncated(path: Path) -> None:
    write_png(path, drawn_mount().mount.image)
    path.write_bytes(path.read_bytes()[:-300])


def write_black(path: Path) -> None:
    write_png(path, np.zeros((200, 300), np.uint8))


def write_colour(path: Path) -> None:
    write_png(path, np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))


def write_small(path: Path) -> None:
    write_png(path, np.full((8, 10), 99, np.uint8))


def write_nan(path: Path) -> None:
    grey = np.ones((200, 300), np.float32)
    grey[3, 4] = np.nan
    tifffile.imwrite(path, grey)


def write_stack(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((5, 200, 300), np.uint8), photometric="minisblack")


@pytest.mark.parametrize(
    ("name", "write", "answer"),
    [
        ("letter.png", write_text, "letter.png is not an image that can be read; give a PNG, TIFF or JPEG"),
        ("cut.png", write_truncated, "cut.png is broken or cut short"),
        ("black.png", write_black, "No grain was found in black with adaptive (contrast="),
        ("colour.png", write_colour, "colour.png is a colour picture; a CL mosaic is grey"),
        (
            "small.png",
            write_small,
            "has 10 x 8 px (20 x 16 µm), less than the smallest grain that is kept (25 µm)",
        ),
        ("nan.tif", write_nan, "nan.tif holds NaN or infinite values; replace them"),
        ("stack.tif", write_stack, "stack.tif is a stack of the shape (5, 200, 300)"),
    ],
)
def test_what_is_no_mosaic_is_refused_and_nothing_lost(
    district: District, run: Run, name: str, write: Callable[[Path], None], answer: str
) -> None:
    path = district.folder / name
    write(path)
    before = district.contents()
    assert answer in run.refusal("segment", path, "-o", district.project)
    assert district.contents() == before


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf", "100000"])
def test_impossible_pixel_size_is_refused(district: District, run: Run, size: str) -> None:
    before = district.contents()
    answer = run.refusal("segment", district.mosaics[0], "-o", district.project, "--pixel-size", size)
    assert answer.startswith(f"A pixel size of {float(size):g} µm is impossible; give the edge of a pixel")
    assert district.contents() == before


def test_two_mosaics_of_one_sample_are_refused(district: District, run: Run) -> None:
    other = district.folder / "BAT-1.png"
    other.write_bytes(district.mosaics[1].read_bytes())
    before = district.contents()
    words = ["segment", district.mosaics[0], other, "-o", district.project]
    assert "would both be the sample BAT-1" in run.refusal(*words)
    assert "already holds a sample BAT-1" in run.refusal("segment", other, "-o", district.project)
    assert "cannot name a folder" in run.refusal(*words, "--sample", "BAT-1", "--sample", "a/b")
    assert district.contents() == before


@pytest.mark.parametrize(
    ("classes", "answer"),
    [
        (None, "cannot be read (No such file or directory); check the name"),
        ("sample,class\nBAT-1,a\nBAT-2,a\nPOR-1,b\n", "has no line for POR-2; add one"),
        ("sample,rock\nBAT-1,a\n", "has the columns sample, rock; its header must be: sample,class"),
        ("sample,class\nBAT-1,a\nBAT-2,a\nPOR-1,a\nPOR-2,a\n", "names 1 class; a network needs two"),
        ("sample,class\nBAT-1,a\nBAT-2,a\nPOR-1,a\nPOR-2,b\n", "The class b has 0 grains for training"),
    ],
)
def test_classes_that_do_not_fit_are_refused_and_nothing_lost(
    trained: District, run: Run, classes: str | None, answer: str
) -> None:
    path = trained.folder / "other classes.csv"
    if classes is not None:
        path.write_text(classes)
    before = trained.contents()
    words = ["train", trained.project, "--classes", path, "-o", trained.model, "--hold-out", "POR-2"]
    assert answer in run.refusal(*words)
    assert trained.contents() == before


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (["--model", "alexander"], "There is no network named 'alexander'; choose one of alexnet, lenet5"),
        (["--epochs", "0"], "The setting epochs cannot be 0: "),
        (["--box-um", "-3"], "The setting box_um cannot be -3.0: "),
        (["--set", "activation=magic"], "The setting activation cannot be 'magic': "),
        (["--set", "kernel=5"], "There is no setting 'kernel'; there are network, "),
        (["--set", "kernel_size"], "--set takes NAME=VALUE, such as kernel_size=5; 'kernel_size' has no"),
        (["--balanced", "--class-weights"], "choose one of the two"),
        (["--model", "vgg16", "--weights", "w.h5"], "There is no file of weights w.h5; check the path"),
        (["--model", "alexnet", "--size-px", "32"], "alexnet takes crops of 67 px or more, not of 32"),
        (["--early-stopping", "-1"], "The setting early_stopping cannot be -1: "),
        (["--hold-out", "X"], "has no sample X; it has BAT-1, BAT-2, POR-1, POR-2"),
        (["-o", "model.h5"], "A model's file name must end in .keras; 'model.h5' does not."),
        (["-o", "/proc/no/m.keras"], "The folder /proc/no cannot be made"),
    ],
)
def test_training_that_cannot_be_is_refused(
    district: District, run: Run, options: list[str], answer: str
) -> None:
    if sys.platform != "linux" and "/proc/no/m.keras" in options:
        pytest.skip("/proc cannot be written to on Linux")
    before = district.contents()
    words = ["train", district.project, "--classes", district.classes, "-o", district.model, *options]
    assert answer in run.refusal(*words)
    assert district.contents() == before


def without_card(model: Path) -> None:
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != CARD_MEMBER}
    with zipfile.ZipFile(model, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def with_lambda(model: Path) -> None:
    import keras

    crops = keras.Input((32, 32, 1))
    hidden = keras.layers.Lambda(lambda crop: crop * 2)(crops)
    save_as(model, keras.Model(crops, keras.layers.Dense(1)(keras.layers.Flatten()(hidden))))


def of_another_shape(model: Path) -> None:
    import keras

    crops = keras.Input((64, 64, 1))
    save_as(model, keras.Model(crops, keras.layers.Dense(1)(keras.layers.Flatten()(crops))))


def save_as(path: Path, model: Any) -> None:
    """Save another network with a card that fits its bytes."""
    from napari_zircon_cnn.networks import bundle

    bundle.save(bundle.ModelBundle(model, bundle.load(path).card), path)


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [
        (Path.unlink, "There is no model file"),
        (write_text, "is not a Keras file (.keras), or it is cut off; choose another file"),
        (without_card, "has no card that tells its classes and crops"),
        (with_lambda, "contains a Lambda layer, which could run foreign code"),
        (of_another_shape, "takes an input of shape (None, 64, 64, 1) where its card names crops of 32 x 32"),
    ],
)
def test_model_that_cannot_be_used_is_refused_and_nothing_lost(
    trained: District, run: Run, spoil: Callable[[Path], None], answer: str
) -> None:
    run("classify", trained.project, "--model", trained.model)
    spoil(trained.model)
    before = trained.contents()
    assert answer in run.refusal("classify", trained.project, "--model", trained.model)
    words = ["evaluate", trained.project, "--classes", trained.classes, "--model", trained.model]
    assert answer in run.refusal(*words)
    assert trained.contents() == before


def test_project_of_a_newer_version_is_refused_and_nothing_lost(trained: District, run: Run) -> None:
    record = trained.project / "project.json"
    record.write_text('{"format_version": 2, "mounts": []}')
    before = trained.contents()
    for words in (
        ["segment", trained.mosaics[0], "-o", trained.project, "--overwrite"],
        ["train", trained.project, "--classes", trained.classes, "-o", trained.model],
        ["classify", trained.project, "--model", trained.model],
        ["report", trained.project, "-o", trained.folder / "report"],
    ):
        assert "newer version (format 2, this one reads up to 1); update" in run.refusal(*words)
    assert trained.contents() == before


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [
        (write_black, "has changed since it was segmented; put the old file back, or segment the new one"),
        (Path.unlink, "is no longer at"),
    ],
)
def test_mosaic_that_is_changed_or_gone_is_refused_and_nothing_lost(
    trained: District, run: Run, spoil: Callable[[Path], None], answer: str
) -> None:
    spoil(trained.mosaics[1])
    before = trained.contents()
    for words in (
        ["train", trained.project, "--classes", trained.classes, "-o", trained.model],
        ["classify", trained.project, "--model", trained.model],
        ["report", trained.project, "-o", trained.folder / "report"],
    ):
        sentence = run.refusal(*words)
        assert answer in sentence
        assert "BAT-2" in sentence
    assert trained.contents() == before


def test_folder_that_cannot_be_written_to_is_refused(district: District, run: Run) -> None:
    (district.folder / "file").write_text("in the way")
    before = district.contents()
    for words in (
        ["segment", district.mosaics[0], "-o", district.folder / "file"],
        ["report", district.project, "-o", district.folder / "file" / "report"],
        ["export", district.project, "-o", district.folder / "file" / "out"],
        ["demo", "-o", district.folder / "file"],
    ):
        assert "cannot be made" in run.refusal(*words)
    assert district.contents() == before


@pytest.mark.parametrize(
    ("ledger", "answer"),
    [
        ('{"action": "rejct", "labels": [1]}', 'The ledger\'s line \'{"action": "rejct"'),
        ('{"action": "reject", "labels": [1]}', "Field required"),
        ('{"action": "accept", "labels": [999]}', "BAT-1 has no grain 999"),
        ('{"action": "accept", "labels": [1]}\n{"action": "redo"}', "There is nothing to redo"),
    ],
)
def test_ledger_that_does_not_fit_is_refused_and_nothing_lost(
    district: District, run: Run, ledger: str, answer: str
) -> None:
    path = district.folder / "ledger.jsonl"
    path.write_text(ledger)
    before = district.contents()
    assert answer in run.refusal("curate", district.project, "BAT-1", path)
    assert district.contents() == before


def test_grain_of_an_unknown_class_is_refused(district: District, run: Run) -> None:
    ledger = district.folder / "ledger.jsonl"
    ledger.write_text('{"action": "set_class", "labels": [2], "class": "porphry"}')
    run("curate", district.project, "BAT-1", ledger)
    words = ["train", district.project, "--classes", district.classes, "-o", district.model]
    assert run.refusal(*words).startswith("Grain 2 of BAT-1 was given the class porphry; the classes are")


def test_classes_of_another_model_are_refused(trained: District, run: Run) -> None:
    write_classes(trained.classes, {sample: sample[:3] for sample in SAMPLES})
    words = ["evaluate", trained.project, "--classes", trained.classes, "--model", trained.model]
    assert "names BAT, POR, but" in run.refusal(*words)


def test_interruption_is_told_and_exits_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_zircon_cnn.jobs.report.report_project", interrupted)
    code, _, err = run("report", "p", "-o", "r")
    assert (code, err.strip()) == (130, "Stopped; nothing was left half-written.")


def test_bug_of_ours_shows_its_traceback_and_exits_1() -> None:
    done = python(
        "import napari_zircon_cnn.jobs.report as job\n"
        "def report_project(*_): raise RuntimeError('our fault')\n"
        "job.report_project = report_project\n"
        "from napari_zircon_cnn.cli import main\n"
        "main(['report', 'p', '-o', 'r', '--json'])\n"
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: our fault" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "code",
    [
        "import napari_zircon_cnn",
        "from contextlib import suppress; from napari_zircon_cnn.cli import main\n"
        "with suppress(SystemExit): main(['--help'])",
        "from contextlib import suppress; from napari_zircon_cnn.cli import main\n"
        "with suppress(SystemExit): main(['train', '--help'])",
    ],
)
def test_nothing_that_starts_slowly_is_imported_for_the_help(code: str) -> None:
    done = python(f"{code}\nimport sys; print('loaded', *sorted({SLOW_TO_START} & set(sys.modules)))")
    assert done.stdout.splitlines()[-1] == "loaded"


def test_why_from_the_command_line(trained: District, run: Run) -> None:
    project, model, folder = trained.project, trained.model, trained.folder / "why é"
    grain = f"POR-1:{usable(Project.read(project).table('POR-1'))[0]}"
    words = ["feature-maps", project, "--model", model, "--grain", grain]
    drawn = run.json(*words, "-o", folder / "maps.svg")
    assert drawn["layers"]["C1"] == [32, 32, 6]
    run.json(*words, "--layers", "C5,S6", "--maps", "3", "-o", folder / "maps.png")
    run.json(*words, "-o", folder / "maps.npz")
    with np.load(folder / "maps.npz") as arrays:
        assert arrays["C3"].shape == (16, 16, 16)
        assert arrays["C3_step_um"].tolist() == [11.25, 11.25]
    why = ["saliency", project, "--model", model]
    why_here = [*why, "--grain", grain, "--method", "integrated-gradients", "--sanity"]
    found = run.json(*why_here, "-o", folder / "why.png", warning="With its weights shuffled")
    assert found["sanity"]["sentence"].startswith("With its weights shuffled")
    everything = run.json(*why, "--sample", "POR-1", "--method", "occlusion", "-o", folder / "all.tif")
    assert tifffile.imread(folder / "all.tif").shape == tuple(everything["shape"])

    assert "must end in .png or .svg" in run.refusal(*words, "-o", folder / "maps.jpg")
    assert "Name one grain" in run.refusal(*why, "-o", folder / "x.png")
    assert "end its name in .tif" in run.refusal(*why, "--sample", "POR-1", "-o", folder / "x.png")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("all.tif", "maps.npz", "maps.png", "maps.svg", "why.png")
    ]


def test_embedding_and_neighbours_from_the_command_line(trained: District, run: Run) -> None:
    project, model, folder = trained.project, trained.model, trained.folder / "why é"
    grain = f"POR-1:{usable(Project.read(project).table('POR-1'))[0]}"
    embedded = run.json("embed", project, "--model", model, "--method", "pca", "-o", folder / "pca.svg")
    assert embedded["fitted"] > 0
    assert {row["axis"] for row in embedded["axes"]} == {"pca_1", "pca_2", "pca_3"}
    assert run.json("embed", project, "--model", model, "--method", "pca")["kept"] == sum(
        embedded["grains"].values()
    )
    words = ["neighbours", project, "--model", model, "--grain", grain]
    found = run.json(*words, "-n", "3", "-o", folder / "near.png")
    assert len(found["neighbours"]) == 3
    assert "Note: There are only" in run(*words, "-n", "9999")[2]
    assert run.json("outliers", project, "--model", model)["n_grains"] == sum(embedded["grains"].values())
    assert sorted(path.name for path in folder.iterdir()) == ["near.png", "pca.svg"]


def test_trials_from_the_command_line(
    district: District, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_zircon_cnn.jobs.trials.HYPERPARAMETERS", {"stride": (1, 2)})
    place = (district.project, "--classes", district.classes, "-o", tmp_path, "--epochs", 1, "--seed", 7)

    curve = run.json(
        "size-curve", *place, "--model", "mlp,lenet5", "--sizes", "20", "--repeats", 1, "--weights", "none"
    )
    without = ("majority class", "shapes alone")
    assert [row["network"] for row in curve["trials"]] == [*without, "mlp", "lenet5"]
    assert {row["seed"] for row in curve["trials"]} == {7}
    settings = run.json("hyperparameters", *place)
    assert [(row["network"], row["name"]) for row in settings["trials"]] == [
        *((name, "all grains") for name in without),
        ("lenet5", "stride = 1"),
        ("lenet5", "stride = 2"),
    ]
    code, out, _ = run("size-curve", *place, "--model", "mlp,lenet5", "--sizes", "20", "--repeats", 1)
    assert code == 0
    assert all(f"{name}, 20 grains: 20 grains, accuracy" in out for name in (*without, "mlp"))
    assert run.refusal("size-curve", *place, "--sizes", "20,many") == (
        "Sizes are numbers of grains with commas between, such as 50,100; '20,many' is none."
    )
