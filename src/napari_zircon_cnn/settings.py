"""Settings that check themselves: pydantic dataclasses whose errors read as sentences."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic

from napari_zircon_cnn.errors import ZirconError

T = TypeVar("T")


def validated(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a pydantic dataclass or model from values that a user gave.

    Parameters
    ----------
    kind
        The class to build.
    values
        Its fields by name; texts are converted to the fields' types.

    Returns
    -------
    T
        The settings.

    Raises
    ------
    ZirconError
        Where a name is unknown or a value out of range; the sentence names it.
    """
    names = list(getattr(kind, "__pydantic_fields__", {}))
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise ZirconError(f"There is no setting {unknown[0]!r}; there are {', '.join(names)}.")
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or kind.__name__
        message = first["msg"].removeprefix("Value error, ")
        raise ZirconError(f"The setting {name} cannot be {first['input']!r}: {message}.") from error
