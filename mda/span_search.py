"""Repeated runs of tokens across many rows: the longest repeat inside each row, and rows that hold a given run.

Everything is exact and works in pieces, so that memory does not grow with the number of rows, which may be mapped
from disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mda.spans import MIN_LENGTH, Span, repeated_spans

SHARED_SPANS = 8
"""How many of a row's spans, the longest, are looked for in other rows. A byte has one bit for each."""

_CHUNK_TOKENS = 1 << 20  # looked at at a time: bounds memory


def longest_repeats(rows: np.ndarray) -> np.ndarray:
    """Tokens of the longest run in each row that starts at an earlier place of it too: [N, S] -> int64 [N].

    The earlier occurrence may overlap the later one, as in `spans.repeated_mask`; runs below `MIN_LENGTH` tokens
    count as 0. Raises ValueError for anything but rows [N, S] of integers >= 0.
    """
    rows = _checked(rows)
    found = np.zeros(len(rows), dtype=np.int64)
    if rows.shape[1] == 0:
        return found
    chunk = max(1, _CHUNK_TOKENS // rows.shape[1])
    for start in range(0, len(rows), chunk):
        found[start : start + chunk] = _longest(rows[start : start + chunk])
    found[found < MIN_LENGTH] = 0
    return found


def rows_with_run(rows: np.ndarray, run: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `limit` rows that hold the run of tokens [L], and its first place in each: two int64 [n].

    rows: token ids [N, S], which may be mapped from disk. Raises ValueError for anything but integers >= 0, an
    empty run, or a `limit` below 1.
    """
    rows, run = _checked(rows), _checked(np.asarray(run)[None])[0]
    if len(run) == 0 or limit < 1:
        raise ValueError("a run of at least one token and a limit of at least one row are needed")
    parts: list[np.ndarray] = []
    count = 0
    for first, flat in _pieces(rows):
        places = _places(flat, rows.shape[1], run)
        if len(places):
            held, index = np.unique(places // rows.shape[1], return_index=True)
            parts.append(np.stack([first + held, places[index] % rows.shape[1]]))
            count += len(held)
        if count >= limit:
            break
    both = np.concatenate([np.zeros((2, 0), dtype=np.int64), *parts], axis=1)[:, :limit]
    return both[0], both[1]


@dataclass(frozen=True)
class Sharing:
    """One other row that holds spans of the row asked about; `spans`: which of those looked for, longest first."""

    row: int
    spans: tuple[int, ...]


@dataclass(frozen=True)
class SharedSpans:
    """The rows that share a row's repeated spans.

    looked_for: spans of different contents, longest first; holders: how many other rows hold each of them; rows:
    the best rows first; found: how many rows there are in all.
    """

    looked_for: list[Span]
    holders: list[int]
    rows: list[Sharing]
    found: int


def rows_sharing_spans(rows: np.ndarray, row: int, limit: int) -> SharedSpans:
    """Other rows of [N, S] that hold one of the row's repeated spans (`spans.repeated_spans`) whole.

    The `SHARED_SPANS` longest spans are looked for. Rows are ordered by the longest span they share, then by how
    many, then by number, and the first `limit` given. All rows are read once, and one byte a row is kept.
    """
    tokens = np.asarray(rows[row])
    looked_for = sorted(repeated_spans(tokens), key=lambda span: (-span.length, span.starts))[:SHARED_SPANS]
    runs = [tokens[span.starts[0] : span.starts[0] + span.length] for span in looked_for]
    holds = np.zeros(len(rows), dtype=np.uint8)
    for first, flat in _pieces(rows if runs else rows[:0]):
        for number, run in enumerate(runs):
            held = first + np.unique(_places(flat, rows.shape[1], run) // rows.shape[1])
            holds[held] |= 1 << number
    holds[row] = 0
    sharing = np.flatnonzero(holds)
    bits = (holds[sharing, None] >> np.arange(SHARED_SPANS) & 1).astype(bool)
    lengths = np.array([span.length for span in looked_for] + [0] * (SHARED_SPANS - len(looked_for)))
    longest = (bits * lengths).max(axis=1, initial=0)
    best = np.lexsort((sharing, -bits.sum(axis=1), -longest))[:limit]
    return SharedSpans(
        looked_for=looked_for,
        holders=bits.sum(axis=0)[: len(looked_for)].tolist(),
        rows=[Sharing(int(sharing[i]), tuple(np.flatnonzero(bits[i]).tolist())) for i in best],
        found=len(sharing),
    )


def _checked(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 2:
        raise ValueError(f"rows of tokens [N, S] expected, got an array of shape {rows.shape}")
    if not np.issubdtype(rows.dtype, np.integer):
        raise ValueError("token ids are integers >= 0")
    if np.issubdtype(rows.dtype, np.signedinteger) and rows.size and rows.min() < 0:
        raise ValueError("token ids are integers >= 0")
    return rows


def _pieces(rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Consecutive rows, flat, with the number of the first."""
    chunk = max(1, _CHUNK_TOKENS // max(1, rows.shape[1]))
    for start in range(0, len(rows), chunk):
        yield start, np.ascontiguousarray(rows[start : start + chunk]).reshape(-1)


def _places(flat: np.ndarray, size: int, run: np.ndarray) -> np.ndarray:
    """Ascending places in `flat` (rows of `size` tokens one after the other) where the run starts inside a row."""
    if len(run) > size:
        return np.zeros(0, dtype=np.int64)
    # The rarest of a few of the run's tokens leaves the fewest places to look at closely.
    sample = flat[:: max(1, len(flat) // 4096)]
    rarest = min(range(len(run)), key=lambda i: int(np.count_nonzero(sample == run[i])))
    places = np.flatnonzero(flat == run[rarest]) - rarest
    places = places[(places >= 0) & (places % size <= size - len(run))]
    for offset, token in enumerate(run):
        places = places[flat[places + offset] == token]
    return places


def _longest(rows: np.ndarray) -> np.ndarray:
    """Longest repeat of each row, however short, by doubling and then bisection over lengths.

    Where a run repeats, all its beginnings do. So rows are followed through the lengths 1, 2, 4, … until nothing
    repeats; the answer then lies between the last length that did and twice that.
    """
    found = np.zeros(len(rows), dtype=np.int64)
    alive = np.arange(len(rows))
    ranks, again = _ranks(_small(rows))
    length = 1
    while again.any():
        alive, ranks = alive[again], ranks[again]
        longer, again = _ranks(_joined(ranks, np.full(len(ranks), length)))
        found[alive[~again]] = _bisect(ranks[~again], length)
        ranks, length = longer, 2 * length
    return found


def _bisect(ranks: np.ndarray, length: int) -> np.ndarray:
    """Longest repeat of rows that repeat at `length` and not at twice that; ranks [n, S] of runs of `length`."""
    low, high = np.full(len(ranks), length), np.full(len(ranks), 2 * length)
    for _ in range(length.bit_length() - 1):
        middle = (low + high) // 2
        keys = np.sort(_joined(ranks, middle - length), axis=1)
        again = (keys[:, 1:] == keys[:, :-1]).any(axis=1)
        low, high = np.where(again, middle, low), np.where(again, high, middle)
    return low


def _joined(ranks: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Keys [n, S] of the runs told by the ranks at a place and `shifts` [n] later.

    A run is told by its first and its last tokens as long as these touch. Runs that leave the row get a key of
    their own, so that they equal nothing.
    """
    size = ranks.shape[1]
    places = np.arange(size, dtype=ranks.dtype)
    later = places + shifts[:, None].astype(ranks.dtype)
    ends = np.take_along_axis(ranks, np.minimum(later, size - 1), axis=1)
    return np.where(later < size, ranks * size + ends, size * size + places)


def _ranks(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranks [n, S] below S of keys within their row, equal where the keys are, and whether any two are: [n]."""
    size = keys.shape[1]
    keys = np.sort(keys * size + np.arange(size, dtype=keys.dtype), axis=1)
    places, contents = keys % size, keys // size
    new = contents[:, 1:] != contents[:, :-1]
    ranks = np.zeros_like(keys)
    np.cumsum(new, axis=1, out=ranks[:, 1:])
    scattered = np.empty_like(ranks)
    np.put_along_axis(scattered, places, ranks, axis=1)
    return scattered, ~new.all(axis=1)


def _small(rows: np.ndarray) -> np.ndarray:
    """The rows as signed integers that leave room for two ranks and a place; large ids become ranks."""
    size = rows.shape[1]
    if int(rows.max()) >= size * size:
        rows = np.unique(rows, return_inverse=True)[1].reshape(rows.shape)
    largest = (max(int(rows.max()), size * size + size) + 1) * size
    return rows.astype(np.int32 if largest < 2**31 else np.int64)
