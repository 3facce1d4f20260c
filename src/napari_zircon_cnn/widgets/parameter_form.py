"""A form for the parameters of a method: one field each, with its range, unit and meaning."""

import dataclasses
import inspect
import math
import re
from collections.abc import Sequence
from typing import Any, cast, get_args, get_type_hints

from magicgui.widgets import CheckBox, create_widget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

_UNITS = {"_um": "µm", "_px": "px", "_um2": "µm²", "_deg": "°"}


class ParameterForm(QWidget):
    """Fields for the parameters of a validated dataclass.

    Parameters
    ----------
    kind
        The dataclass; its docstring says what each parameter means, its annotations their ranges.
    without
        Parameters that are chosen elsewhere.
    """

    changed = Signal()

    def __init__(self, kind: type[Any], without: Sequence[str] = ()) -> None:
        super().__init__()
        self._parameters = [field for field in dataclasses.fields(kind) if field.name not in without]
        meanings, hints = meanings_of(kind), get_type_hints(kind, include_extras=True)
        self.fields = {
            parameter.name: _field_for(parameter, hints[parameter.name], meanings.get(parameter.name, ""))
            for parameter in self._parameters
        }
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for field in self.fields.values():
            form.addRow("" if isinstance(field, CheckBox) else field.label, field.native)
            field.changed.connect(lambda _: self.changed.emit())

    def values(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, by name."""
        shown = {parameter.name: self.fields[parameter.name].value for parameter in self._parameters}
        return {
            parameter.name: shown[parameter.name]
            for parameter in self._parameters
            if shown[parameter.name] != parameter.default
        }

    def reset(self) -> None:
        """Set all parameters to their defaults."""
        for parameter in self._parameters:
            self.fields[parameter.name].value = parameter.default


def meanings_of(kind: type[Any]) -> dict[str, str]:
    """Return what the numpydoc docstring of a class says of each of its parameters."""
    lines = (inspect.getdoc(kind) or "").partition("Parameters\n----------\n")[2].splitlines()
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line and not line.startswith(" "):
            names = re.split(r",\s*", line.partition(" : ")[0])
        elif line:
            for name in names:
                meanings[name] = f"{meanings.get(name, '')} {line.strip()}".strip()
    return meanings


def _field_for(parameter: "dataclasses.Field[Any]", hint: Any, meaning: str) -> Any:
    """Return the field that fits a parameter's type, with its range, its label and its meaning."""
    end = next((end for end in _UNITS if parameter.name.endswith(end)), "")
    text = parameter.name.removesuffix(end).replace("_", " ").capitalize()
    options: dict[str, Any] = {"tooltip": meaning}
    # A Literal has choices in place of a range.
    plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    if plain in {int, float}:
        options |= _range_of(hint)
        if plain is float:
            # A tenth of the default's order of magnitude; as many digits are shown as the step has.
            options["step"] = min(10 ** (math.floor(math.log10(cast("float", parameter.default))) - 1), 0.5)
    return create_widget(
        value=parameter.default,
        annotation=plain,
        name=parameter.name,
        label=f"{text} ({_UNITS[end]})" if end else text,
        options=options,
    )


def _range_of(hint: Any) -> dict[str, float]:
    """Return the range that an annotation allows, as far as it says one."""
    found: dict[str, float] = {}
    for rule in get_args(hint)[1:]:
        for bound in getattr(rule, "metadata", [rule]):
            for side, names in (("min", ("ge", "gt")), ("max", ("le", "lt"))):
                for name in names:
                    if hasattr(bound, name):
                        found[side] = getattr(bound, name)
    return found
