"""From the words of an option to what they name."""

from collections.abc import Sequence

from napari_zircon_cnn.errors import ZirconError


def pairs_in(words: Sequence[str], example: str = "min_side_px=30") -> dict[str, str]:
    """Return the values by name of words such as the example; raise `ZirconError` for others."""
    pairs = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise ZirconError(f"--set takes NAME=VALUE, such as {example}; {word!r} has no '='.")
        pairs[name.strip()] = value.strip()
    return pairs


def labels_in(words: str) -> list[int]:
    """Return the labels in words such as `3,7`; raise `ZirconError` where they are none."""
    return _numbers_in(words, "Grains are named by their labels with commas between, such as 3,7")


def sizes_in(words: str) -> list[int]:
    """Return the numbers of grains in words such as `50,100`; raise `ZirconError` where they are none."""
    return _numbers_in(words, "Sizes are numbers of grains with commas between, such as 50,100")


def _numbers_in(words: str, rule: str) -> list[int]:
    try:
        return [int(word) for word in names_in(words)]
    except ValueError as error:
        raise ZirconError(f"{rule}; {words!r} is none.") from error


def names_in(words: str) -> list[str]:
    """Return the names in words such as `QVC061,QVC082`."""
    return [name.strip() for name in words.split(",") if name.strip()]
