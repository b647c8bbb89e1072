"""From row numbers to byte ranges of shards: neighbouring rows in one request, a row across shards in two."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mda.corpora.preshuffled.index import Layout


def row_runs(rows: np.ndarray, gap: int, most: int) -> Iterator[tuple[int, int]]:
    """Ranges [first, stop) of at most `most` rows that cover `rows` [n], ascending without repeats.

    Ranges begin and end with rows of `rows`; up to `gap` rows between two of them are covered too.
    """
    cuts = np.flatnonzero(np.diff(rows) > gap + 1) + 1
    for near in np.split(rows, cuts):
        place = 0
        while place < len(near):
            first = int(near[place])
            place = int(np.searchsorted(near, first + most))
            yield first, int(near[place - 1]) + 1


def shard_ranges(layout: Layout, first: int, stop: int) -> list[tuple[str, int, int]]:
    """(shard, start, stop) in bytes that, joined, are the rows [first, stop)."""
    begin, end = first * layout.row_bytes, stop * layout.row_bytes
    found, offset = [], 0
    for name, size in layout.shards:
        inside = max(begin - offset, 0), min(end - offset, size)
        if inside[0] < inside[1]:
            found.append((name, *inside))
        offset += size
    return found
