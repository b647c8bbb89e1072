"""What selections are made of."""

import time

import numpy as np
import pandas as pd
import pytest

from mda.evidence.enrichment import ALL_ROWS, enrichment

KINDS = np.array(["prose"] * 60 + ["code"] * 40)
SHARES = np.concatenate([np.linspace(0, 0.4, 60), np.linspace(0.5, 1, 40)])


def test_values_are_counts() -> None:
    rows = np.arange(50, 100)
    table = enrichment({"top": rows, "one": np.array([0])}, KINDS, SHARES)
    assert table.columns.tolist() == ["group", "measure", "kind", "value", "low", "high", "rows"]
    assert table["group"].unique().tolist() == [ALL_ROWS, "top", "one"]
    value = table.set_index(["group", "measure", "kind"])["value"]
    assert value[ALL_ROWS, "kind share", "code"] == 0.4
    assert value["top", "kind share", "code"] == 0.8
    assert value["top", "kind share", "prose"] == pytest.approx(0.2)
    assert value["top", "mean repeated share", ""] == pytest.approx(SHARES[rows].mean())
    assert value[ALL_ROWS, "highly repeated", ""] == 0.1
    assert value["top", "highly repeated", ""] == 0.2
    known = table[table["group"] != "one"]
    assert (known["low"] <= known["value"]).all()
    assert (known["value"] <= known["high"]).all()
    assert table.loc[table["group"] == "one", ["low", "high"]].isna().all(axis=None)
    assert table.loc[table["group"] == "top", "rows"].unique().tolist() == [50]


def test_interval_of_a_share_is_binomial() -> None:
    table = enrichment({"top": np.arange(100)}, KINDS, SHARES)
    line = table[(table["group"] == "top") & (table["kind"] == "code")].iloc[0]
    half = 1.96 * np.sqrt(0.4 * 0.6 / 100)
    assert line["low"] == pytest.approx(0.4 - half, abs=0.02)
    assert line["high"] == pytest.approx(0.4 + half, abs=0.02)


def test_without_kinds_only_repetition_is_told() -> None:
    table = enrichment({"top": np.arange(10)}, None, SHARES)
    assert table["measure"].unique().tolist() == ["mean repeated share", "highly repeated"]


def test_groups_are_checked() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        enrichment({"top": np.array([], dtype=int)}, KINDS, SHARES)
    with pytest.raises(ValueError, match="added by itself"):
        enrichment({ALL_ROWS: np.arange(3)}, KINDS, SHARES)


def test_further_measures_are_means_in_their_own_unit() -> None:
    longest, steps = np.arange(100) % 7, np.arange(100) // 4
    rows = np.arange(50, 100)
    table = enrichment({"top": rows}, KINDS, SHARES, measures={"longest repeat": longest, "training step": steps})
    assert table["measure"].unique().tolist() == [
        "kind share", "mean repeated share", "highly repeated", "longest repeat", "training step",
    ]  # fmt: skip
    lines = table.set_index(["group", "measure", "kind"])
    for name, values in (("longest repeat", longest), ("training step", steps)):
        for group, taken in ((ALL_ROWS, values), ("top", values[rows])):
            line = lines.xs((group, name, ""))
            assert line["value"] == pytest.approx(taken.mean())
            half = 1.96 * taken.std() / np.sqrt(len(taken))
            assert line["high"] - line["low"] == pytest.approx(2 * half, rel=0.15)
    without = enrichment({"top": rows}, KINDS, SHARES)
    pd.testing.assert_frame_equal(table.iloc[[0, 1, 2, 3, 6, 7, 8, 9]].reset_index(drop=True), without)


def test_measures_have_one_value_a_row() -> None:
    with pytest.raises(ValueError, match="each of the 100 rows"):
        enrichment({"top": np.arange(3)}, KINDS, SHARES, measures={"training step": np.arange(3)})


def test_a_million_rows_take_a_moment() -> None:
    n = 1_000_000
    rng = np.random.default_rng(0)
    kinds = np.array(["prose", "code", "table"], dtype=object)[rng.integers(0, 3, n)]
    started = time.perf_counter()
    table = enrichment(
        {"top": np.arange(0, n, 10), "random": np.arange(5, n, 10)},
        kinds,
        rng.random(n),
        measures={"longest repeat": rng.integers(0, 100, n), "training step": np.arange(n) // 32},
    )
    assert time.perf_counter() - started < 4  # 0.5 s
    shares = table[(table["group"] == ALL_ROWS) & (table["measure"] == "mean repeated share")].iloc[0]
    assert shares["high"] - shares["low"] == pytest.approx(2 * 1.96 * np.sqrt(1 / 12 / n), rel=0.15)
