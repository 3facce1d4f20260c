"""What a view of the grain table shows: which rows, in which order, and each value as a short text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_zircon_cnn.columns import (
    COLUMNS,
    CURATED,
    EMBEDDED,
    FLAGS,
    PREDICTED,
    PROBABILITY_PREFIX,
    REJECTED,
    Column,
    Kind,
)

LABEL, FLAGS_FIELD = "label", "flags"
"""Fields that the grain table has no column for: the number of the row, and all flags in short words."""

FLAG_WORDS = {
    "touches_border": "border",
    "touching": "touching",
    "cut_by_seam": "seam",
    "dim": "dim",
    "saturated": "saturated",
    "streaked": "streak",
}
"""A word for each flag."""

FIRST_FIELDS = (
    LABEL,
    "status",
    "probability",
    "predicted_class",
    "uncertainty",
    "unlike_training",
    "in_training",
    FLAGS_FIELD,
    "reason",
    "class",
    "box_length_um",
    "box_width_um",
    "aspect_ratio",
    "area_um2",
    "intensity_mean",
)
"""What comes before all else, in this order."""

DOUBTS = ("uncertainty", "unlike_training", "in_training")
"""What tells how far a probability can be trusted."""
DEFAULT_FIELDS = tuple(name for name in FIRST_FIELDS if name not in DOUBTS)
"""What is shown until the user chooses."""

ALL, USABLE = "all", "usable"
ANY_FLAG, NO_FLAG = "any", "none"

_CLASSIFICATION = "Classification"
_GREY = "grey value"
_DECIMALS = {"µm": 1, "µm²": 0, "°": 0, "1/µm": 3, "": 2}
_NUMBERS = re.compile(r"[\d\s,;]+")


@dataclass(frozen=True)
class Field:
    """A column of the view.

    Parameters
    ----------
    name
        Its name in the grain table, `LABEL` or `FLAGS_FIELD`.
    unit
        The unit, or "".
    meaning
        What the value is.
    group
        Heading in the choice of columns; "" for what stands at its top.
    kind
        As in `columns.Column`; labels are numbers, and the flags together, or one alone, are a text.
    """

    name: str
    unit: str
    meaning: str
    group: str
    kind: Kind

    @property
    def title(self) -> str:
        """The name in words, with the unit in a second line."""
        words = self.name
        for ending in ("_um2", "_um", "_deg"):
            words = words.removesuffix(ending) if self.unit else words
        words = words.replace("_", " ")
        return f"{words}\n{self.unit}" if self.unit not in {"", _GREY} else words.replace(" ", "\n", 1)

    @property
    def explanation(self) -> str:
        """Name, unit and meaning, for a tool tip that breaks its lines."""
        unit = f", {self.unit}" if self.unit else ""
        return f"<p><b>{escape(self.name)}</b>{unit}</p><p>{escape(self.meaning)}</p>"


@dataclass(frozen=True)
class Filter:
    """Which grains are shown.

    Parameters
    ----------
    status
        `ALL`, `USABLE`, or a status.
    flag
        `ALL`, `ANY_FLAG`, `NO_FLAG`, or the name of a flag.
    text
        Numbers are labels; else what must occur in the reason or in one of the classes,
        in capitals or not.
    """

    status: str = ALL
    flag: str = ALL
    text: str = ""


def fields_of(table: pd.DataFrame) -> list[Field]:
    """Return the fields of a grain table: the usual ones first, those of the model's classes last."""
    flags = "; ".join(f"{word}: {name}" for name, word in FLAG_WORDS.items())
    fields = {
        LABEL: Field(LABEL, "", "number of the grain in the label image", "", "number"),
        FLAGS_FIELD: Field(FLAGS_FIELD, "", f"what may speak against the grain ({flags})", "", "text"),
    }
    for column in COLUMNS:
        if column.name not in FLAGS:
            kind: Kind = "text" if column.kind == "flag" else column.kind
            fields[column.name] = Field(column.name, column.unit, column.formula, _group(column), kind)
    usual = [fields[name] for name in FIRST_FIELDS]
    others = [field for name, field in fields.items() if name not in FIRST_FIELDS]
    names = [str(name) for name in table.columns if str(name).startswith(PROBABILITY_PREFIX)]
    of_classes = [
        Field(
            name,
            "",
            f"probability of {name.removeprefix(PROBABILITY_PREFIX)}, 0 to 1",
            _CLASSIFICATION,
            "number",
        )
        for name in names
    ]
    return usual + others + of_classes


