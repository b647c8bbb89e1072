"""Repeated spans of one row: runs of tokens that come back later in the same row.

An induction head predicts by copying what followed the last time, so the share of a row that could be copied
(`repeated_shares`) says how much the row can teach such a head, and the spans themselves (`repeated_spans`)
are what a page underlines. Two different questions, so two different answers: the share counts every position
that can be copied, overlaps included; the spans are picked for reading and never overlap.

Everything is exact: runs are compared by packed token ids or ranks, never by hashes.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MIN_LENGTH = 3
"""Tokens a run needs before its return counts: one or two tokens come back by chance in any text."""

_CHUNK_TOKENS = 1 << 20  # tokens packed at a time: bounds memory, and keeps ranks within 20 bits
_KEY_BITS = 63  # of a non-negative int64


@dataclass(frozen=True)
class Span:
    """All the occurrences of one run of tokens that are drawn together, in one colour.

    index: place in the list of the row's spans, by first occurrence; length: tokens; starts: ascending places
    in the row, at least two and at least `length` apart.
    """

    index: int
    length: int
    starts: tuple[int, ...]

    @property
    def gaps(self) -> tuple[int, ...]:
        """Tokens from each occurrence's start back to the one before it (one fewer than `starts`)."""
        return tuple(later - start for start, later in zip(self.starts, self.starts[1:], strict=False))


def repeated_spans(tokens: np.ndarray, min_length: int = MIN_LENGTH) -> list[Span]:
    """Readable repeated spans of a row `tokens` [S]: no position belongs to two occurrences.

    The rule, longest first. Lengths are tried from S // 2 down to `min_length`. At one length, every content
    with two or more non-overlapping occurrences on positions that no longer span has taken is a candidate.
    Candidates are visited by their first such occurrence; each takes its still free occurrences from left to
    right, skipping those that overlap the one before, and becomes a span when at least two are left. So when
    all is done, no content of `min_length` tokens or more occurs twice, without overlap, on positions left
    over.

    Returns the spans by first occurrence; [] for a row that is too short. Raises ValueError for a `tokens`
    that is not one row of integers or a `min_length` below 1. O(S log(S)^2) for every length at which a
    span is found.
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 1:
        raise ValueError(f"one row of tokens expected, got an array of shape {tokens.shape}")
    _check(tokens, min_length)
    size = len(tokens)
    longest = size // 2
    if longest < min_length:
        return []
    tables = _rank_tables(tokens, longest)
    longest = min(longest, 2 ** len(tables))
    taken = np.zeros(size, dtype=bool)
    found: list[tuple[int, tuple[int, ...]]] = []
    while longest >= min_length:
        room = _room(taken)
        length = _longest_repeating(tables, room, min_length, longest)
        if length < min_length:
            break
        for starts in sorted(_candidates(tables, room, length), key=lambda starts: starts[0]):
            kept = _free_starts(starts, taken, length)
            if len(kept) >= 2:
                found.append((length, kept))
                for start in kept:
                    taken[start : start + length] = True
        longest = length - 1
    found.sort(key=lambda span: span[1][0])
    return [Span(index, length, starts) for index, (length, starts) in enumerate(found)]


def repeated_share(tokens: np.ndarray, min_length: int = MIN_LENGTH) -> float:
    """`repeated_shares` of one row `tokens` [S]."""
    return float(repeated_shares(np.asarray(tokens)[None], min_length)[0])


def repeated_shares(rows: np.ndarray, min_length: int = MIN_LENGTH) -> np.ndarray:
    """Share of each row's positions that `repeated_mask` marks: token ids [N, S] -> float64 [N] in [0, 1]."""
    return repeated_mask(rows, min_length).mean(axis=1)


