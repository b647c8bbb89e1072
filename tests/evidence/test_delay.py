"""Delays on curves whose delay is known, and intervals against their definition."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mda.evidence.delay import (
    BORN_LEVEL,
    Curve,
    Delay,
    crossing,
    delay,
    delay_interval,
    final_level,
    paired_difference,
)
from mda.evidence.intervals import mean_interval

STEPS = np.arange(0, 2001, 20)


def sigmoid(birth: float, height: float = 0.6, steps: np.ndarray = STEPS) -> Curve:
    return Curve(steps, height / (1 + np.exp(-(steps - birth) / 60)))


@given(st.floats(500, 1200), st.floats(-300, 300), st.floats(0.2, 1))
@settings(max_examples=100, deadline=None)
def test_a_shifted_sigmoid_is_late_by_its_shift(birth: float, shift: float, height: float) -> None:
    found = delay(sigmoid(birth, height), sigmoid(birth + shift, height))
    assert found.steps == pytest.approx(shift, abs=1)
    assert not found.censored
    assert found.reason is None


def test_a_shift_by_whole_evaluations_is_exact() -> None:
    assert delay(sigmoid(800), sigmoid(860)).steps == pytest.approx(60, abs=1e-3)
    assert delay(sigmoid(800), sigmoid(800)).steps == 0


def test_delay_is_read_at_half_of_the_baselines_level() -> None:
    steps = np.arange(0, 1001, 10)
    baseline = Curve(steps, np.minimum(steps, 500) / 1000)  # to 0.5; half of it at step 250
    slower = Curve(
        steps, steps / 2000
    )  # reaches 0.25 at step 500, and half of its own end at 250 like the baseline
    assert delay(baseline, slower).steps == pytest.approx(250)


@given(st.floats(0.01, 0.99), st.integers(3, 30), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_straight_line_is_crossed_where_it_is_on_any_steps(level: float, count: int, seed: int) -> None:
    steps = np.sort(np.random.default_rng(seed).choice(1000, count, replace=False)).astype(float)
    values = steps / 1000
    found = crossing(steps, values, level)
    if np.isfinite(found):
        assert found == pytest.approx(1000 * level)
    elif found > 0:
        assert level > values[-3:].mean()
    else:
        assert level <= values[:3].mean()


def test_one_noisy_evaluation_is_no_crossing() -> None:
    values = np.array([0, 0, 0, 0.7, 0, 0, 0, 0.6, 0.6, 0.6])
    assert crossing(np.arange(10), values, 0.3) == pytest.approx(6.5)  # means .2 at step 6, .4 at step 7


def test_short_curves_and_ends() -> None:
    assert crossing(np.array([5]), np.array([0.2]), 0.1) == -np.inf
    assert crossing(np.array([5, 6]), np.array([0.0, 0.1]), 0.3) == np.inf
    assert final_level(np.array([9.0, 1.0, 2.0, 3.0])) == 2
    assert final_level(np.array([1.0, 2.0])) == 1.5


def test_never_and_always_are_censored() -> None:
    never = delay(sigmoid(800), Curve(STEPS, np.full(len(STEPS), 0.02)))
    assert never.censored
    assert never.steps == pytest.approx(STEPS[-2] - 800, abs=1)  # the last running mean is centred on it
    always = delay(sigmoid(800), Curve(STEPS, np.full(len(STEPS), 0.6)))
    assert always.censored
    assert always.steps == pytest.approx(STEPS[1] - 800, abs=1)


def test_undefined_delays_say_why() -> None:
    flat = Curve(STEPS, np.full(len(STEPS), BORN_LEVEL / 2))
    cases = {
        "not born in the baseline": delay(flat, sigmoid(800)),
        "half born already": delay(Curve(STEPS, np.full(len(STEPS), 0.5)), sigmoid(800)),
        "arm stops before": delay(sigmoid(800), Curve(*(array[:20] for array in sigmoid(900)))),
    }
    for words, found in cases.items():
        assert np.isnan(found.steps)
        assert found.reason is not None
        assert words in found.reason


@pytest.mark.parametrize(
    "curve",
    [
        Curve(np.array([]), np.array([])),
        Curve(np.array([1, 1]), np.array([0.1, 0.2])),
        Curve(np.array([1, 2]), np.array([0.1])),
        Curve(np.array([1, 2]), np.array([0.1, np.nan])),
    ],
)
def test_broken_curves_are_refused(curve: Curve) -> None:
    with pytest.raises(ValueError, match="curve"):
        crossing(*curve, 0.1)


def test_interval_over_replicates() -> None:
    found = delay_interval([Delay(100), Delay(160, censored=True), Delay(float("nan"), reason="x"), Delay(130)])
    assert (found.mean, found.n, found.censored) == (130, 3, 1)
    assert (found.low, found.high) == (100, 160)  # of three values: their range (see Interval)
    single = delay_interval([Delay(100)])
    assert (single.mean, single.low, single.high, single.n) == (100, None, None, 1)
    none = delay_interval([])
    assert np.isnan(none.mean)
    assert (none.low, none.n) == (None, 0)


def test_bootstrap_is_the_distribution_of_all_resamples() -> None:
    values = np.array([0.1, 0.4, 0.45, 0.9, 2.0])
    every = [np.mean(sample) for sample in product(values, repeat=5)]
    found = mean_interval(values, confidence=0.8, draws=20_000)
    assert found.low == pytest.approx(np.quantile(every, 0.1), abs=0.02)
    assert found.high == pytest.approx(np.quantile(every, 0.9), abs=0.02)
    assert found == mean_interval(values, confidence=0.8, draws=20_000)
    with pytest.raises(ValueError, match="finite"):
        mean_interval(np.array([1, np.nan]))


def test_large_samples_agree_with_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(3, 2, 10_000)
    found = mean_interval(values, draws=1000)
    assert found.low == pytest.approx(values.mean() - 1.96 * 0.02, abs=0.004)
    assert found.high == pytest.approx(values.mean() + 1.96 * 0.02, abs=0.004)


def test_differences_are_paired() -> None:
    baseline = np.array([0.1, 0.5, 0.9])
    found = paired_difference(baseline, baseline - 0.05)
    assert found.mean == pytest.approx(-0.05)
    assert found.low == pytest.approx(-0.05)  # the spread between replicates is taken out
    assert found.high == pytest.approx(-0.05)
    with pytest.raises(ValueError, match="same replicates"):
        paired_difference(baseline, baseline[:2])
