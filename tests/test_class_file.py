"""CLASSES.csv: what is written is read again, in its order."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from napari_zircon_cnn.class_file import in_order, names_in, read_classes, write_classes

# What a person can type into one line; files are in UTF-8, which has no surrogates.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12).map(str.strip)
tables = st.dictionaries(texts.filter(bool), texts | st.sampled_from(["batholith", "porphyry"]), max_size=6)


@given(tables)
def test_what_is_written_is_read_again_in_its_order(
    tmp_path_factory: object, classes: dict[str, str]
) -> None:
    path = Path(str(tmp_path_factory.mktemp("classes"))) / "classes.csv"  # type: ignore[attr-defined]
    write_classes(classes, path)
    assert list(read_classes(path).items()) == list(classes.items())


@given(tables)
def test_the_class_whose_probability_is_shown_is_named_last(classes: dict[str, str]) -> None:
    for name in names_in(classes):
        ordered = in_order(classes, name)
        assert ordered == classes
        assert names_in(ordered)[-1] == name


def test_file_can_be_edited_by_hand(tmp_path: Path) -> None:
    write_classes({"QVC082": "batholith", "QVC 061": "porphyry, early", "QVC075": ""}, tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text(encoding="utf-8").splitlines() == [
        "sample,class",
        "QVC082,batholith",
        'QVC 061,"porphyry, early"',
        "QVC075,",
    ]
