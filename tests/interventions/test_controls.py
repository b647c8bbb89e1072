"""Controls: as many rows, none of the selection's, matched as told, and honest about what could not be."""

import time
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mda.errors import UserError
from mda.interventions.controls import (
    STEP_BINS,
    Control,
    matched_kind,
    matched_repetition,
    random_control,
    step_bins,
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(selection, steps, kinds, shares) of a small window, often too scarce in some cell."""
    n = draw(st.integers(2, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = np.sort(rng.integers(0, draw(st.integers(1, 60)), n))
    kinds = np.array(["code", "latex", "prose"])[rng.integers(0, draw(st.integers(1, 3)), n)]
    scores = rng.random(n) + draw(st.sampled_from([0, 1, 5])) * (kinds == "code")
    selection = np.argsort(-scores)[: draw(st.integers(1, n // 2))]
    return selection, steps, kinds, np.round(rng.random(n), 1)


def controls_of(
    selection: np.ndarray, steps: np.ndarray, kinds: np.ndarray, shares: np.ndarray, seed: int
) -> list[Control]:
    return [
        random_control(selection, steps, np.random.default_rng(seed)),
        matched_kind(selection, steps, kinds, np.random.default_rng(seed)),
        matched_repetition(selection, steps, kinds, shares, np.random.default_rng(seed)),
    ]


@given(windows(), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_every_control_is_a_disjoint_selection_of_the_same_size(
    window: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    selection, steps, kinds, shares = window
    for control in controls_of(*window, seed):
        assert control.rows.tolist() == sorted(set(control.rows.tolist()))
        assert len(control.rows) == len(selection)
        assert not set(control.rows) & set(selection)
        assert 0 <= control.other_kind <= control.relaxed <= len(selection)
    again = controls_of(np.sort(selection)[::-1], steps, kinds, shares, seed)
    for control, same in zip(controls_of(*window, seed), again, strict=True):
        assert control.rows.tolist() == same.rows.tolist()


@given(windows(), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_relaxed_is_exactly_what_the_cells_lack(
    window: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    """And so: nothing relaxed means equal histograms."""
    selection, steps, kinds, _ = window
    bins = step_bins(steps)
    selected = np.zeros(len(steps), dtype=bool)
    selected[selection] = True

    def lacking(cells: np.ndarray) -> int:
        return sum(
            max(0, int((selected & (cells == cell)).sum() - (~selected & (cells == cell)).sum()))
            for cell in np.unique(cells)
        )

    codes = np.unique(kinds, return_inverse=True)[1]
    both = codes * STEP_BINS + bins
    by_bin, by_kind, by_repetition = controls_of(*window, seed)
    assert by_bin.relaxed == lacking(bins)
    for control in (by_kind, by_repetition):
        assert control.relaxed == lacking(both)
        assert control.other_kind == lacking(codes)
    for control, cells in ((by_bin, bins), (by_kind, both), (by_repetition, both)):
        if control.relaxed == 0:
            np.testing.assert_array_equal(
                np.bincount(cells[control.rows], minlength=99), np.bincount(cells[selection], minlength=99)
            )


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_repetition_is_matched_as_well_as_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.random(9)
    selection = rng.choice(9, 3, replace=False)
    rest = np.setdiff1d(np.arange(9), selection)
    control = matched_repetition(selection, np.zeros(9), np.zeros(9, dtype=int), shares, rng)
    best = min(np.abs(shares[selection] - shares[list(rows)]).mean() for rows in permutations(rest, 3))
    assert control.share_gap == pytest.approx(best)


def test_planted_repetition_is_found() -> None:
    """Selected rows have a share of 0.8 among rows near 0.2; as many twins are hidden in the same cells."""
    rng = np.random.default_rng(0)
    n = 4000
    steps = np.arange(n) // 4
    kinds = rng.integers(0, 3, n)
    shares = rng.normal(0.2, 0.05, n).clip(0, 1)
    selection = np.arange(0, n, 20)
    twins = selection + 1
    kinds[twins] = kinds[selection]
    shares[selection] = shares[twins] = rng.normal(0.8, 0.05, len(selection)).clip(0, 1)
    by_kind = matched_kind(selection, steps, kinds, rng)
    by_repetition = matched_repetition(selection, steps, kinds, shares, rng)
    assert by_repetition.rows.tolist() == twins.tolist()
    assert by_repetition.share_gap < 1e-9
    assert by_repetition.step_gap < 50  # within a bin
    assert np.isnan(by_kind.share_gap)
    assert shares[by_kind.rows].mean() < 0.4


def test_a_shortfall_is_filled_from_the_nearest_bin_of_the_kind() -> None:
    # One bin a step. At step 5 kind 1 has only these two rows; the kind lives on at steps 3 and 9.
    steps = np.array([3, 4, 4, 5, 5, 5, 5, 6, 6, 9])
    kinds = np.array([1, 0, 0, 1, 1, 0, 0, 0, 0, 1])
    for seed in range(5):
        near = matched_kind(np.array([3]), steps, kinds, np.random.default_rng(seed))
        assert near.rows.tolist() == [4]
        assert (near.relaxed, near.other_kind, near.step_gap) == (0, 0, 0)
        both = matched_kind(np.array([3, 4]), steps, kinds, np.random.default_rng(seed))
        assert both.rows.tolist() == [0, 9]
        assert (both.relaxed, both.other_kind, both.step_gap) == (2, 0, 3)
        first = matched_kind(np.array([3, 9]), steps, kinds, np.random.default_rng(seed))
        assert first.rows.tolist() == [0, 4]  # step 5 keeps its own; step 9 takes what is left, far as it is
        exhausted = matched_kind(np.array([0, 3, 4]), steps, kinds, np.random.default_rng(seed))
        assert (exhausted.relaxed, exhausted.other_kind) == (3, 2)
        # One gets the last of the kind, one a row of its own bin, and step 3 one of the bin next to it.
        assert [row in places for row, places in zip(exhausted.rows, ({1, 2}, {5, 6}, {9}), strict=True)] == [
            True
        ] * 3


def test_candidates_are_drawn_evenly() -> None:
    counts = np.zeros(10)
    rng = np.random.default_rng(0)
    for _ in range(2000):
        counts[random_control(np.array([0]), np.zeros(10), rng).rows] += 1
    assert counts[0] == 0
    assert np.abs(counts[1:] - 2000 / 9).max() < 60  # four standard deviations
    counts[:] = 0
    for _ in range(2000):
        counts[matched_repetition(np.array([0]), np.zeros(10), np.zeros(10), np.ones(10), rng).rows] += 1
    assert np.abs(counts[1:] - 2000 / 9).max() < 60  # equal shares: nothing to choose by


def test_bins() -> None:
    assert step_bins(np.array([10, 11, 12])).tolist() == [0, 6, 13]  # fewer steps than bins: one each
    bins = step_bins(np.arange(1000, 2000))
    assert np.bincount(bins).tolist() == [50] * STEP_BINS


def test_what_cannot_be_is_told() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="matched-kind needs the kind of every row"):
        matched_kind(np.array([0]), np.zeros(4), None, rng)
    with pytest.raises(UserError, match="matched-repetition needs the kind of every row"):
        matched_repetition(np.array([0]), np.zeros(4), None, np.zeros(4), rng)
    with pytest.raises(UserError, match="3 of 4 rows are selected"):
        random_control(np.array([0, 1, 2]), np.zeros(4), rng)
    for wrong in ([], [4], [-1], [1, 1]):
        with pytest.raises(ValueError, match="distinct positions"):
            random_control(np.array(wrong, dtype=int), np.zeros(4), rng)
    with pytest.raises(ValueError, match="same rows"):
        matched_kind(np.array([0]), np.zeros(4), np.zeros(3), rng)


def test_real_size_is_fast() -> None:
    rng = np.random.default_rng(0)
    n = 45_000
    kinds = rng.integers(0, 7, n)
    shares = np.where(rng.random(n) < 0.3, 1, rng.random(n))
    selection = np.argsort(-(shares + 0.3 * kinds + rng.random(n)))[: n // 10]
    start = time.perf_counter()
    controls_of(selection, np.arange(n) // 32, kinds, shares, 0)
    assert time.perf_counter() - start < 3
