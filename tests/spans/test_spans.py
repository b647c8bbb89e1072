"""Repeated spans and shares against brute force, and at real sizes."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mda import spans
from mda.spans import Span, repeated_mask, repeated_share, repeated_shares, repeated_spans

ROWS = st.one_of(
    st.lists(st.integers(0, 1), max_size=24),
    st.lists(st.integers(0, 3), max_size=30),
    # pieces of one phrase, so that long contents recur in part
    st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), max_size=7).map(
        lambda cuts: [token for start, length in cuts for token in range(start, start + length)]
    ),
)


def brute_mask(row: list[int], m: int) -> list[bool]:
    marked = [False] * len(row)
    for start in range(len(row)):
        for earlier in range(start):
            for length in range(m, len(row) - start + 1):
                if row[start : start + length] == row[earlier : earlier + length]:
                    marked[start : start + length] = [True] * length
    return marked


def brute_spans(row: list[int], m: int) -> list[Span]:
    """The documented rule, word by word."""
    taken = [False] * len(row)
    found = []
    for length in range(len(row) // 2, m - 1, -1):
        places: dict[tuple[int, ...], list[int]] = {}
        for start in range(len(row) - length + 1):
            if not any(taken[start : start + length]):
                places.setdefault(tuple(row[start : start + length]), []).append(start)
        candidates = [starts for starts in places.values() if starts[-1] - starts[0] >= length]
        for starts in sorted(candidates):
            kept: list[int] = []
            for start in starts:
                if not any(taken[start : start + length]) and (not kept or start >= kept[-1] + length):
                    kept.append(start)
            if len(kept) > 1:
                found.append((length, tuple(kept)))
                for start in kept:
                    taken[start : start + length] = [True] * length
    found.sort(key=lambda span: span[1][0])
    return [Span(index, length, starts) for index, (length, starts) in enumerate(found)]


@given(ROWS, st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_spans_follow_the_rule(row: list[int], m: int) -> None:
    assert repeated_spans(np.array(row, dtype=np.int64), m) == brute_spans(row, m)


@given(ROWS, st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_spans_can_be_drawn(row: list[int], m: int) -> None:
    owner = [-1] * len(row)
    found = repeated_spans(np.array(row, dtype=np.int64), m)
    assert [span.index for span in found] == list(range(len(found)))
    for span in found:
        assert span.length >= m
        assert len(span.starts) >= 2
        assert span.gaps == tuple(np.diff(span.starts))
        contents = {tuple(row[start : start + span.length]) for start in span.starts}
        assert len(contents) == 1
        for start in span.starts:
            assert owner[start : start + span.length] == [-1] * span.length
            owner[start : start + span.length] = [span.index] * span.length


@given(ROWS.filter(bool), st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_mask_is_exact(row: list[int], m: int) -> None:
    expected = brute_mask(row, m)
    assert repeated_mask(np.array([row]), m)[0].tolist() == expected
    assert repeated_share(np.array(row), m) == pytest.approx(np.mean(expected))


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=14, max_size=14), min_size=1, max_size=9),
    st.integers(1, 8),
    st.sampled_from([1, 1000, 70_000, 2**40]),
)
@settings(max_examples=100, deadline=None)
def test_rows_do_not_see_each_other_and_large_ids_stay_exact(rows: list[list[int]], m: int, scale: int) -> None:
    array = np.array(rows) * scale
    expected = [np.mean(brute_mask(row, m)) for row in rows]
    np.testing.assert_allclose(repeated_shares(array, m), expected)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).integers(0, 4, (50, 20))
    whole = repeated_shares(rows)
    monkeypatch.setattr(spans, "_CHUNK_TOKENS", 61)
    np.testing.assert_array_equal(repeated_shares(rows), whole)


def test_small_examples() -> None:
    assert repeated_spans(np.array([1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 3])) == [Span(0, 3, (0, 4, 8))]
    assert repeated_share(np.array([5, 5, 5, 5])) == 0.75  # the run from 1 on also starts at 0
    assert repeated_spans(np.array([5, 5, 5, 5])) == []  # but two copies of three do not fit side by side
    assert repeated_share(np.array([1, 2])) == 0
    assert repeated_shares(np.zeros((0, 5), dtype=np.int64)).shape == (0,)


@pytest.mark.parametrize("bad", [np.array([0.5, 1.0]), np.array([-1, 2])])
def test_only_token_ids(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="integers >= 0"):
        repeated_spans(bad)
    with pytest.raises(ValueError, match="integers >= 0"):
        repeated_shares(bad[None])


def test_shapes_and_lengths_are_checked() -> None:
    with pytest.raises(ValueError, match="one row"):
        repeated_spans(np.zeros((2, 4), dtype=np.int64))
    with pytest.raises(ValueError, match="expected"):
        repeated_shares(np.zeros(4, dtype=np.int64))
    with pytest.raises(ValueError, match="min_length"):
        repeated_spans(np.zeros(4, dtype=np.int64), 0)


def test_real_sizes_are_fast() -> None:
    """Bounds five to ten times above what one core needs, so that they catch a change of order only."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (20_000, 129)).astype(np.uint16)
    start = time.perf_counter()
    repeated_shares(rows)
    assert time.perf_counter() - start < 1.0  # a fifth of 100,000 rows; 0.1 s
    phrases = [rng.integers(0, 5000, rng.integers(2, 30)) for _ in range(60)]
    row = np.concatenate([phrases[i] for i in rng.integers(0, 60, 400)])[:2048]
    start = time.perf_counter()
    assert repeated_spans(row)
    assert time.perf_counter() - start < 0.05  # 4 ms
