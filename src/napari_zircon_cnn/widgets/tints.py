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
    channels = zip(_channels(text), _channels(under), strict=True)
    mixed = [round(strength * above + (1 - strength) * below) for above, below in channels]
    return QColor(*mixed)


def is_dark(widget: QWidget) -> bool:
    """Return whether a widget shows light text on a dark ground."""
    return ground(widget).lightness() < ink(widget).lightness()


def _channels(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()
