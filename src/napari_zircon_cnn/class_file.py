"""CLASSES.csv: which class each sample is of, as a table that a person can edit."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_zircon_cnn.errors import ZirconError

_HEADER = ("sample", "class")


def read_classes(path: Path) -> dict[str, str]:
    """Read the class of each sample.

    Parameters
    ----------
    path
        A CSV file with the header `sample,class`.

    Returns
    -------
    dict
        The class by sample, in the order of the file; empty where it is not known.

    Raises
    ------
    ZirconError
        Where the file cannot be read, is no such table, or gives a sample two classes.
    """
    return class_by_sample(_read_rows(path), str(path))


def write_classes(classes: Mapping[str, str], path: Path) -> None:
    """Write what `read_classes` reads, to the path that a writer of whole files gave."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([_HEADER, *classes.items()])


def in_order(classes: Mapping[str, str], last: str) -> dict[str, str]:
    """Return the class by sample so that one class is named last, as the one whose probability is told."""
    return dict(sorted(classes.items(), key=lambda item: (item[1] == last, item[1] == "")))


def names_in(classes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the classes in the order in which they are first named."""
    return tuple(dict.fromkeys(name for name in classes.values() if name))


def class_by_sample(rows: Iterable[tuple[str, str]], source: str) -> dict[str, str]:
    """Return the class by sample from rows of both.

    Parameters
    ----------
    rows
        The rows; an empty one is left out.
    source
        Where they are from, as a sentence calls it.

    Returns
    -------
    dict
        The class by sample, in the order of the rows.

    Raises
    ------
    ZirconError
        Where a row has a class and no sample, or a sample has two classes.
    """
    by_sample: dict[str, str] = {}
    for sample, name in ((sample.strip(), name.strip()) for sample, name in rows):
        if not sample and not name:
            continue
        if not sample:
            raise ZirconError(f"{source} has a line with the class {name} and no sample; add its name.")
        if by_sample.setdefault(sample, name) != name:
            raise ZirconError(
                f"{source} gives {sample} two classes, {by_sample[sample]!r} and {name!r}; keep one."
            )
    return by_sample


def _read_rows(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            if sorted(header) != sorted(_HEADER):
                raise ZirconError(
                    f"{path} has the columns {', '.join(header) or 'none'}; its header must be: sample,class"
                )
            return [(row["sample"] or "", row["class"] or "") for row in reader]
    except OSError as error:
        raise ZirconError(f"The classes {path} cannot be read ({error.strerror}); check the name.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ZirconError(f"{path} is not a CSV file in UTF-8 ({error}); export it again.") from error
