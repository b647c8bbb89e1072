"""Dose and response: means, the line through the origin, and what is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.evidence.dose import responses, slopes


def runs(selection: str, delays: dict[float, list[float]], censored: bool = False) -> pd.DataFrame:
    lines = [
        {"selection": selection, "fraction": fraction, "replicate": k, "delay": value, "censored": censored}
        for fraction, values in delays.items()
        for k, value in enumerate(values)
    ]
    return pd.DataFrame(lines)


def test_responses_are_means_by_selection_and_fraction_in_order() -> None:
    given_runs = pd.concat(
        [runs("top", {0.2: [90, 110], 0.05: [20, 30]}), runs("random", {0.05: [5, np.nan], 0.2: [30, 34]})]
    )
    table = responses(given_runs)
    assert list(zip(table["selection"], table["fraction"], strict=True)) == [
        ("top", 0.05), ("top", 0.2), ("random", 0.05), ("random", 0.2),
    ]  # fmt: skip
    assert table["delay"].tolist() == [25, 100, 5, 32]
    assert table["replicates"].tolist() == [2, 2, 1, 2]
    assert table["low"].isna().tolist() == [False, False, True, False]  # one run says nothing of its spread


@given(st.floats(-20, 20), st.lists(st.sampled_from([0.01, 0.05, 0.1, 0.3]), min_size=2, max_size=4, unique=True))
def test_a_straight_line_gives_its_own_slope(slope: float, fractions: list[float]) -> None:
    table = slopes(runs("top", {fraction: [100 * fraction * slope] * 3 for fraction in fractions}))
    assert table.loc[0, "slope"] == pytest.approx(slope, abs=1e-9)
    assert table.loc[0, "low"] == pytest.approx(slope, abs=1e-9)
    assert table.loc[0, "high"] == pytest.approx(slope, abs=1e-9)


def test_the_slope_is_least_squares_through_the_origin() -> None:
    rng = np.random.default_rng(3)
    fractions, replicates = (0.05, 0.1, 0.2), 4
    delays = {fraction: list(rng.normal(500 * fraction, 10, replicates)) for fraction in fractions}
    table = slopes(runs("top", delays))
    percent = 100 * np.array(fractions)[:, None]
    each = [np.linalg.lstsq(percent, [delays[f][k] for f in fractions])[0][0] for k in range(replicates)]
    assert table.loc[0, "slope"] == pytest.approx(np.mean(each))
    assert table.loc[0, "low"] < np.mean(each) < table.loc[0, "high"]


def test_one_fraction_has_no_slope_and_bounds_are_counted() -> None:
    assert slopes(runs("top", {0.1: [40, 50]})).empty
    table = slopes(pd.concat([runs("top", {0.1: [40], 0.2: [90]}, censored=True)]))
    assert table.loc[0, "censored"] == 2
    assert pd.isna(table.loc[0, "low"])
    lone = pd.concat([runs("top", {0.1: [40, 50]}), runs("top", {0.2: [80]})])  # replicate 1 ran at one fraction
    assert slopes(lone).loc[0, "replicates"] == 1


def test_nothing_defined_is_an_empty_table() -> None:
    undefined = runs("top", {0.1: [np.nan], 0.2: [np.nan]})
    assert responses(undefined).empty
    assert slopes(undefined).empty
