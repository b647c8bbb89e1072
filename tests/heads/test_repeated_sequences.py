"""The synthetic sequences [start, R, R]."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mda.errors import UserError
from mda.heads.sequences import repeated_batches, spread_periods


@given(
    ids=st.sets(st.integers(1, 500), min_size=12, max_size=40),
    periods=st.sets(st.integers(4, 12), min_size=1, max_size=4),
    sequences=st.integers(1, 20),
    seed=st.integers(0, 2**31),
)
def test_invariants(ids: set[int], periods: set[int], sequences: int, seed: int) -> None:
    batches = repeated_batches(sorted(ids), start=0, periods=sorted(periods), sequences=sequences, seed=seed)
    sizes = [len(batch.tokens) for batch in batches]
    assert sum(sizes) == sequences
    assert max(sizes) - min(sizes) <= 1
    assert len(batches) == min(sequences, len(periods))
    for batch in batches:
        p = batch.period
        assert p in periods
        assert batch.tokens.dtype == torch.int64
        assert batch.length == batch.tokens.shape[1] == 1 + 2 * p
        assert (batch.tokens[:, 0] == 0).all()
        first, second = batch.tokens[:, 1 : 1 + p], batch.tokens[:, 1 + p :]
        assert torch.equal(first, second)
        assert torch.equal(batch.tokens[:, batch.repeats], second)
        for row in first.tolist():
            assert len(set(row)) == p
            assert set(row) <= ids
    again = repeated_batches(sorted(ids), start=0, periods=sorted(periods), sequences=sequences, seed=seed)
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(batches, again, strict=True))


def test_seed_and_period_give_other_tokens() -> None:
    first, second = (
        repeated_batches(range(1, 97), start=0, periods=(20, 21), sequences=4, seed=seed) for seed in (1, 2)
    )
    assert not torch.equal(first[0].tokens, second[0].tokens)
    assert not torch.equal(first[0].tokens[:, 1:21], first[1].tokens[:, 1:21])


def test_more_sequences_begin_with_the_fewer() -> None:
    few, many = (
        repeated_batches(range(1, 97), start=0, periods=(9,), sequences=count, seed=0) for count in (3, 7)
    )
    assert torch.equal(many[0].tokens[:3], few[0].tokens)


def test_every_id_is_drawn_about_equally_often() -> None:
    batch = repeated_batches(range(1, 21), start=0, periods=(10,), sequences=2000, seed=3)[0]
    counts = np.bincount(batch.tokens[:, 1:11].flatten(), minlength=21)[1:]
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(500)


@given(st.integers(9, 4096), st.integers(4, 60_000), st.integers(1, 12))
def test_periods_fit_the_row_and_the_ids(seq_len: int, distinct: int, count: int) -> None:
    periods = spread_periods(seq_len, distinct, count)
    assert list(periods) == sorted(set(periods))
    assert 1 <= len(periods) <= count
    assert periods[0] >= 4
    assert periods[-1] <= min(distinct, 100)
    assert 1 + 2 * periods[-1] <= seq_len


@pytest.mark.parametrize(("seq_len", "distinct"), [(8, 50), (128, 3)])
def test_too_little_room_is_said(seq_len: int, distinct: int) -> None:
    with pytest.raises(UserError, match=f"rows of {seq_len} tokens and {distinct} ids"):
        spread_periods(seq_len, distinct)
