"""Words for people: text that Markdown must not interpret, rounded numbers, names of scores."""

from __future__ import annotations

import math
import re

SCORE_NAMES = {
    "prefix_matching": "prefix matching",
    "previous_token": "previous token",
    "duplicate_token": "duplicate token",
    "first_token": "first token",
    "copying": "copying",
}

BORN_AS = {
    "prefix_matching": "induction head",
    "previous_token": "previous-token head",
    "duplicate_token": "duplicate-token head",
}

SCORE_MEANINGS = {
    "prefix_matching": "attention from a token to what followed it last time: what an induction head does",
    "previous_token": "attention to the token just before",
    "duplicate_token": "attention to the earlier occurrence of the same token",
    "first_token": "attention to the first position: an attention sink",
    "copying": "how far attending to a token raises that token's own logit, from -1 to 1",
}


def plain(text: object) -> str:
    """Text that Markdown shows as it is. Names and messages may hold anything, even an image's address."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])", r"\\\1", str(text)).replace("\n", " ")


def name_of(score: str) -> str:
    """A head score's name in words."""
    return SCORE_NAMES.get(score, score.replace("_", " "))


def rounded(value: float, digits: int = 2) -> str:
    """Signed, to so many significant digits: `+0.032`."""
    if not math.isfinite(value):
        return "undefined"
    if value == 0:
        return "0"
    if abs(value) < 1e-3 or abs(value) >= 1e5:
        return f"{value:+.{digits}g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:+,.{places}f}"


def size_words(size: float) -> str:
    """`53 MB`, `1.2 GB`, `400 kB`, `12 bytes`."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= 0.9995 * unit:
            value = size / unit
            return f"{value:.1f} {name}" if value < 9.95 and unit == 1e9 else f"{value:,.0f} {name}"
    return f"{size:.0f} bytes"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
