"""Text with signs for what could not be seen in it, or would change the text around it."""

from __future__ import annotations

import unicodedata

_SIGNS = {"\n": "↵", "\r": "␍", "\t": "⇥", "\u2028": "␤", "\u2029": "␤", "\x7f": "␡"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # controls, formats (zero width, direction), no characters
_BLANK = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")  # letters and marks without ink
_JOINERS = frozenset({"\u200c", "\u200d"})  # inside words of many scripts and inside emoji


def visible(text: str) -> str:
    """The text with `↵`, `⇥`, `⟨U+202E⟩` and so on in place of what has no ink; joiners stay where they join."""
    around = f" {text} "
    return "".join(
        sign if sign in _JOINERS and not _hidden(before) and not _hidden(after) else _sign(sign)
        for before, sign, after in zip(around, text, around[2:], strict=False)
    )


def _hidden(sign: str) -> bool:
    return sign in _BLANK or sign.isascii() or unicodedata.category(sign) in _HIDDEN


def _sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign < " ":
        return chr(0x2400 + ord(sign))
    if sign in _BLANK or unicodedata.category(sign) in _HIDDEN:
        return f"⟨U+{ord(sign):04X}⟩"
    return sign
