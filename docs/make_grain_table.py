"""Write `docs/grain_table.md` from the columns themselves: `python docs/make_grain_table.py`."""

from pathlib import Path

from napari_zircon_cnn.columns import columns_as_markdown

PAGE = Path(__file__).parent / "grain_table.md"
INTRODUCTION = """# The columns of the grain table

`grains.csv` has one row a grain, with its label first. Lengths and places are in µm; x runs to the right
and y downwards from the centre of the mosaic's top left pixel, as in napari.

"""


def page() -> str:
    """Return the page."""
    return INTRODUCTION + columns_as_markdown()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
