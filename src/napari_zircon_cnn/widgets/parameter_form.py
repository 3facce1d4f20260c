"""A form for the parameters of a method: one field each, with its range, unit and meaning."""

import dataclasses
import inspect
import re
from typing import Any, cast, get_args, get_type_hints

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

_UNITS = {"_um": " µm", "_px": " px", "_um2": " µm²", "_deg": "°"}
_LARGEST = 1e6


class ParameterForm(QWidget):
    """Fields for the parameters of a validated dataclass.

    Parameters
    ----------
    kind
        The dataclass; its docstring says what each parameter means, its annotations their ranges.
    """

    changed = Signal()

    def __init__(self, kind: type[Any]) -> None:
        super().__init__()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        meanings, hints = meanings_of(kind), get_type_hints(kind, include_extras=True)
        self._kind = kind
        self.fields: dict[str, QSpinBox | QDoubleSpinBox | QCheckBox] = {}
        for parameter in dataclasses.fields(kind):
            field = _field_for(hints[parameter.name], parameter.default)
            unit = next((sign for end, sign in _UNITS.items() if parameter.name.endswith(end)), "")
            if unit and not isinstance(field, QCheckBox):
                field.setSuffix(unit)
            text = re.sub("|".join(f"{end}$" for end in _UNITS), "", parameter.name).replace("_", " ")
            field.setToolTip(meanings.get(parameter.name, ""))
            field.setAccessibleName(text)
            form.addRow(text.capitalize(), field)
            self.fields[parameter.name] = field
            signal = field.toggled if isinstance(field, QCheckBox) else field.valueChanged
            signal.connect(lambda _: self.changed.emit())

    def values(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, by name."""
        defaults = {parameter.name: parameter.default for parameter in dataclasses.fields(self._kind)}
        shown = {
            name: field.isChecked() if isinstance(field, QCheckBox) else field.value()
            for name, field in self.fields.items()
        }
        return {name: value for name, value in shown.items() if value != defaults[name]}

    def reset(self) -> None:
        """Set all parameters to their defaults."""
        for parameter in dataclasses.fields(self._kind):
            field, default = self.fields[parameter.name], cast("Any", parameter.default)
            if isinstance(field, QCheckBox):
                field.setChecked(default)
            else:
                field.setValue(default)


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


def _field_for(hint: Any, default: Any) -> QSpinBox | QDoubleSpinBox | QCheckBox:
    if isinstance(default, bool):
        field = QCheckBox()
        field.setChecked(default)
        return field
    low, high = _range_of(hint)
    if isinstance(default, int):
        whole = QSpinBox()
        whole.setRange(int(low), int(high))
        whole.setValue(default)
        return whole
    number = QDoubleSpinBox()
    number.setDecimals(2)
    number.setRange(low, high)
    number.setSingleStep(0.05 if high <= 2 else 1.0)
    number.setValue(default)
    return number


def _range_of(hint: Any) -> tuple[float, float]:
    low, high = 0.0, _LARGEST
    for rule in get_args(hint)[1:]:
        for bound in getattr(rule, "metadata", [rule]):
            low = float(getattr(bound, "ge", getattr(bound, "gt", low)))
            high = float(getattr(bound, "le", getattr(bound, "lt", high)))
    return low, high
