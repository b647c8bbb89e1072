"""What kinds of text a text is made of, by the rules of `mda.kinds.patterns` and `mda.kinds.measures`.

Every line (long ones in pieces) gets the points of the rules that hold for it. A line alone is often ambiguous,
and its neighbours in the same document are seldom of another kind, so their points are added, the less the further
away they are. The kind with the most points is the line's. A text's shares are those of its visible characters.
"""

from __future__ import annotations

import numpy as np

from mda.kinds.measures import MEASURES
from mda.kinds.patterns import PATTERNS
from mda.kinds.pieces import Pieces, pieces_of

KINDS: tuple[str, ...] = (
    "prose",
    "other language",
    "code",
    "latex",
    "markup",
    "key-value",
    "table",
    "log",
    "list",
    "numbers",
    "other",
)
"""All kinds, in the order in which they are shown; the earlier of two with equal points or shares is taken."""

NEIGHBOURS = 8
"""Lines on either side whose points count as well."""

FADING = 0.7
"""What a line's points count for on the next line, and so on with every line further away."""

_MOST = 5.0  # points of one kind on one line, so that no line outvotes its whole neighbourhood


def kind_shares(text: str) -> dict[str, float]:
    """Share of each of `KINDS`, in their order, in the visible characters of a text; they add up to 1.

    Any text will do, such as a row that begins in the middle of one document and holds several, with
    `pieces.END_OF_DOCUMENT` between them. A text without visible characters is "other".
    """
    pieces = pieces_of(text)
    if not len(pieces.start):
        return {kind: float(kind == "other") for kind in KINDS}
    weights = np.bincount(_kinds(pieces), pieces.visible, minlength=len(KINDS))
    return dict(zip(KINDS, (weights / weights.sum()).tolist(), strict=True))


def main_kind(text: str) -> str:
    """The kind with the largest share."""
    shares = kind_shares(text)
    return max(shares, key=shares.__getitem__)


def _kinds(pieces: Pieces) -> np.ndarray:
    """The kind of each piece, as an index into `KINDS`: int [n]."""
    own = points(pieces)
    total = own.copy()
    for distance in range(1, min(NEIGHBOURS, len(own) - 1) + 1):
        near = (pieces.document[distance:] == pieces.document[:-distance])[:, None] * FADING**distance
        total[distance:] += near * own[:-distance]
        total[:-distance] += near * own[distance:]
    return total.argmax(axis=1)


def points(pieces: Pieces) -> np.ndarray:
    """Points of each piece for each of `KINDS` from its own rules: float [n, kinds]."""
    found = np.zeros((len(pieces.start), len(KINDS)))
    for pattern in PATTERNS:
        places = [match.start() for match in pattern.compiled.finditer(pieces.text)]
        if places:
            matches = np.minimum(pieces.count(places), pattern.most)
            found[:, KINDS.index(pattern.kind)] += pattern.points * matches
    for measure in MEASURES:
        found[:, KINDS.index(measure.kind)] += measure.points * measure.holds(pieces)
    return found.clip(max=_MOST)
