"""A form for the parameters of a method: one field each, with its range, unit and meaning."""

import dataclasses
import inspect
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast, get_args, get_type_hints

from magicgui.widgets import CheckBox, create_widget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_zircon_cnn.widgets.panel import narrow

_UNITS = {"_um": "µm", "_px": "px", "_um2": "µm²", "_deg": "°"}
_ABOVE_HEADING_PX = 6


class ParameterForm(QWidget):
    """Fields for the parameters of a validated dataclass.

    Parameters
    ----------
    kind
        The dataclass; its docstring says what each parameter means, its annotations their ranges.
    groups
        The parameters under each heading, in their order; by default all, without a heading.
    titles
        What some of the parameters are called.
    words
        What the values of some of the parameters are called; no others can be chosen.
    """

    changed = Signal()

    def __init__(
        self,
        kind: type[Any],
        groups: Mapping[str, Sequence[str]] | None = None,
        titles: Mapping[str, str] | None = None,
        words: Mapping[str, Mapping[Any, str]] | None = None,
    ) -> None:
        super().__init__()
        there = {field.name: field for field in dataclasses.fields(kind)}
        groups = groups or {"": list(there)}
        self._parameters = {name: there[name] for names in groups.values() for name in names}
        meanings, hints = meanings_of(kind), get_type_hints(kind, include_extras=True)
        self.fields = {
            name: _field_for(
                parameter,
                hints[name],
                (titles or {}).get(name, ""),
                meanings.get(name, ""),
                (words or {}).get(name, {}),
            )
            for name, parameter in self._parameters.items()
        }
        self._heeded = set(self.fields)
        self._headings: dict[str, QLabel] = {}
        self._groups = groups
        self.form = QFormLayout(self)
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for heading, names in groups.items():
            if heading:
                self._add_heading(heading)
            for name in names:
                field = self.fields[name]
                self.form.addRow("" if isinstance(field, CheckBox) else field.label, field.native)
                if isinstance(field.native, QComboBox):
                    narrow(field.native)
                field.changed.connect(lambda _: self.changed.emit())

    def values(self) -> dict[str, Any]:
        """Return the parameters that are shown and differ from their defaults, by name."""
        return {
            name: self.fields[name].value
            for name, parameter in self._parameters.items()
            if name in self._heeded and self.fields[name].value != parameter.default
        }

    def reset(self) -> None:
        """Set all parameters to their defaults."""
        for name, parameter in self._parameters.items():
            self.fields[name].value = parameter.default

    def show_only(self, names: Collection[str]) -> None:
        """Show the fields of some parameters; what the others hold counts for nothing meanwhile."""
        self._heeded = set(self.fields) & set(names)
        for name, field in self.fields.items():
            for part in (field.native, self.form.labelForField(field.native)):
                if part is not None:
                    part.setVisible(name in self._heeded)
        for heading, label in self._headings.items():
            label.setVisible(not self._heeded.isdisjoint(self._groups[heading]))

    def _add_heading(self, heading: str) -> None:
        label = self._headings[heading] = QLabel(heading)
        font = label.font()
        font.setBold(True)
        label.setFont(font)
        label.setContentsMargins(0, _ABOVE_HEADING_PX, 0, 0)
        self.form.addRow(label)


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


def _field_for(
    parameter: "dataclasses.Field[Any]", hint: Any, title: str, meaning: str, words: Mapping[Any, str]
) -> Any:
    """Return the field that fits a parameter's type, with its range, its label and its meaning."""
    end = next((end for end in _UNITS if parameter.name.endswith(end)), "")
    text = title or parameter.name.removesuffix(end).replace("_", " ").capitalize()
    options: dict[str, Any] = {"tooltip": meaning}
    # A Literal has choices in place of a range.
    plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    if words:
        options["choices"] = [(word, value) for value, word in words.items()]
    elif plain in {int, float}:
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
