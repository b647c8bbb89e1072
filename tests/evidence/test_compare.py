"""Comparison of arms with baselines: groups of heads, order, pairing, agreement with a plain computation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mda.evidence.compare import Arm, compare_arms, compare_runs, summarise
from mda.evidence.delay import Curve, delay, final_level

STEPS = np.arange(0, 1001, 50)


def rising(at: float, top: float = 0.8) -> np.ndarray:
    return top / (1 + np.exp(-(STEPS - at) / 40))


def run(label: str, replicate: int, shift: float) -> Arm:
    """L1H0 is born at 400, L1H1 at 500, both `shift` later; L0H0 is born as a previous-token head; L0H1 never."""
    zeros = np.zeros(len(STEPS))
    scores = {
        "L0H0": (zeros, rising(300 + shift)),
        "L0H1": (zeros, zeros),
        "L1H0": (rising(400 + shift), zeros),
        "L1H1": (rising(500 + shift, 0.4), zeros),
    }
    tables = [
        pd.DataFrame({"step": STEPS, "head": head, "prefix_matching": prefix, "previous_token": previous})
        for head, (prefix, previous) in scores.items()
    ]
    return Arm(label, replicate, pd.concat(tables).sample(frac=1, random_state=replicate))


BASELINES = [run("baseline", k, 10.0 * k) for k in (0, 1, 2)]
ARMS = [run(label, k, 10.0 * k + shift) for k in (0, 1, 2) for label, shift in (("top", 120), ("random", 20))]


def test_the_mean_of_born_heads_comes_first_and_arms_keep_their_order() -> None:
    table = compare_arms(BASELINES, ARMS)
    groups = [("prefix_matching", "L1H0 + L1H1"), ("prefix_matching", "L1H0"), ("prefix_matching", "L1H1")]
    groups.append(("previous_token", "L0H0"))
    expected = [(*group, arm) for group in groups for arm in ("top", "random")]
    assert list(zip(table["score"], table["head"], table["arm"], strict=True)) == expected


def test_delays_are_paired_by_replicate() -> None:
    """Baselines differ between replicates as arms do, so each has the same delay and the interval is narrow."""
    table = compare_arms(BASELINES, ARMS).set_index(["head", "arm"])
    assert table.loc[("L1H0", "top"), "delay"] == pytest.approx(120, abs=3)
    assert table.loc[("L1H0", "random"), "delay"] == pytest.approx(20, abs=3)
    assert table.loc[("L1H0", "top"), "delay_high"] - table.loc[("L1H0", "top"), "delay_low"] < 6
    assert (table["replicates"] == 3).all()


def test_a_run_is_what_a_plain_computation_says() -> None:
    runs = compare_runs(BASELINES, ARMS)
    mine = runs[(runs["head"] == "L1H0 + L1H1") & (runs["arm"] == "top") & (runs["replicate"] == 2)].iloc[0]

    def mean(arm: Arm) -> Curve:
        frame = arm.metrics[arm.metrics["head"].isin(["L1H0", "L1H1"])].sort_values("step")
        both = frame.groupby("step")["prefix_matching"].mean()
        return Curve(both.index.to_numpy(), both.to_numpy())

    before, after = mean(BASELINES[2]), mean(next(arm for arm in ARMS if (arm.label, arm.replicate) == ("top", 2)))
    assert mine["delay"] == pytest.approx(delay(before, after).steps)
    assert mine["baseline"] == pytest.approx(final_level(before.values))
    assert mine["final"] == pytest.approx(final_level(after.values))


def test_bounds_and_reasons_survive_the_summary() -> None:
    never = run("never", 0, 5000)
    table = compare_arms(BASELINES[:1], [never]).set_index("head")
    assert table.loc["L1H0", "censored"] == 1
    assert pd.isna(table.loc["L1H0", "delay_low"])
    born = run("baseline", 0, -5000)  # from the first look on
    told = compare_arms([born], [run("top", 0, 0)]).set_index("head").loc["L1H0"]
    assert pd.isna(told["delay"])
    assert "half born already" in told["note"]


def test_an_arm_without_its_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match="same replicate"):
        compare_runs(BASELINES[:1], ARMS)


def test_nothing_born_is_an_empty_comparison() -> None:
    flat = run("baseline", 0, 0)
    flat.metrics[["prefix_matching", "previous_token"]] = 0.01
    runs = compare_runs([flat], [flat])
    assert runs.empty
    assert summarise(runs).empty
