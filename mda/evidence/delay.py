"""How much later, or earlier, a head is born in an arm than in its baseline.

The delay is read where the arm reaches half of the *baseline's* final score, so both runs are held against
one level. End points of single runs are mostly noise, so levels are means of the last evaluations, crossings
are those of a running mean, and the spread comes from replicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mda.evidence.intervals import Interval, mean_interval

BORN_LEVEL = 0.1
"""Final head score below which a head counts as not born. Attention that looks nowhere in particular scores a
few hundredths (its mean on one earlier position of 128 is near 0.04), born heads of the demo 0.3 to 0.97;
half of a level that is itself chance would be crossed by chance."""

_WINDOW = 3  # evaluations in a running mean and in a final level


class Curve(NamedTuple):
    """One head's score in one run: steps [E], ascending, and values [E]."""

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Delay:
    """Delay of one arm in one replicate.

    steps: optimizer steps by which the arm is later than its baseline; negative: earlier; NaN: undefined.
    censored: the arm was not seen to cross, so the delay is at least as large as told (when negative: at
    least as early). reason: why the delay is undefined, else None.
    """

    steps: float
    censored: bool = False
    reason: str | None = None


def final_level(values: np.ndarray, last: int = _WINDOW) -> float:
    """Mean of the `last` last of values [E], of all when there are fewer. Raises ValueError for none."""
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0 or last < 1:
        raise ValueError("a final level is the mean of at least one evaluation")
    return float(values[-last:].mean())


def crossing(steps: np.ndarray, values: np.ndarray, level: float) -> float:
    """Step at which the curve steps [E], values [E] first rises to `level`.

    The curve is replaced by the running means of three neighbouring evaluations (of all when there are
    fewer), each put at the mean of its steps, with straight lines between them; a single noisy evaluation is
    no crossing. Returns -inf when the first running mean is at `level` or above, and inf when none is. Raises
    ValueError for an empty curve, unequal lengths, steps that do not ascend, or values that are not finite.
    """
    places, means = _running(steps, values)
    if means[0] >= level:
        return -np.inf
    reached = np.flatnonzero(means >= level)
    if reached.size == 0:
        return np.inf
    after = reached[0]
    part = (level - means[after - 1]) / (means[after] - means[after - 1])
    return float(places[after - 1] + part * (places[after] - places[after - 1]))


def delay(baseline: Curve, arm: Curve) -> Delay:
    """Steps by which `arm` reaches half of the baseline's final level later than `baseline` does.

    Undefined, with the reason, when the baseline's final level is below BORN_LEVEL, when the baseline is at
    half of it from the first evaluations on, or when the arm stops before the baseline's crossing without one
    of its own. Censored when the arm never crosses, or has crossed by its first evaluations: then the delay
    is measured to the arm's last (first) running mean. Arms are evaluated at the baseline's steps. Raises
    ValueError as `crossing`.
    """
    final = final_level(baseline.values)
    base = crossing(*baseline, final / 2)
    if final < BORN_LEVEL:
        return _undefined(f"the head is not born in the baseline (final score {final:.2g}, below {BORN_LEVEL:g})")
    if base == -np.inf:
        return _undefined("the head is half born already when the baseline starts")
    places, _ = _running(*arm)
    reached = crossing(*arm, final / 2)
    if reached == np.inf:
        if places[-1] < base:
            return _undefined("the arm stops before the head is born in the baseline")
        return Delay(float(places[-1] - base), censored=True)
    if reached == -np.inf:
        return Delay(float(places[0] - base), censored=True)
    return Delay(reached - base)


def delay_interval(
    delays: Sequence[Delay], confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> Interval:
    """Mean delay over replicates with its bootstrap interval, in steps.

    Undefined delays are left out, and `n` counts the rest. Censored ones enter with their bound: with
    `censored` > 0 the mean is nearer to zero than the truth. No interval for a single replicate; too narrow a
    one for three (see `Interval`).
    """
    defined = [one for one in delays if one.reason is None]
    censored = sum(one.censored for one in defined)
    return mean_interval(np.array([one.steps for one in defined]), confidence, draws, seed, censored)


def paired_difference(
    baseline_finals: np.ndarray,
    arm_finals: np.ndarray,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean of arm minus baseline final level over replicates [n], paired, with its interval as
    `delay_interval`.

    Raises ValueError for unequal lengths or values that are not finite.
    """
    baseline_finals, arm_finals = np.asarray(baseline_finals), np.asarray(arm_finals)
    if baseline_finals.shape != arm_finals.shape:
        raise ValueError("paired levels come from the same replicates")
    return mean_interval(arm_finals - baseline_finals, confidence, draws, seed)


def _undefined(reason: str) -> Delay:
    return Delay(float("nan"), reason=reason)


def _running(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean step and mean value of every three neighbouring evaluations: ([E], [E]) -> ([E - 2], [E - 2])."""
    steps, values = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if steps.size == 0 or steps.shape != values.shape or steps.ndim != 1:
        raise ValueError("a curve has one value at each of its steps, at least one")
    if (np.diff(steps) <= 0).any() or not np.isfinite(values).all():
        raise ValueError("a curve has ascending steps and finite values")
    window = min(_WINDOW, len(steps))
    places, means = (
        np.lib.stride_tricks.sliding_window_view(array, window).mean(axis=1) for array in (steps, values)
    )
    return places, means
