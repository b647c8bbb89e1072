"""A token's text with signs for what could not be seen in it, or would change the text around it."""

from __future__ import annotations

import unicodedata

LONGEST = 200  # characters of a token that are shown

_SIGNS = {"\n": "↵\n", "\r": "␍", "\t": "⇥", "\u2028": "␤", "\u2029": "␤", "\x7f": "␡"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # controls, formats (zero width, direction), no characters
_BLANK = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")  # letters and marks without ink
_JOINERS = frozenset({"\u200c", "\u200d"})  # inside words of many scripts and inside emoji


def visible(text: str) -> str:
    """The text as it can be shown: `↵` before each line break, the only control character left; signs such as
    `⇥` and `⟨U+202E⟩` for others; `∅` for no text; the rest of a very long token as its number of characters."""
    shown = "".join(_sign(sign) for sign in text[:LONGEST])
    if len(text) > LONGEST:
        shown += f"… ({len(text) - LONGEST:,} more characters)"
    return shown or "∅"


def _sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign < " ":
        return chr(0x2400 + ord(sign))
    if sign in _BLANK or (unicodedata.category(sign) in _HIDDEN and sign not in _JOINERS):
        return f"⟨U+{ord(sign):04X}⟩"
    return sign
