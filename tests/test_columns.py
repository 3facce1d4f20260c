import runpy
from pathlib import Path

from napari_zircon_cnn.columns import COLUMNS, PREDICTED, columns_as_markdown

DOCS = Path(__file__).parent.parent / "docs"


def test_each_column_is_documented_once_with_its_unit() -> None:
    text = columns_as_markdown()
    for column in COLUMNS:
        assert text.count(f"| `{column.name}` | {column.unit} | {column.formula} |") == 1
        assert ("_um" in column.name) == ("µm" in column.unit)
    assert {column.name for column in PREDICTED} == {
        "predicted_class",
        "probability",
        "uncertainty",
        "unlike_training",
        "in_training",
    }


def test_page_in_the_documentation_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "make_grain_table.py"))["page"]()

    assert (DOCS / "grain_table.md").read_text(encoding="utf-8") == page
