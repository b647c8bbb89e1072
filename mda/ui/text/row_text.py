"""A training row as HTML: tokens kept whole, repeated spans underlined, influence as background.

The text is untrusted: every piece is escaped, and only styles and markup written here surround it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mda.ui.charts.colours import CATEGORIES, PROMOTES, SUPPRESSES, signed_background
from mda.ui.text.visible import visible

Spans = Sequence[tuple[int, Sequence[int]]]  # length in tokens and starts of each span, by first occurrence

# The text never reorders or covers what is around it: tokens read from left to right, whatever they hold.
_BOX = (
    "font-family: 'Source Code Pro', ui-monospace, monospace; font-size: 0.82rem; line-height: 1.75; "
    "white-space: pre-wrap; overflow-wrap: anywhere; max-width: 100%; overflow: hidden; direction: ltr"
)
_SMALL = "font-size: 0.82rem; line-height: 1.9"
_WHOLE = 40  # letters of a token that stay on one line
_LONGEST = 500  # letters of a token that are shown
_NO_TEXT = '<span style="opacity: 0.5">·</span>'  # so that the token can be pointed at
_UNDERLINES = ("solid", "double", "dashed", "dotted")  # with the colours: 24 spans look different


@dataclass(frozen=True)
class _Mark:
    """Where a token lies in the repeated spans: span, its length, which of its occurrences, and whether it is the
    first or last token of that."""

    number: int
    length: int
    starts: Sequence[int]
    time: int
    first: bool
    last: bool

    def told(self) -> str:
        start = self.starts[self.time]
        words = (
            f"repeated span {self.number + 1}: {self.length} tokens, {len(self.starts)} times in this row; "
            f"time {self.time + 1} starts at token {start}"
        )
        return words + (f", period {start - self.starts[self.time - 1]}" if self.time else "")

    def style(self) -> str:
        parts = [f"border-bottom: 3px {_underline(self.number)}"]
        if self.first:
            parts.append("border-bottom-left-radius: 5px")
        if self.last:
            parts.append("border-bottom-right-radius: 5px")
        return "; ".join(parts)


def row_html(pieces: Sequence[str], spans: Spans = (), influence: np.ndarray | None = None, limit: int = 0) -> str:
    """The HTML of a row given as the texts of its tokens [T + 1].

    spans: places of repeated spans to underline. influence: [T], of each input position; the background is full
    for the strongest fiftieth of the positions, as one of them, often the first, may outdo all others by far.
    limit: tokens to show, 0 for all.
    """
    marks = _marks(spans, len(pieces))
    strengths = np.sort(np.abs(influence))[::-1] if influence is not None and len(influence) else np.zeros(1)
    strongest, scale = float(strengths[0]), float(strengths[len(strengths) // 50]) or float(strengths[0])
    parts = []
    for place, piece in enumerate(pieces[: limit or None]):
        styles = [f"white-space: {'pre' if len(piece) <= _WHOLE else 'pre-wrap'}; unicode-bidi: isolate"]
        told = [f"token {place}{'' if piece else ', part of the character that follows or without text'}"]
        mark = marks[place]
        if mark is not None:
            styles.append(mark.style())
            told.append(mark.told())
        if influence is not None and strongest > 0 and place < len(influence):
            value = float(influence[place])
            styles.append(f"background: {signed_background(value / scale)}")
            told.append(f"influence {value:+.2g}, {100 * abs(value) / strongest:.0f} % of the row's strongest")
        text = shown(piece) or _NO_TEXT
        parts.append(f'<span style="{"; ".join(styles)}" title="{"; ".join(told)}">{text}</span><wbr>')
    if limit and limit < len(pieces):
        parts.append(f"<em> … {len(pieces) - limit:,} more tokens</em>")
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def run_html(pieces: Sequence[str], number: int, limit: int = 0) -> str:
    """A run of tokens in a line of its own, with the band of the row's span of that number."""
    cut = list(pieces[: limit or None])
    rest = f"<em> … {len(pieces) - len(cut):,} more tokens</em>" if len(cut) < len(pieces) else ""
    text = "".join(shown(piece, breaks=False) for piece in cut)
    style = f"border-bottom: 3px {_underline(number)}; border-radius: 0 0 5px 5px; unicode-bidi: isolate"
    return f'<span style="{_BOX}"><span style="{style}">{text}</span>{rest}</span>'


def legend_html(spans: bool, influence: bool) -> str:
    """What underline, background and the return sign mean."""
    parts = []
    if spans:
        mark = f'<span style="border-bottom: 3px {_underline(0)}; border-radius: 0 0 5px 5px">underlined</span>'
        parts.append(f"{mark} tokens come again in the same row, every run of them in a colour of its own")
    if influence:
        for value, colour, what in ((1.0, PROMOTES, "promotes"), (-1.0, SUPPRESSES, "suppresses")):
            parts.append(
                f'<span style="background: {signed_background(value)}; outline: 1px solid {colour}">&nbsp;{what}'
                "&nbsp;</span>"
            )
        parts.append(
            "background: influence of learning to predict what follows here; full for the row's strongest places"
        )
    parts.append("↵ line break of the text")
    parts.append("point at a token for its figures")
    return f'<div style="{_SMALL}">{" · ".join(parts)}</div>'


def shown(piece: str, breaks: bool = True) -> str:
    """One token's text as HTML, escaped, with what cannot be seen made visible; a very long one is cut.

    breaks: whether the text's line breaks are kept, beside their sign.
    """
    sign = '<span style="opacity: 0.5">↵</span>' + ("<br>" if breaks else " ")
    text = sign.join(html.escape(visible(line)) for line in piece[:_LONGEST].split("\n"))
    if len(piece) > _LONGEST:
        text += f"<em> … {len(piece) - _LONGEST:,} more letters in this token</em>"
    return text


def _marks(spans: Spans, size: int) -> list[_Mark | None]:
    """For each token the span it lies in."""
    marks: list[_Mark | None] = [None] * size
    for number, (length, starts) in enumerate(spans):
        for time, start in enumerate(starts):
            for place in range(start, min(start + length, size)):
                first, last = place == start, place == start + length - 1
                marks[place] = _Mark(number, length, starts, time, first, last)
    return marks


def _underline(number: int) -> str:
    style = _UNDERLINES[number // len(CATEGORIES) % len(_UNDERLINES)]
    return f"{style} {CATEGORIES[number % len(CATEGORIES)]}"
