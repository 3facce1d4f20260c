"""Which legend goes with the colours that a sample's grains have on the mount."""

from napari_zircon_cnn.networks.card import ModelCard
from napari_zircon_cnn.widgets.colours import (
    CLASS_COLOURS,
    RANGES,
    STATUS_COLOURS,
    UNKNOWN_COLOUR,
    ends_of,
    shades,
)
from napari_zircon_cnn.widgets.legend import ColourLegend
from napari_zircon_cnn.widgets.open_sample import OpenSample


def explain_colours(legend: ColourLegend, sample: OpenSample, card: ModelCard | None) -> None:
    """Let a legend say what the colours of a sample's grains tell now.

    Parameters
    ----------
    legend
        The legend.
    sample
        The sample.
    card
        The card of the model whose probabilities stand in the tables.
    """
    if sample.mode == "probability":
        explain_probability(legend, card)
    elif sample.mode in RANGES:
        ends = ends_of(sample.table[RANGES[sample.mode]].to_numpy(float))
        legend.show_range(shades(), sample.mode, *ends)
    elif sample.mode == "class":
        names = {name: CLASS_COLOURS[n % len(CLASS_COLOURS)] for n, name in enumerate(sample.classes)}
        legend.show_swatches(names | {"no class": UNKNOWN_COLOUR})
    else:
        legend.show_swatches(STATUS_COLOURS)


def explain_probability(legend: ColourLegend, card: ModelCard | None) -> None:
    """Let a legend say what the colours of a probability tell."""
    others = [name for name in card.classes if name != card.target_class] if card else ["0"]
    legend.show_probability(shades(), " or ".join(others), card.target_class if card else "1")
