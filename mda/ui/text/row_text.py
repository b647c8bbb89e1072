"""A training row as HTML: tokens kept whole, repeated spans underlined, influence as background.

The text is untrusted: every piece is escaped, and only styles and markup written here surround it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from mda.ui.charts.colours import CATEGORIES, PROMOTES, SUPPRESSES, signed_background

Spans = Sequence[tuple[int, Sequence[int]]]  # length in tokens and starts of each span, by first occurrence

_BOX = (
    "font-family: 'Source Code Pro', ui-monospace, monospace; font-size: 0.82rem; line-height: 1.75; "
    "white-space: pre-wrap; overflow-wrap: anywhere; max-width: 100%"
)
_UNDERLINES = ("solid", "double", "dashed", "dotted")  # with the colours: 24 spans look different
_SEEN = {"\r": "␍", "\t": "⇥\t", "\u2028": "␤", "\u2029": "␤"}
# characters that reorder or hide the text around them
_TRICKS = frozenset(map(chr, (0x200B, 0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def row_html(pieces: Sequence[str], spans: Spans = (), influence: np.ndarray | None = None, limit: int = 0) -> str:
    """The HTML of a row given as the texts of its tokens [T + 1].

    spans: places of repeated spans to underline. influence: [T], of each input position; the background is
    scaled to the strongest position of the row. limit: tokens to show, 0 for all.
    """
    marks = _marks(spans, len(pieces))
    scale = 0.0 if influence is None or not len(influence) else float(np.abs(influence).max())
    parts = []
    for place, piece in enumerate(pieces[: limit or None]):
        styles, told = ["white-space: pre"], [f"token {place}"]
        if marks[place] is not None:
            number, length, times = marks[place] or (0, 0, 0)
            styles.append(f"border-bottom: 3px {_underline(number)}")
            told.append(f"span {number + 1}: {length} tokens, {times} times in this row")
        if influence is not None and scale > 0 and place < len(influence):
            styles.append(f"background: {signed_background(float(influence[place]) / scale)}")
            told.append(f"influence {influence[place]:+.2g}")
        parts.append(f'<span style="{"; ".join(styles)}" title="{"; ".join(told)}">{_shown(piece)}</span><wbr>')
    if limit and limit < len(pieces):
        parts.append(f"<em> … {len(pieces) - limit:,} more tokens</em>")
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def legend_html(spans: bool, influence: bool) -> str:
    """What underline, background and the return sign mean."""
    parts = []
    if spans:
        mark = f'<span style="border-bottom: 3px {_underline(0)}">underlined</span>'
        parts.append(f"{mark} tokens come again in the same row, every run of them in a colour of its own")
    if influence:
        for value, colour, what in ((1.0, PROMOTES, "promotes"), (-1.0, SUPPRESSES, "suppresses")):
            parts.append(
                f'<span style="background: {signed_background(value)}; outline: 1px solid {colour}">&nbsp;{what}'
                "&nbsp;</span>"
            )
        parts.append(
            "background: influence of learning to predict what follows here; full for the strongest of the row"
        )
    parts.append("↵ line break of the text")
    return f'<div style="font-size: 0.82rem; line-height: 1.9; opacity: 0.85">{" · ".join(parts)}</div>'


def _marks(spans: Spans, size: int) -> list[tuple[int, int, int] | None]:
    """For each token the number, length and count of the span it lies in."""
    marks: list[tuple[int, int, int] | None] = [None] * size
    for number, (length, starts) in enumerate(spans):
        for start in starts:
            for place in range(start, min(start + length, size)):
                marks[place] = (number, length, len(starts))
    return marks


def _underline(number: int) -> str:
    style = _UNDERLINES[number // len(CATEGORIES) % len(_UNDERLINES)]
    return f"{style} {CATEGORIES[number % len(CATEGORIES)]}"


def _shown(piece: str) -> str:
    """One token's text, escaped, with what cannot be seen made visible."""
    shown = []
    for sign in piece:
        if sign == "\n":
            shown.append('<span style="opacity: 0.5">↵</span><br>')
        elif sign in _SEEN:
            shown.append(_SEEN[sign])
        elif sign in _TRICKS:
            shown.append(f"⟨U+{ord(sign):04X}⟩")
        elif ord(sign) < 0x20 or ord(sign) == 0x7F:
            shown.append(chr(0x2400 + ord(sign)) if ord(sign) < 0x20 else "␡")
        else:
            shown.append(html.escape(sign))
    return "".join(shown)
