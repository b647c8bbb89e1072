"""Selections by score and by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.errors import UserError
from mda.interventions.selection import select_bottom, select_rows, select_top


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.floats(0.001, 1))
def test_tails_hold_the_extreme_scores_and_the_earlier_of_equals(scores: list[int], fraction: float) -> None:
    count = max(1, round(fraction * len(scores)))
    ranked = sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    assert select_top(np.array(scores), fraction).tolist() == sorted(ranked[:count])
    ranked = sorted(range(len(scores)), key=lambda row: (scores[row], row))
    assert select_bottom(np.array(scores), fraction).tolist() == sorted(ranked[:count])


def test_all_rows_can_be_selected() -> None:
    assert select_top(np.array([3.0, 1.0, 2.0]), 1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("fraction", "sentence"),
    [
        (0, "--fraction 0 selects nothing; give a share between 0 and 1, for example 0.1"),
        (-0.5, "--fraction -0.5 selects nothing; give a share between 0 and 1, for example 0.1"),
        (float("nan"), "--fraction nan selects nothing; give a share between 0 and 1, for example 0.1"),
        (10, "--fraction 10 is more than all rows; give a share between 0 and 1, for example 0.1"),
    ],
)
def test_a_wrong_fraction_is_told_in_a_sentence(fraction: float, sentence: str) -> None:
    for select in (select_top, select_bottom):
        with pytest.raises(UserError) as caught:
            select(np.arange(10.0), fraction)
        assert str(caught.value) == sentence


def test_scores_must_be_there_and_finite() -> None:
    with pytest.raises(UserError, match="1 of 3 scores are not finite"):
        select_top(np.array([1.0, np.nan, 2.0]), 0.5)
    with pytest.raises(UserError, match="no scores"):
        select_bottom(np.array([]), 0.5)


def test_named_rows() -> None:
    window = np.arange(100, 110)
    assert select_rows([105, 101, 105], window).tolist() == [1, 5]
    with pytest.raises(UserError, match=r"row 99 lies outside the training window \(rows 100 to 109\)"):
        select_rows([99, 100], window)
    with pytest.raises(UserError, match="row 110 lies outside"):
        select_rows([110], window)
    with pytest.raises(UserError, match="no row was named"):
        select_rows([], window)
    with pytest.raises(UserError, match="whole numbers"):
        select_rows([1.5], window)


def test_named_rows_of_a_window_with_gaps() -> None:
    window = np.array([40, 41, 44, 45, 48, 49])
    assert select_rows([48, 41], window).tolist() == [1, 4]
    with pytest.raises(UserError, match=r"row 42 lies outside .*\(rows 40 to 49, of which it uses 6\)"):
        select_rows([41, 42], window)
