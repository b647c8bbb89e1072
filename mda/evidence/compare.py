"""Arms against their baselines, replicate by replicate: delays and final levels of the heads that are born."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mda.evidence.delay import BORN_LEVEL, Curve, delay, delay_interval, final_level, paired_difference

COMPARED_SCORES = ("prefix_matching", "previous_token")


@dataclass(frozen=True)
class Arm:
    """One run: what it did (equal for its replicates), its replicate, and its curves (step, head, scores)."""

    label: str
    replicate: int
    metrics: pd.DataFrame

    def curve(self, heads: Sequence[str], score: str) -> Curve:
        """The score over steps, averaged over heads."""
        chosen = self.metrics[self.metrics["head"].isin(list(heads))]
        mean = chosen.groupby("step")[score].mean()
        return Curve(mean.index.to_numpy(), mean.to_numpy())


def born_heads(baselines: Sequence[Arm], score: str) -> list[str]:
    """Heads whose final level of a score, averaged over baseline replicates, reaches BORN_LEVEL."""
    heads = sorted(baselines[0].metrics["head"].unique())
    levels = {head: np.mean([final_level(arm.curve([head], score).values) for arm in baselines]) for head in heads}
    return [head for head in heads if levels[head] >= BORN_LEVEL]


def compare_arms(baselines: Sequence[Arm], arms: Sequence[Arm]) -> pd.DataFrame:
    """One line per label, score and born head (and their mean, where several are born).

    Columns: arm, score, head, baseline, final (mean final levels), change, change_low, change_high (arm minus
    baseline, paired), delay, delay_low, delay_high (steps; positive: later), replicates, censored, note.
    Raises ValueError where an arm has no baseline of its replicate.
    """
    of = {arm.replicate: arm for arm in baselines}
    if any(arm.replicate not in of for arm in arms):
        raise ValueError("every arm needs a baseline of the same replicate")
    lines = []
    for score in COMPARED_SCORES:
        born = born_heads(baselines, score)
        groups = [[head] for head in born] + ([born] if len(born) > 1 else [])
        for label in dict.fromkeys(arm.label for arm in arms):
            runs = [arm for arm in arms if arm.label == label]
            for heads in groups:
                pairs = [(of[run.replicate].curve(heads, score), run.curve(heads, score)) for run in runs]
                lines.append({"arm": label, "score": score, "head": " + ".join(heads), **_line(pairs)})
    return pd.DataFrame(lines)


def _line(pairs: Sequence[tuple[Curve, Curve]]) -> dict[str, float | int | str | None]:
    before = np.array([final_level(baseline.values) for baseline, _ in pairs])
    after = np.array([final_level(arm.values) for _, arm in pairs])
    change = paired_difference(before, after)
    delays = [delay(baseline, arm) for baseline, arm in pairs]
    later = delay_interval(delays)
    reasons = sorted({one.reason for one in delays if one.reason})
    return {
        "baseline": float(before.mean()),
        "final": float(after.mean()),
        "change": change.mean,
        "change_low": change.low,
        "change_high": change.high,
        "delay": later.mean,
        "delay_low": later.low,
        "delay_high": later.high,
        "replicates": len(pairs),
        "censored": later.censored,
        "note": "; ".join(reasons),
    }
