"""What can be set about the adaptive method."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AdaptiveParameters:
    """Parameters of the method `adaptive`; one set of defaults serves all mosaics.

    Parameters
    ----------
    contrast
        How much brighter than its surroundings a grain is at least, in grey levels of an 8-bit image.
    background_um
        Width of the neighbourhood whose darker part is taken for the resin; grains are narrower.
    edge_um
        How far inside a grain the brightness is looked for, half of which marks the grain's outline.
    edge_share
        Share of a grain's outline that lies on a Canny edge, at least.
    neck_ratio
        Two bodies are cut apart where the neck between them is shorter than this share of the narrower
        body's width. That holds for corners on both sides that turn inward by 50°; the neck may be longer
        between sharper corners and where a dark line runs along it.
    smallest_grain_um
        Long side of the rotated box around the smallest grain that counts.
    """

    contrast: Annotated[float, Field(ge=1, le=255)] = 15.0
    background_um: Annotated[float, Field(ge=50, le=5000)] = 288.0
    edge_um: Annotated[float, Field(ge=2, le=50)] = 8.0
    edge_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    neck_ratio: Annotated[float, Field(ge=0, le=2)] = 0.6
    smallest_grain_um: Annotated[float, Field(ge=0)] = 25.0
