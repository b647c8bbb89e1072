"""Arms against their baselines, replicate by replicate: delays and final levels of the heads that are born."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mda.evidence.delay import (
    BORN_LEVEL,
    Curve,
    Delay,
    delay,
    delay_interval,
    final_level,
    paired_difference,
)

COMPARED_SCORES = ("prefix_matching", "previous_token")

_RUN_COLUMNS = ("score", "head", "arm", "replicate", "baseline", "final", "delay", "censored", "note")


@dataclass(frozen=True)
class Arm:
    """One run: what it did (equal for its replicates), its replicate, and its curves (step, head, scores)."""

    label: str
    replicate: int
    metrics: pd.DataFrame
    _tables: dict[str, pd.DataFrame] = field(init=False, repr=False, compare=False, default_factory=dict)

    def table(self, score: str) -> pd.DataFrame:
        """The score, steps by heads."""
        if score not in self._tables:
            self._tables[score] = self.metrics.pivot(index="step", columns="head", values=score)
        return self._tables[score]

    def curve(self, heads: Sequence[str], score: str) -> Curve:
        """The score over steps, averaged over heads."""
        mean = self.table(score)[list(heads)].mean(axis=1)
        return Curve(mean.index.to_numpy(), mean.to_numpy())


def born_heads(baselines: Sequence[Arm], score: str) -> list[str]:
    """Heads whose final level of a score, averaged over baseline replicates, reaches BORN_LEVEL."""
    heads = sorted(baselines[0].metrics["head"].unique())
    levels = {head: np.mean([final_level(arm.curve([head], score).values) for arm in baselines]) for head in heads}
    return [head for head in heads if levels[head] >= BORN_LEVEL]


def compare_runs(baselines: Sequence[Arm], arms: Sequence[Arm]) -> pd.DataFrame:
    """One line per score, born heads and run: first the mean of all heads born into the score, then each alone.

    Columns: score, head (`L1H0 + L1H2` for a mean), arm, replicate, baseline, final (levels), delay (steps,
    positive: later; NaN where undefined), censored, note (why it is undefined, else empty). Within a score and
    head the arms keep their order. Raises ValueError where an arm has no baseline of its replicate.
    """
    of = {arm.replicate: arm for arm in baselines}
    if any(arm.replicate not in of for arm in arms):
        raise ValueError("every arm needs a baseline of the same replicate")
    lines = []
    for score, heads in _groups(baselines):
        for run in sorted(arms, key=lambda run: _first(arms, run.label)):
            before, after = of[run.replicate].curve(heads, score), run.curve(heads, score)
            found = delay(before, after)
            levels = final_level(before.values), final_level(after.values)
            told = (found.steps, found.censored, found.reason or "")
            lines.append((score, " + ".join(heads), run.label, run.replicate, *levels, *told))
    return pd.DataFrame(lines, columns=list(_RUN_COLUMNS))


def compare_arms(baselines: Sequence[Arm], arms: Sequence[Arm]) -> pd.DataFrame:
    """`summarise` of `compare_runs`."""
    return summarise(compare_runs(baselines, arms))


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """One line per score, heads and arm, with intervals over the replicates; `runs` as of `compare_runs`.

    Columns: arm, score, head, baseline, final (mean final levels), change, change_low, change_high (arm minus
    baseline, paired), delay, delay_low, delay_high (steps; positive: later), replicates, censored, note. Their
    order is that of `runs`.
    """
    lines = []
    for (score, head, arm), group in runs.groupby(["score", "head", "arm"], sort=False):
        change = paired_difference(group["baseline"].to_numpy(), group["final"].to_numpy())
        found = zip(group["delay"], group["censored"], group["note"], strict=True)
        later = delay_interval([Delay(steps, censored, note or None) for steps, censored, note in found])
        lines.append(
            {
                "arm": arm,
                "score": score,
                "head": head,
                "baseline": float(group["baseline"].mean()),
                "final": float(group["final"].mean()),
                "change": change.mean,
                "change_low": change.low,
                "change_high": change.high,
                "delay": later.mean,
                "delay_low": later.low,
                "delay_high": later.high,
                "replicates": len(group),
                "censored": later.censored,
                "note": "; ".join(sorted({note for note in group["note"] if note})),
            }
        )
    return pd.DataFrame(lines)


def _groups(baselines: Sequence[Arm]) -> Iterator[tuple[str, list[str]]]:
    """Score and heads: all that are born into it together, then each alone."""
    for score in COMPARED_SCORES:
        born = born_heads(baselines, score)
        if len(born) > 1:
            yield score, born
        for head in born:
            yield score, [head]


def _first(arms: Sequence[Arm], label: str) -> int:
    """Where a label comes first."""
    return next(place for place, arm in enumerate(arms) if arm.label == label)
