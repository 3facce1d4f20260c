"""A form for the parameters of a method: one field each, with its range, unit and meaning."""

import dataclasses
import inspect
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

_UNITS = {"_um": " µm", "_px": " px", "_um2": " µm²", "_deg": "°"}
_LARGEST, _LARGEST_WHOLE = 1e6, 2**31 - 1

Field = QSpinBox | QDoubleSpinBox | QCheckBox | QComboBox


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
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        meanings, hints = meanings_of(kind), get_type_hints(kind, include_extras=True)
        self._parameters = [field for field in dataclasses.fields(kind) if field.name not in without]
        self.fields: dict[str, Field] = {}
        for parameter in self._parameters:
            field = _field_for(hints[parameter.name], parameter.default)
            unit = next((sign for end, sign in _UNITS.items() if parameter.name.endswith(end)), "")
            if unit and isinstance(field, QSpinBox | QDoubleSpinBox):
                field.setSuffix(unit)
            text = re.sub("|".join(f"{end}$" for end in _UNITS), "", parameter.name).replace("_", " ")
            field.setToolTip(meanings.get(parameter.name, ""))
            field.setAccessibleName(text)
            form.addRow(text.capitalize(), field)
            self.fields[parameter.name] = field
            _changed_signal(field).connect(lambda _: self.changed.emit())

    def values(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, by name."""
        shown = {name: _value_of(field) for name, field in self.fields.items()}
        return {
            parameter.name: shown[parameter.name]
            for parameter in self._parameters
            if shown[parameter.name] != parameter.default
        }

    def reset(self) -> None:
        """Set all parameters to their defaults."""
        for parameter in self._parameters:
            _set(self.fields[parameter.name], parameter.default)


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


def _field_for(hint: Any, default: Any) -> Field:
    field = _empty_field(hint, default)
    _set(field, default)
    return field


def _empty_field(hint: Any, default: Any) -> Field:
    if get_origin(hint) is Literal:
        choice = QComboBox()
        for value in get_args(hint):
            choice.addItem(str(value).replace("_", " "), value)
        return choice
    if isinstance(default, bool):
        return QCheckBox()
    low, high = _range_of(hint)
    if isinstance(default, int):
        whole = QSpinBox()
        whole.setRange(int(low), int(min(high, _LARGEST_WHOLE)))
        return whole
    number = QDoubleSpinBox()
    number.setDecimals(2 if default >= 0.1 or not default else 5)
    number.setRange(low, high)
    number.setSingleStep(1.0 if default >= 2 else 0.05 if default >= 0.1 else 0.0005)
    return number


def _value_of(field: Field) -> Any:
    if isinstance(field, QCheckBox):
        return field.isChecked()
    return field.currentData() if isinstance(field, QComboBox) else field.value()


def _set(field: Field, value: Any) -> None:
    if isinstance(field, QCheckBox):
        field.setChecked(value)
    elif isinstance(field, QComboBox):
        field.setCurrentIndex(field.findData(value))
    else:
        field.setValue(value)


def _changed_signal(field: Field) -> Any:
    if isinstance(field, QCheckBox):
        return field.toggled
    return field.currentIndexChanged if isinstance(field, QComboBox) else field.valueChanged


def _range_of(hint: Any) -> tuple[float, float]:
    low, high = 0.0, _LARGEST
    for rule in get_args(hint)[1:]:
        for bound in getattr(rule, "metadata", [rule]):
            low = float(getattr(bound, "ge", getattr(bound, "gt", low)))
            high = float(getattr(bound, "le", getattr(bound, "lt", high)))
    return low, high
