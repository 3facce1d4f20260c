"""The columns of the grain table: name, unit and formula, in the one place that all others read."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "flag", "text"]


@dataclass(frozen=True)
class Column:
    """A column of the grain table.

    Parameters
    ----------
    name
        The header in `grains.csv` and the key in the table.
    unit
        The unit, or "" for a number without one.
    formula
        What the value is, and how it is reckoned.
    kind
        What an empty row holds: NaN for a number, False for a flag, "" for a text.
    """

    name: str
    unit: str
    formula: str
    kind: Kind = "number"


MEASURED = (
    Column(
        "centroid_x_um", "µm", "mean x of the grain's pixels; 0 is the centre of the mosaic's left column"
    ),
    Column("centroid_y_um", "µm", "mean y of the grain's pixels, downwards; 0 is the centre of the top row"),
    Column("bbox_x_min_um", "µm", "left edge of the upright bounding box"),
    Column("bbox_y_min_um", "µm", "upper edge of the upright bounding box"),
    Column("bbox_x_max_um", "µm", "right edge of the upright bounding box"),
    Column("bbox_y_max_um", "µm", "lower edge of the upright bounding box"),
    Column("box_length_um", "µm", "long side of the smallest rotated box around the grain"),
    Column("box_width_um", "µm", "short side of the smallest rotated box around the grain"),
    Column(
        "box_angle_deg", "°", "long side of that box against x, counter-clockwise on the screen, 0 to 180"
    ),
    Column("area_um2", "µm²", "number of pixels x pixel size²"),
    Column("equivalent_diameter_um", "µm", "diameter of the circle of the same area, sqrt(4 area / pi)"),
    Column("ellipse_major_um", "µm", "long axis of the ellipse with the same second moments"),
    Column("ellipse_minor_um", "µm", "short axis of the ellipse with the same second moments"),
    Column("feret_max_um", "µm", "largest caliper distance of the convex hull"),
    Column("feret_min_um", "µm", "smallest caliper distance of the convex hull"),
    Column("aspect_ratio", "", "ellipse_major_um / ellipse_minor_um"),
    Column("perimeter_um", "µm", "length of the outline by Crofton's formula in four directions"),
    Column("circularity", "", "4 pi area / perimeter², at most 1, the value of a circle"),
    Column("solidity", "", "area / area of the convex hull, 1 for a convex grain"),
    Column(
        "orientation_deg",
        "°",
        "long axis of the ellipse against x, counter-clockwise on the screen, 0 to 180",
    ),
    Column(
        "intensity_mean", "grey value", "mean grey value of the grain's pixels, in the mosaic's own depth"
    ),
    Column("intensity_sd", "grey value", "standard deviation of the grain's grey values"),
    Column("intensity_p05", "grey value", "5th percentile of the grain's grey values"),
    Column("intensity_p25", "grey value", "25th percentile of the grain's grey values"),
    Column("intensity_p50", "grey value", "median of the grain's grey values"),
    Column("intensity_p75", "grey value", "75th percentile of the grain's grey values"),
    Column("intensity_p95", "grey value", "95th percentile of the grain's grey values"),
    Column(
        "zoning_per_um",
        "1/µm",
        "zones in a µm, from the outline inwards: the frequency of the sine, at least 1.5 waves long, that "
        "takes most of how the mean grey value of rings a pixel wide varies with their depth, without the "
        "outermost ring and a parabola; empty where it takes less than 40 % or there are fewer than 8 rings",
    ),
    Column("touches_border", "", "whether a pixel of the grain lies on the mosaic's edge", "flag"),
    Column(
        "touching",
        "",
        "whether a pixel of another grain, rejected or not, is within 6 µm of one of the grain's, centre to "
        "centre; where pixels are larger, corner to corner",
        "flag",
    ),
    Column(
        "cut_by_seam",
        "",
        "whether at least 10 µm of the outline lie on a seam between tiles, so that the grain ends there or "
        "goes on displaced; what the outline has along the lines beside the seam is taken off. A seam is a "
        "straight line of 1 or 2 px that is brighter than the resin on both its sides",
        "flag",
    ),
    Column(
        "dim",
        "",
        "whether the median grey value stands out from the resin by less than a third of what a typical "
        "grain's pixel does, the median of all above Otsu's threshold in the mosaic",
        "flag",
    ),
    Column("saturated", "", "whether more than 5 % of the pixels have the mosaic's full brightness", "flag"),
    Column(
        "streaked",
        "",
        "whether a charging streak runs through the grain: in line with it, to the left, the right, above or "
        "below, the resin shows a dark or bright line along a row or a column, at most 12 µm wide and 80 µm "
        "long, that is no seam and differs from the resin around by more than its noise",
        "flag",
    ),
)
"""What `grains.measure` reckons from the label image and the mosaic."""

FLAGS = tuple(column.name for column in MEASURED if column.kind == "flag")
"""What may speak against a grain."""

CURATED = (
    Column("status", "", "unreviewed, accepted or rejected; a rejected grain counts nowhere", "text"),
    Column("reason", "", "why the grain was accepted or rejected", "text"),
    Column("class", "", "class given to this grain by hand; empty: that of its sample", "text"),
)
"""What curation sets."""

PREDICTED = (
    Column("predicted_class", "", "the class with the highest probability", "text"),
    Column(
        "probability",
        "",
        "probability of the model's target class, 0 to 1, calibrated as the model's card says",
    ),
    Column(
        "uncertainty",
        "",
        "how much the network wavers: standard deviation of the probability over 30 passes through the "
        "network with its dropout left on; empty for a network without dropout",
    ),
    Column(
        "unlike_training",
        "",
        "distance of what the network's last hidden layer holds of the grain to the nearest class, relative "
        "to what 99 of 100 held-out training grains keep; above 1 the grain is unlike any seen in training, "
        "and its probability means little",
    ),
    Column(
        "in_training",
        "",
        "whether the network was trained on this very grain, so that its probability is no test of it",
        "flag",
    ),
)
"""What classification sets; beside them stands one `probability_<class>` for each class."""

EMBEDDINGS = ("umap", "pca")
"""The methods of embedding; the coordinates of one stand in columns such as `umap_1`."""

EMBEDDED = tuple(
    Column(f"{method}_{axis}", "", f"coordinate {axis} of the grain in the {method.upper()} embedding")
    for method in EMBEDDINGS
    for axis in (1, 2, 3)
)
"""What embedding sets: where the grain lies among others by what a network sees in them."""

COLUMNS = MEASURED + CURATED + PREDICTED + EMBEDDED
"""All columns that every table has, in the order of the file."""

ADDED_LATER = frozenset(
    {"zoning_per_um", "uncertainty", "unlike_training", "in_training", *(column.name for column in EMBEDDED)}
)
"""Columns that tables of earlier versions lack; they are empty then."""

UNREVIEWED, ACCEPTED, REJECTED = "unreviewed", "accepted", "rejected"

PROBABILITY_PREFIX = "probability_"


def columns_as_markdown() -> str:
    """Return the columns as a Markdown table, for the documentation."""
    lines = ["| column | unit | what it is |", "|---|---|---|"]
    lines += [f"| `{column.name}` | {column.unit} | {column.formula} |" for column in COLUMNS]
    lines.append(f"| `{PROBABILITY_PREFIX}<class>` | | probability of that class, 0 to 1 |")
    return "\n".join(lines) + "\n"
