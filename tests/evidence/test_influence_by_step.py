"""Influence per stretch of training against sums by hand, and intervals of many values against their theory."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mda.evidence.influence_by_step import MOST_BINS, influence_by_step
from mda.evidence.intervals import large_mean_interval, mean_interval

ROWS = st.lists(st.tuples(st.integers(0, 5000), st.floats(-5, 5)), min_size=1, max_size=60)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_every_row_is_in_one_stretch(rows: list[tuple[int, float]]) -> None:
    steps, scores = np.array([step for step, _ in rows]), np.array([score for _, score in rows])
    table = influence_by_step(steps, scores)
    assert len(table) <= MOST_BINS
    assert table["first"].is_monotonic_increasing
    widths = (table["last"] - table["first"] + 1).unique()
    assert len(widths) == 1
    assert (table["first"] % widths[0] == 0).all()
    for line in table.to_dict("records"):
        inside = scores[(steps >= line["first"]) & (steps <= line["last"])]
        assert line["rows"] == len(inside) > 0
        assert line["total"] == pytest.approx(inside.sum())
        assert line["positive"] == pytest.approx(sum(score for score in inside if score > 0))
        assert line["negative"] == pytest.approx(sum(score for score in inside if score < 0))
        assert line["mean"] == pytest.approx(inside.mean())
        if len(inside) == 1:
            assert np.isnan([line["low"], line["high"]]).all()
        else:
            assert line["low"] - 1e-9 <= line["mean"] <= line["high"] + 1e-9
    assert table["rows"].sum() == len(rows)
    assert table["total"].sum() == pytest.approx(scores.sum())


def test_the_order_of_rows_does_not_matter_where_intervals_are_exact() -> None:
    rng = np.random.default_rng(0)
    steps, scores = np.repeat(np.arange(200), 4), rng.normal(size=800)
    order = rng.permutation(800)
    columns = ["first", "last", "rows", "total", "positive", "negative", "mean"]
    pd.testing.assert_frame_equal(
        influence_by_step(steps, scores)[columns], influence_by_step(steps[order], scores[order])[columns]
    )


def test_steps_are_told_one_by_one_while_they_are_few() -> None:
    table = influence_by_step(np.array([7, 7, 9]), np.array([1.0, -3.0, 2.0]))
    assert table["first"].tolist() == table["last"].tolist() == [7, 9]
    assert table["positive"].tolist() == [1, 2]
    assert table["negative"].tolist() == [-3, 0]
    assert len(influence_by_step(np.zeros(0, int), np.zeros(0))) == 0


@pytest.mark.parametrize(("steps", "scores"), [([1, 2], [1.0]), ([-1], [1.0]), ([1], [np.nan]), ([[1]], [[1.0]])])
def test_input_is_checked(steps: list, scores: list) -> None:
    with pytest.raises(ValueError, match=r"one a row|finite"):
        influence_by_step(np.array(steps), np.array(scores))


def test_a_million_rows_take_a_moment() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_t(3, 1_000_000)
    started = time.perf_counter()
    table = influence_by_step(np.arange(1_000_000) // 32, scores)
    assert time.perf_counter() - started < 4  # 0.5 s
    assert len(table) <= MOST_BINS
    assert table["total"].sum() == pytest.approx(scores.sum())


def test_intervals_of_many_values_are_as_wide_as_theory_says() -> None:
    rng = np.random.default_rng(0)
    for n in (1001, 1250, 30_000):
        values = rng.gamma(2, size=n)
        found = large_mean_interval(values)
        assert found.low is not None
        assert found.high is not None
        assert found.mean == values.mean()
        assert found.n == n
        assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(n), rel=0.12)
        assert found.low < found.mean < found.high
        assert large_mean_interval(values) == found


def test_intervals_of_many_values_cover_the_truth() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for seed in range(200):
        found = large_mean_interval(rng.exponential(size=1500), draws=300, seed=seed)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 1 <= found.high
    assert 180 <= inside <= 198


def test_few_values_are_resampled_one_by_one() -> None:
    values = np.random.default_rng(2).normal(size=1000)
    assert large_mean_interval(values, draws=50) == mean_interval(values, draws=50)
    assert large_mean_interval(values[:1]).low is None
