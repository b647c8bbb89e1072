"""What selections are made of."""

import numpy as np
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
