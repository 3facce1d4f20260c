"""What all HTML pages share."""

import base64
import math
from importlib.metadata import PackageNotFoundError, version

import jinja2


def environment() -> jinja2.Environment:
    """Return what renders the package's templates; its filter `number` writes NaN as a dash."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("napari_zircon_cnn", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number_text
    return environment


def own_version() -> str:
    """Return the version of this package, as the foot or head of a page tells it."""
    try:
        return version("napari-zircon-cnn")
    except PackageNotFoundError:  # run from a source folder that was never installed
        return ""


def _number_text(value: float, digits: int = 2) -> str:
    return f"{value:,.{digits}f}" if math.isfinite(value) else "—"


def data_uri(kind: str, content: bytes) -> str:
    """Return a file as an address that holds it, so that a page needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