def _group(column: Column) -> str:
    if column in CURATED:
        return ""
    if column in PREDICTED:
        return _CLASSIFICATION
    if column in EMBEDDED:
        return "Embedding"
    if column.unit == _GREY:
        return "Brightness"
    return "Position" if column.name.startswith(("centroid", "bbox")) else "Size and shape"


def values_of(table: pd.DataFrame, name: str) -> NDArray[Any]:
    """Return the values of a field by label; of the flags, the number that `flag_words` reads."""
    if name == LABEL:
        return np.arange(len(table))
    if name == FLAGS_FIELD:
        codes = np.zeros(len(table), np.int64)
        for place, flag in enumerate(FLAGS):
            codes |= table[flag].to_numpy(bool).astype(np.int64) << place
        return codes
    values = table[name].to_numpy()
    return np.where(values, "yes", "") if values.dtype == bool else values


def flag_words(code: int) -> str:
    """Return the words of a number whose bit k stands for the flag k of `columns.FLAGS`."""
    return ", ".join(FLAG_WORDS.get(flag, flag) for place, flag in enumerate(FLAGS) if code >> place & 1)


def decimals_of(field: Field, values: NDArray[Any]) -> int:
    """Return how many decimals a field's numbers get; grey values have those of their depth."""
    if field.name == LABEL:
        return 0
    if field.unit != _GREY:
        return _DECIMALS[field.unit]
    brightest = float(np.nanmax(values, initial=0))
    return 0 if brightest >= 1000 else 1 if brightest >= 10 else 3


def text_of(field: Field, value: Any, decimals: int) -> str:
    """Return a value as it is shown; nothing for NaN."""
    if field.name == FLAGS_FIELD:
        return flag_words(int(value))
    if field.kind == "text":
        return str(value)
    if field.name == LABEL:
        return str(value)
    return "" if np.isnan(value) else f"{value:,.{decimals}f}"


def exact_text_of(field: Field, value: Any) -> str:
    """Return a value for another program: all its digits, and neither tabs nor line breaks."""
    if field.kind == "number":
        return "" if np.isnan(value) else f"{value:.10g}"
    return " ".join(text_of(field, value, 0).split())


def matching(table: pd.DataFrame, wanted: Filter) -> NDArray[np.int64]:
    """Return the labels of the grains that a filter lets through, ascending.

    Parameters
    ----------
    table
        The grain table; empty rows never match.
    wanted
        The filter.

    Returns
    -------
    ndarray of int64, shape (n,)
        The labels.
    """
    fits = table["area_um2"].notna().to_numpy()
    if wanted.status == USABLE:
        fits = fits & (table["status"] != REJECTED).to_numpy()
    elif wanted.status != ALL:
        fits = fits & (table["status"] == wanted.status).to_numpy()
    if wanted.flag in {ANY_FLAG, NO_FLAG}:
        fits = fits & ((values_of(table, FLAGS_FIELD) > 0) == (wanted.flag == ANY_FLAG))
    elif wanted.flag != ALL:
        fits = fits & table[wanted.flag].to_numpy(bool)
    if text := wanted.text.strip():
        fits = fits & _has_text(table, text)
    return np.flatnonzero(fits)


def _has_text(table: pd.DataFrame, text: str) -> NDArray[np.bool_]:
    if _NUMBERS.fullmatch(text):
        return np.isin(np.arange(len(table)), [int(number) for number in re.findall(r"\d+", text)])
    found = np.zeros(len(table), bool)
    for name in ("reason", "class", "predicted_class"):
        found |= table[name].str.contains(text, case=False, regex=False).to_numpy(bool)
    return found


def in_order(
    labels: NDArray[np.int64], values: Mapping[str, NDArray[Any]], field: Field, *, descending: bool
) -> NDArray[np.int64]:
    """Sort labels by a field.

    Parameters
    ----------
    labels
        The labels, ascending.
    values
        The values of the fields by label.
    field
        What to sort by. Flags sort by how many there are.
    descending
        Largest first. What has no value is last in both directions, and grains of the same
        value come by ascending label.

    Returns
    -------
    ndarray of int64
        The same labels in their order.
    """
    chosen = values[field.name][labels]
    if field.name == FLAGS_FIELD:
        counts = np.bitwise_count(chosen).astype(np.int64)
        keys = np.where(counts > 0, (counts << len(FLAGS)) + chosen, np.nan)
    elif field.kind == "text":
        codes, names = pd.factorize(chosen, sort=True)
        keys = np.where(np.append(names == "", True)[codes], np.nan, codes)
    else:
        keys = chosen.astype(np.float64)
    return labels[np.argsort(-keys if descending else keys, kind="stable")]
