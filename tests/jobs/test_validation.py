import subprocess
import sys

import pytest

from napari_zircon_cnn.jobs.validation import Validation, warning_about

CLASSES = {"A": "batholith", "B": "porphyry", "C": "porphyry", "D": ""}


@pytest.mark.parametrize("validation", ["split", "kfold"])
def test_samples_on_both_sides_are_told(validation: Validation) -> None:
    assert warning_about(CLASSES, [], validation) == (
        "Grains of the same samples are in training and validation; the figures tell how well the network "
        "knows these samples, not how it does on a new one. Hold out samples or use leave-one-sample-out."
    )
    # A sample of no known class tests nothing.
    assert warning_about(CLASSES, ["D"], validation).endswith("Hold out samples or use leave-one-sample-out.")
    assert warning_about(CLASSES, ["C"], validation).endswith(
        "knows these samples. Only the held-out samples tell how it does on a new one."
    )


def test_whole_samples_in_the_validation_need_no_warning() -> None:
    assert warning_about(CLASSES, [], "leave-one-sample-out") == ""
    assert warning_about(CLASSES, ["C"], "leave-one-sample-out") == ""


def test_there_is_nothing_to_warn_of_before_there_are_classes() -> None:
    assert warning_about({}, [], "split") == ""
    assert warning_about({"A": ""}, [], "split") == ""


def test_a_window_can_warn_without_what_starts_slowly() -> None:
    code = (
        "import sys; from napari_zircon_cnn.jobs.validation import warning_about\n"
        "assert warning_about({'A': 'x'}, [], 'split')\n"
        "print('loaded', *sorted({'keras', 'tensorflow', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"