def repeated_mask(rows: np.ndarray, min_length: int = MIN_LENGTH) -> np.ndarray:
    """Which positions copying could predict: rows [N, S] of token ids -> bool [N, S].

    Position t is marked when it lies in a run of `min_length` tokens or more that also starts at some earlier
    place of the same row. The earlier occurrence may overlap the later one (`a a a a` continues itself), as
    copying needs only an earlier start. Raises ValueError for anything but two-dimensional, non-empty rows of
    integers >= 0, or a `min_length` below 1.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"rows of tokens [N, S] expected, got an array of shape {rows.shape}")
    _check(rows, min_length)
    count, size = rows.shape
    mask = np.zeros((count, size), dtype=bool)
    width = size - min_length + 1
    if width < 2:
        return mask
    chunk = max(1, _CHUNK_TOKENS // size)
    for start in range(0, count, chunk):
        again = _seen_before(rows[start : start + chunk].astype(np.int64), min_length)
        part = mask[start : start + chunk]
        for offset in range(min_length):
            part[:, offset : offset + width] |= again
    return mask


def _check(tokens: np.ndarray, min_length: int) -> None:
    if min_length < 1:
        raise ValueError(f"min_length is {min_length}, and a run has at least 1 token")
    if not np.issubdtype(tokens.dtype, np.integer) or (tokens.size and tokens.min() < 0):
        raise ValueError("token ids are integers >= 0")


def _ranks(keys: np.ndarray) -> np.ndarray:
    """Dense ranks of `keys`, same shape: equal where and only where the keys are equal."""
    return np.unique(keys, return_inverse=True)[1].reshape(keys.shape)


def _bits(keys: np.ndarray) -> int:
    return int(keys.max()).bit_length()


def _seen_before(rows: np.ndarray, length: int) -> np.ndarray:
    """Whether the `length` tokens from i on start at an earlier place of the row too: [n, S] -> bool [n,
    S-length+1].

    One int64 holds a run's tokens and, in its low bits, its place; sorting each row then puts equal runs side
    by side in order of place, and all but the first of them have been seen before. A key about to outgrow 63
    bits is replaced by its rank.
    """
    place_bits = rows.shape[1].bit_length()
    if _bits(rows) > 20:
        rows = _ranks(rows)
    token_bits = bits = _bits(rows)
    keys = rows
    for tokens in range(2, length + 1):
        if bits + token_bits + place_bits > _KEY_BITS:
            keys = _ranks(keys)
            bits = _bits(keys)
        keys = keys[:, :-1] << token_bits | rows[:, tokens - 1 :]
        bits += token_bits
    keys = np.sort(keys << place_bits | np.arange(keys.shape[1]), axis=1)
    same = (keys[:, 1:] >> place_bits) == (keys[:, :-1] >> place_bits)
    again = np.zeros(keys.shape, dtype=bool)
    np.put_along_axis(again, keys[:, 1:] & ((1 << place_bits) - 1), same, axis=1)
    return again


def _rank_tables(tokens: np.ndarray, longest: int) -> list[np.ndarray]:
    """tables[k][i] = rank of the 2**k tokens from i on (prefix doubling), until `longest` or all differ."""
    tables = [_ranks(tokens)]
    while 2 ** len(tables) <= longest and int(tables[-1].max()) + 1 < len(tables[-1]):
        half = 2 ** (len(tables) - 1)
        left, right = tables[-1][:-half], tables[-1][half:]
        tables.append(_ranks(left * len(tokens) + right))
    return tables


def _room(taken: np.ndarray) -> np.ndarray:
    """Free positions from each position on, before the next taken one or the end of the row: int [S]."""
    places = np.arange(len(taken))
    next_taken = np.minimum.accumulate(np.where(taken, places, len(taken))[::-1])[::-1]
    return next_taken - places


def _longest_repeating(tables: list[np.ndarray], room: np.ndarray, shortest: int, longest: int) -> int:
    """Longest of these lengths that has a candidate; `shortest` - 1 where none has.

    Where a content repeats, its prefixes repeat too. The lengths at which spans are found often lie side by side,
    so steps of 1, 2, 4, … down from the longest come first, and bisection only between the last two of them.
    """

    def none_of(length: int) -> bool:
        return next(_candidates(tables, room, length), None) is None

    step, length, without = 1, longest, longest + 1
    while none_of(length):
        if length == shortest:
            return shortest - 1
        length, without, step = max(shortest, length - step), length, 2 * step
    return length + bisect_left(range(length + 1, without), True, key=none_of)


def _candidates(tables: list[np.ndarray], room: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """Ascending starts, on free positions, of each content of `length` that occurs twice without overlap.

    A content of `length` is told by its first and its last 2**k tokens, 2**k <= length <= 2**(k+1).
    """
    level = min(length.bit_length(), len(tables)) - 1
    shift = len(room).bit_length()
    starts = np.flatnonzero(room >= length)
    ends = starts + (length - 2**level)
    keys = np.sort((tables[level][starts] << shift | tables[level][ends]) << shift | starts)
    starts = keys & ((1 << shift) - 1)
    contents = keys >> shift
    edges = np.flatnonzero(contents[1:] != contents[:-1]) + 1
    begin, end = np.append(0, edges), np.append(edges, len(keys))
    if not len(keys):
        return
    for group in np.flatnonzero(starts[end - 1] - starts[begin] >= length):
        yield starts[begin[group] : end[group]]


def _free_starts(starts: np.ndarray, taken: np.ndarray, length: int) -> tuple[int, ...]:
    """Starts whose `length` tokens are free and overlap none kept before; taken runs are no shorter."""
    kept: list[int] = []
    for start in starts.tolist():
        if taken[start] or taken[start + length - 1] or (kept and start < kept[-1] + length):
            continue
        kept.append(start)
    return tuple(kept)
