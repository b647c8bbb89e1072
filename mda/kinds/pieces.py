"""A text in pieces, with the counts of characters, words and cells that rules look at."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mda.kinds.words import ENGLISH, OTHER

END_OF_DOCUMENT = "<|endoftext|>"
"""What stands between two documents of a row, as Pythia's tokenizer writes it."""

_PIECE = re.compile(r"[^\n]{1,200}+\S{0,40}+")
_WORD = re.compile(r"(?<!\w)[^\W\d_]++(?!\w)(?:'[a-z]{1,2}\b)?")
_GAP = re.compile(r"(?<=[^ \t\n])(?:\t[ \t]*+| {2,}+)(?=[^ \t\n])")
_COLUMNS = 1 << 12  # of a line, as far as alignment is looked at


@dataclass(frozen=True)
class Pieces:
    """The n lines of a text that are not blank, those of more than some 200 characters cut into pieces.

    text: newlines unified, ends of documents replaced by newlines. All else are int arrays of n.
    start: place of the piece in the text. document, line: numbers of its own; lines that are neighbours, blank
    ones left out, differ by 1, and by 2 where a document ends between them.
    visible: characters of the piece that are not white space; letters, digits: of these; accented, foreign:
    letters that are Latin with an accent, and not Latin; words; english, other: function words of English and of
    other languages in Latin script; runs: of visible characters.
    commas, semicolons, tabs, pipes, cells: of the piece's whole line, commas not before a space, semicolons not
    before white space, cells between white space. aligned: beginnings and ends of wide gaps in the line that are
    in the same column in the line before or after, whichever has more of them.
    """

    text: str
    start: np.ndarray
    document: np.ndarray
    line: np.ndarray
    visible: np.ndarray
    letters: np.ndarray
    digits: np.ndarray
    accented: np.ndarray
    foreign: np.ndarray
    words: np.ndarray
    english: np.ndarray
    other: np.ndarray
    runs: np.ndarray
    commas: np.ndarray
    tabs: np.ndarray
    pipes: np.ndarray
    semicolons: np.ndarray
    cells: np.ndarray
    aligned: np.ndarray

    def count(self, places: list[int]) -> np.ndarray:
        """How many of these places in the text lie in each piece: int [n]."""
        return _count(self.start, places)

    def as_neighbour(self, values: np.ndarray) -> np.ndarray:
        """How many of the two lines around each piece's line have the same value [n]: int [n] of 0, 1 or 2."""
        if not len(values):
            return values
        known = np.full(self.line[-1] + 3, -1)
        known[self.line + 1] = values
        same = known[1:] == known[:-1]
        return same[self.line].astype(int) + same[self.line + 1]


def pieces_of(text: str) -> Pieces:
    """The pieces of any text, in a time that grows with its length only."""
    documents = text.replace("\r\n", "\n").replace("\r", "\n").split(END_OF_DOCUMENT)
    text = "\n".join(documents)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    visible = (points > 32) & (points != 0x7F) & (points != 0xA0) & (points != 0x3000)
    spans = np.array([found.span() for found in _PIECE.finditer(text)], dtype=np.int64).reshape(-1, 2)
    spans = spans[_within(visible, spans) > 0]
    start = spans[:, 0]
    newlines = np.flatnonzero(points == 10)
    document = np.searchsorted(np.cumsum([len(part) + 1 for part in documents]), start, "right")
    line = np.unique(np.searchsorted(newlines, start), return_inverse=True)[1] + document

    def on_line(marked: np.ndarray) -> np.ndarray:
        return _per_line(line, _within(marked, spans))

    following = np.append(points[1:], 10)[: len(points)]
    plain, accented, foreign = _letters(points)
    words, english, other = _words(text)
    return Pieces(
        text=text,
        start=start,
        document=document,
        line=line,
        visible=_within(visible, spans),
        letters=_within(plain | accented | foreign, spans),
        digits=_within((points >= 48) & (points <= 57), spans),
        accented=_within(accented, spans),
        foreign=_within(foreign, spans),
        words=_count(start, words),
        english=_count(start, english),
        other=_count(start, other),
        runs=_within(visible & ~np.append(False, visible[:-1]), spans),
        commas=on_line((points == ord(",")) & (following != 32)),
        tabs=on_line(points == 9),
        pipes=on_line(points == ord("|")),
        semicolons=on_line((points == ord(";")) & (following > 32)),
        cells=on_line(visible & ~np.append(False, visible[:-1])),
        aligned=_aligned(text, newlines, start, line),
    )


def _letters(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which code points are plain Latin letters, accented Latin ones, letters of other scripts: bool [n] each.

    By blocks of Unicode: 00C0 to 024F and 1E00 to 1EFF are Latin; 2000 to 2BFF and 3000 to 302F are punctuation
    and symbols; D800 to FFFF and 1xxxx hold surrogates, private use, forms and emoji; all else from 0370 on are
    scripts, their marks and vowel signs included.
    """
    lower = points | 32
    plain = (lower >= 97) & (lower <= 122)
    accented = (points >= 0xC0) & (points < 0x250) & (points != 0xD7) & (points != 0xF7)
    accented |= (points >= 0x1E00) & (points < 0x1F00)
    foreign = (points >= 0x370) & (points < 0xD800) & ~accented
    foreign &= ~((points >= 0x2000) & (points < 0x2C00)) & ~((points >= 0x3000) & (points < 0x3030))
    foreign |= (points >= 0x20000) & (points < 0x32000)
    return plain, accented, foreign


def _words(text: str) -> tuple[list[int], list[int], list[int]]:
    """Places of all words, of English function words and of those of other languages."""
    words, english, other = [], [], []
    for found in _WORD.finditer(text):
        words.append(found.start())
        word = found.group().lower()
        if word in ENGLISH:
            english.append(found.start())
        elif word in OTHER:
            other.append(found.start())
    return words, english, other


def _within(marked: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Marked places in each span [n, 2]: int [n]."""
    sums = np.append(0, np.cumsum(marked))
    return sums[spans[:, 1]] - sums[spans[:, 0]]


def _count(start: np.ndarray, places: list[int]) -> np.ndarray:
    """Places in each piece, ascending `start`s given; nothing lies before the first or in a blank line."""
    inside = np.searchsorted(start, np.asarray(places, dtype=np.int64), "right") - 1
    return np.bincount(inside[inside >= 0], minlength=len(start))[: len(start)]


def _per_line(line: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum of the values [n] over each piece's line: int [n]."""
    return np.bincount(line, values).astype(np.int64)[line] if len(line) else values


def _aligned(text: str, newlines: np.ndarray, start: np.ndarray, line: np.ndarray) -> np.ndarray:
    gaps = np.array([found.span() for found in _GAP.finditer(text)], dtype=np.int64).reshape(-1, 2)
    if not len(gaps):
        return np.zeros_like(line)
    margins = np.append(0, newlines + 1)
    columns = np.minimum(gaps - margins[np.searchsorted(newlines, gaps[:, 0])][:, None], _COLUMNS - 1)
    lines = line[np.searchsorted(start, gaps[:, 0], "right") - 1]
    edges = (lines[:, None] * 2 + [0, 1]) * _COLUMNS + columns
    size = line[-1] + 1
    after = np.bincount(lines, np.isin(edges + 2 * _COLUMNS, edges).sum(axis=1), minlength=size)
    before = np.bincount(lines, np.isin(edges - 2 * _COLUMNS, edges).sum(axis=1), minlength=size)
    return np.maximum(after, before).astype(np.int64)[line]
