"""The longest repeat of a row, and rows that hold a run, against brute force and at real sizes."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mda import span_search
from mda.span_search import SHARED_SPANS, longest_repeats, rows_sharing_spans, rows_with_run
from mda.spans import repeated_mask, repeated_spans

TOKENS = st.lists(st.lists(st.integers(0, 2), min_size=15, max_size=15), min_size=1, max_size=8)


def brute_longest(row: list[int]) -> int:
    lengths = [
        length
        for start in range(len(row))
        for earlier in range(start)
        for length in range(1, len(row) - start + 1)
        if row[start : start + length] == row[earlier : earlier + length]
    ]
    longest = max(lengths, default=0)
    return longest if longest >= 3 else 0


def holds(row: list[int], run: list[int]) -> list[int]:
    return [start for start in range(len(row) - len(run) + 1) if row[start : start + len(run)] == run]


@given(TOKENS, st.sampled_from([1, 1000, 30_000, 2**40]))
@settings(max_examples=200, deadline=None)
def test_longest_repeat_is_exact(rows: list[list[int]], scale: int) -> None:
    assert longest_repeats(np.array(rows) * scale).tolist() == [brute_longest(row) for row in rows]


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_longest_repeat_at_any_width_and_of_copied_pieces(size: int, tokens: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, tokens, (3, size))
    start, length = np.sort(rng.integers(0, size, 2))
    rows[0, size - (length - start) :] = rows[0, start:length].copy()
    assert longest_repeats(rows).tolist() == [brute_longest(row) for row in rows.tolist()]


def test_known_rows() -> None:
    assert longest_repeats(np.zeros((1, 129), dtype=np.uint16)).tolist() == [128]  # from 1 on it starts at 0 too
    assert longest_repeats(np.tile(np.arange(10), 13)[None, :129]).tolist() == [119]
    assert longest_repeats(np.arange(129)[None]).tolist() == [0]
    assert longest_repeats(np.zeros((0, 129), dtype=np.uint16)).shape == (0,)
    assert longest_repeats(np.zeros((2, 0), dtype=np.int64)).tolist() == [0, 0]
    assert longest_repeats(np.array([[7]])).tolist() == [0]
    twice = np.concatenate([np.arange(1024), np.arange(1024), [5]])
    assert longest_repeats(twice[None].astype(np.uint16)).tolist() == [1024]


def test_longest_repeat_says_whether_anything_is_marked() -> None:
    rows = np.random.default_rng(0).integers(0, 30, (400, 40))
    assert ((longest_repeats(rows) > 0) == repeated_mask(rows).any(axis=1)).all()


def test_longest_repeat_does_not_depend_on_chunks_or_names_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 5, (60, 30)).astype(np.uint16)
    whole = longest_repeats(rows)
    renamed = rng.permutation(60_000)[:5].astype(np.uint16)
    np.testing.assert_array_equal(longest_repeats(renamed[rows]), whole)
    np.testing.assert_array_equal(longest_repeats(rows[:, ::-1]), whole)  # read backwards
    monkeypatch.setattr(span_search, "_CHUNK_TOKENS", 61)
    np.testing.assert_array_equal(longest_repeats(rows), whole)


@given(
    TOKENS, st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(1, 4), st.sampled_from([16, 1 << 20])
)
@settings(max_examples=200, deadline=None)
def test_rows_with_a_run_are_exact(rows: list[list[int]], run: list[int], limit: int, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(span_search, "_CHUNK_TOKENS", chunk)
        found, places = rows_with_run(np.array(rows), np.array(run), limit)
    expected = [(number, holds(row, run)[0]) for number, row in enumerate(rows) if holds(row, run)][:limit]
    assert list(zip(found.tolist(), places.tolist(), strict=True)) == expected


def test_a_run_never_crosses_from_row_to_row() -> None:
    rows = np.arange(40).reshape(4, 10)
    assert rows_with_run(rows, np.array([9, 10]), 5)[0].tolist() == []
    assert rows_with_run(rows, np.arange(8, 20), 5)[0].tolist() == []  # longer than a row
    assert [part.tolist() for part in rows_with_run(rows, np.arange(10, 20), 5)] == [[1], [0]]
    assert rows_with_run(rows, np.array([70_000]), 5)[0].tolist() == []


@given(TOKENS, st.integers(0, 7), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_shared_spans_are_exact(rows: list[list[int]], row: int, limit: int) -> None:
    row %= len(rows)
    shared = rows_sharing_spans(np.array(rows), row, limit)
    spans = repeated_spans(np.array(rows[row]))
    assert sorted(shared.looked_for, key=lambda span: span.index) == spans  # 15 tokens never have more than 8
    lengths = [span.length for span in shared.looked_for]
    assert lengths == sorted(lengths, reverse=True)
    contents = [rows[row][span.starts[0] : span.starts[0] + span.length] for span in shared.looked_for]
    expected = []
    for number, other in enumerate(rows):
        held = tuple(i for i, content in enumerate(contents) if holds(other, content))
        if number != row and held:
            expected.append((-lengths[held[0]], -len(held), number, held))
    assert [(one.row, one.spans) for one in shared.rows] == [line[2:] for line in sorted(expected)[:limit]]
    assert shared.found == len(expected)
    assert shared.holders == [sum(i in line[3] for line in expected) for i in range(len(contents))]


def test_only_the_longest_spans_are_looked_for() -> None:
    phrases = [np.arange(100 * n, 100 * n + 3 + n) for n in range(12)]
    row = np.concatenate([*phrases, *phrases[::-1]])
    rows = np.stack([row, np.roll(row, 1), np.zeros_like(row)])
    shared = rows_sharing_spans(rows, 0, 5)
    assert len(shared.looked_for) == SHARED_SPANS
    assert [one.row for one in shared.rows] == [1]


def test_a_row_without_spans_shares_none() -> None:
    shared = rows_sharing_spans(np.arange(40).reshape(4, 10), 1, 5)
    assert (shared.looked_for, shared.rows, shared.found) == ([], [], 0)


@pytest.mark.parametrize("bad", [np.zeros(4, dtype=int), np.array([[0.5]]), np.array([[-1]])])
def test_only_rows_of_token_ids(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected|integers >= 0"):
        longest_repeats(bad)
    with pytest.raises(ValueError, match=r"expected|integers >= 0"):
        rows_with_run(bad, np.array([1]), 5)


@pytest.mark.parametrize(("run", "limit"), [([], 5), ([1], 0)])
def test_runs_and_limits_are_checked(run: list[int], limit: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        rows_with_run(np.zeros((2, 4), dtype=int), np.array(run, dtype=int), limit)


def test_real_sizes_are_fast_and_small(tmp_path: Path) -> None:
    """A tenth of the sizes asked for; bounds several times above what one core needs (0.2 s, 10 ms)."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (100_000, 129)).astype(np.uint16)
    rows[:, 60:90] = rows[:, 20:50]
    started = time.process_time()
    assert (longest_repeats(rows[:10_000]) >= 30).all()
    assert time.process_time() - started < 1.0
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    started = time.process_time()
    assert rows_with_run(mapped, rows[77_000, 20:40], 10)[0].tolist() == [77_000]
    assert time.process_time() - started < 0.2
    tracemalloc.start()
    rows_sharing_spans(mapped, 5, 10)
    assert tracemalloc.get_traced_memory()[1] < 12e6
    tracemalloc.stop()
