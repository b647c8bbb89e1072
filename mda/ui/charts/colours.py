"""Every colour of the explorer, chosen to be told apart with any kind of colour vision, on white and on dark.

Categories: Okabe and Ito 2008, "Color Universal Design", without its black and yellow, each of which vanishes in
one of the two themes.
"""

from __future__ import annotations

from collections.abc import Iterable

from mda.heads.geometry import Head
from mda.studies.retrains import BASELINE

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
SKY, VERMILION, PURPLE = "#56B4E9", "#D55E00", "#CC79A7"
CATEGORIES = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)

GREY = "#8A939B"
FAINT = "rgba(138, 147, 155, 0.45)"
RULE = "rgba(138, 147, 155, 0.9)"
GRID = "rgba(138, 147, 155, 0.18)"

PROMOTES, SUPPRESSES = BLUE, VERMILION
_PROMOTES_RGB, _SUPPRESSES_RGB = (0, 114, 178), (230, 120, 0)

SCORES = "Cividis"  # of head scores in [0, 1]
SIGNED = [[0.0, "#C75B00"], [0.25, "#F2B272"], [0.5, "#FFFFFF"], [0.75, "#7DB4DC"], [1.0, "#005A94"]]

_OF_SELECTION = {
    "top": BLUE,  # as what promotes, and suppresses
    "bottom": VERMILION,
    "random": ORANGE,
    "matched-kind": GREEN,
    "matched-repetition": PURPLE,
    "rows": SKY,
}


# heads need two more, as the demo has eight: those farthest from the others and the grey with any colour vision
_HEADS = (*CATEGORIES, "#8E44EC", "#E40048")


def head_colour(head: Head) -> str:
    """The colour of a head in every chart; neighbours within a layer and across layers differ."""
    return _HEADS[(head.index + 4 * head.layer) % len(_HEADS)]


def arm_colours(labels: Iterable[str]) -> dict[str, str]:
    """Colour by arm label: grey for the baseline, else the selection's own, or the next free one if taken."""
    found: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        if label == BASELINE:
            found[label] = GREY
            continue
        selection = [*label.split(), ""][1]
        free = [colour for colour in CATEGORIES if colour not in found.values()] or list(CATEGORIES)
        wanted = _OF_SELECTION.get(selection, free[0])
        found[label] = wanted if wanted in free else free[0]
    return found


def translucent(colour: str, alpha: float) -> str:
    """`#RRGGBB` as rgba with the given opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha:g})"


def signed_background(value: float) -> str:
    """CSS colour of a value in [-1, 1]: blue promotes, orange suppresses, zero is clear (so both themes work)."""
    red, green, blue = _PROMOTES_RGB if value >= 0 else _SUPPRESSES_RGB
    return f"rgba({red}, {green}, {blue}, {0.65 * min(1.0, abs(value)):.2f})"
