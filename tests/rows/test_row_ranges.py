"""Row numbers to byte ranges, against the ranges' definition."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mda.corpora.preshuffled.index import Layout
from mda.corpora.preshuffled.ranges import row_runs, shard_ranges

row_sets = st.sets(st.integers(0, 60), min_size=1).map(sorted)


@settings(deadline=None)
@given(row_sets, st.integers(0, 4), st.integers(1, 12))
def test_runs_cover_the_rows_and_nothing_beyond_gaps(rows, gap, most):
    found = list(row_runs(np.array(rows), gap, most))
    covered = [row for first, stop in found for row in range(first, stop)]
    assert sorted(set(covered)) == covered
    assert set(rows) <= set(covered)
    for first, stop in found:
        inside = [row for row in rows if first <= row < stop]
        assert inside[0] == first
        assert inside[-1] == stop - 1
        assert stop - first <= most
        assert max(np.diff(inside), default=1) <= gap + 1
    for (start, stop), (following, _) in itertools.pairwise(found):
        # one range ends only before a gap that is too large, or where it would hold too many rows
        assert following - stop > gap or following - start >= most


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(1, 6), st.data())
def test_shard_ranges_are_the_bytes_of_the_rows(sizes, length, data):
    total = sum(sizes) // (2 * length)
    if total == 0:
        return
    sizes[-1] -= sum(sizes) % (2 * length)
    if sizes[-1] < 0:
        return
    content = np.random.default_rng(0).bytes(sum(sizes))
    layout = Layout(
        rows=total, row_length=length, shards=tuple((str(number), size) for number, size in enumerate(sizes))
    )
    parts, offset = {}, 0
    for name, size in layout.shards:
        parts[name] = content[offset : offset + size]
        offset += size
    first = data.draw(st.integers(0, total - 1))
    stop = data.draw(st.integers(first + 1, total))
    asked = shard_ranges(layout, first, stop)
    assert (
        b"".join(parts[name][start:end] for name, start, end in asked)
        == content[first * 2 * length : stop * 2 * length]
    )
    assert all(start < end for _, start, end in asked)
