"""Colours between the text and the ground of a window, so that drawings follow the theme."""

from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QWidget


def ground(widget: QWidget) -> QColor:
    """Return the colour that a widget is drawn on."""
    return widget.palette().color(QPalette.ColorRole.Window)


def ink(widget: QWidget, strength: float = 1.0) -> QColor:
    """Return the colour of a widget's text, faded into its ground.

    Parameters
    ----------
    widget
        The widget, whose style sheet has been applied.
    strength
        1 for the text's own colour, 0 for that of the ground.

    Returns
    -------
    QColor
        An opaque colour.
    """
    text, under = widget.palette().color(QPalette.ColorRole.WindowText), ground(widget)
    mixed = [
        round(strength * a + (1 - strength) * b)
        for a, b in zip(text.getRgb()[:3], under.getRgb()[:3], strict=True)  # type: ignore[arg-type, operator]
    ]
    return QColor(*mixed)


def is_dark(widget: QWidget) -> bool:
    """Return whether a widget shows light text on a dark ground."""
    return ground(widget).lightness() < ink(widget).lightness()
