"""In which of two orders of rows a model was trained: two kinds of evidence, and a verdict in words.

*Ids.* Early in training an embedding row moves only once its id has been an input: until then its gradient is
zero, and weight decay only scales it. So every id in rows that were seen must have moved since step 0. The right
order has (nearly) no id that contradicts this; another order has the ids that are rare enough not to have come up
in the right one. This needs a checkpoint within the first steps, and is then decisive: nothing is estimated.

*Losses.* A model knows rows that it was trained on a little better than rows of the same text that it was not. The
effect of an order is the mean loss of rows that come just after the checkpoint minus that of rows just before it;
that of the right order is above zero, that of another is zero. Two data sets differ in difficulty, so what counts
is the effect of one order against that of the other, and not their losses at the same positions, which are told
too. Losses are best given as changes since an earlier checkpoint that has seen none of the rows: rows differ far
more from each other in loss than in change.

Power of the losses: with n rows a cell and a spread s between rows, effects below about 3.6 s / sqrt(n) are not
seen, and the difference of two effects not below 5.2 s / sqrt(n) (99 % intervals). Measured on the built-in demo
(32 rows a step, steps 200 to 1600, the 16 steps before a checkpoint): effects of .05 to .16 nats, a spread of .7
to .8 for losses and of .08 to .28 for changes over 100 steps, so that 60 to 180 rows a cell suffice with
changes. A row's share of Pythia's steps of 1024 rows is 32 times smaller, and so, roughly, must be the effect:
expect "cannot be told" there from the losses alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mda.evidence.intervals import Interval

Verdict = Literal["this", "other", "unknown"]

CONFIDENCE = 0.99  # a wrong "other" would be said aloud, so the usual 95 % will not do
UNMOVED = 1e-6  # of a row's length: rounding in fp32 leaves less, the smallest step of fp16 more
FEWEST = 20  # ids that must contradict an order before the other is believed
RATIO = 10  # and so many times more of them than contradict the other

_DRAWS = 4000
_DRAWN_AT_ONCE = 2**20  # values: bounds memory


@dataclass(frozen=True)
class IdEvidence:
    """Ids that rows seen according to an order hold, and how many of those never moved; for both orders."""

    this_ids: int
    this_unmoved: int
    other_ids: int
    other_unmoved: int

    @property
    def verdict(self) -> Verdict:
        return _by_size(self.other_unmoved, self.this_unmoved)


def _by_size(against_other: int, against_this: int) -> Verdict:
    if against_other >= max(FEWEST, RATIO * against_this):
        return "this"
    return "other" if against_this >= max(FEWEST, RATIO * against_other) else "unknown"


def never_moved(first: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Which embedding rows are what they were but for their length: bool [V], of weights [V, d] at two steps."""
    first, later = np.asarray(first, dtype=np.float64), np.asarray(later, dtype=np.float64)
    squares = np.maximum((first**2).sum(1, keepdims=True), np.finfo(np.float64).tiny)
    scale = (later * first).sum(1, keepdims=True) / squares
    return np.linalg.norm(later - scale * first, axis=1) <= UNMOVED * np.sqrt(squares[:, 0])


def weigh_ids(unmoved: np.ndarray, this: np.ndarray, other: np.ndarray) -> IdEvidence:
    """`unmoved` bool [V] of `never_moved`; `this` and `other`: rows [n, T + 1] that each order says were seen."""
    # the last id of a row is only ever a target, and does not move
    here, there = np.unique(this[:, :-1]), np.unique(other[:, :-1])
    return IdEvidence(len(here), int(unmoved[here].sum()), len(there), int(unmoved[there].sum()))


@dataclass(frozen=True)
class LossEvidence:
    """Differences of mean losses (or of their changes) in nats per token, with bootstrap intervals at
    `CONFIDENCE`.

    this, other: effect of each order, its unseen rows minus its seen ones. difference: this minus other.
    same_positions: seen rows of this order minus the rows at their positions in the other.
    """

    this: Interval
    other: Interval
    difference: Interval
    same_positions: Interval

    @property
    def verdict(self) -> Verdict:
        if _above(self.difference.low) and _above(self.this.low):
            return "this"
        below = self.difference.high is not None and self.difference.high < 0
        return "other" if below and _above(self.other.low) else "unknown"


def _above(low: float | None) -> bool:
    return low is not None and low > 0


def weigh_losses(
    seen: np.ndarray, unseen: np.ndarray, other_seen: np.ndarray, other_unseen: np.ndarray, seed: int = 0
) -> LossEvidence:
    """Each [n] holds one value a row: its mean loss, or the change of it since before any of them was seen.

    Rows are resampled within each of the four groups (percentile method, seeded). Raises ValueError for values
    that are not finite.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in (seen, unseen, other_seen, other_unseen)]
    if not all(np.isfinite(group).all() for group in groups):
        raise ValueError("losses are finite")
    rng = np.random.default_rng(seed)
    mine, rest, others, others_rest = (_means(group, rng) for group in groups)
    fewest = min(map(len, groups))
    return LossEvidence(
        this=_interval(rest - mine, fewest),
        other=_interval(others_rest - others, fewest),
        difference=_interval((rest - mine) - (others_rest - others), fewest),
        same_positions=_interval(mine - others, fewest),
    )


def _means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mean, followed by the means of `_DRAWS` resamples."""
    n = len(values)
    at_once = max(1, _DRAWN_AT_ONCE // n)
    drawn = [
        values[rng.integers(0, n, (min(at_once, _DRAWS - start), n))].mean(axis=1)
        for start in range(0, _DRAWS, at_once)
    ]
    return np.concatenate([[values.mean()], *drawn])


def _interval(values: np.ndarray, n: int) -> Interval:
    """Of a value followed by its resamples; no interval where a group has fewer than two rows."""
    if n < 2:
        return Interval(float(values[0]), None, None, n)
    low, high = np.quantile(values[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(values[0]), float(low), float(high), n)


def decide(ids: IdEvidence | None, losses: LossEvidence | None) -> Verdict:
    """What both kinds of evidence say together: nothing where they contradict each other."""
    told = {one.verdict for one in (ids, losses) if one is not None} - {"unknown"}
    return told.pop() if len(told) == 1 else "unknown"


def verdict_words(
    verdict: Verdict,
    ids: IdEvidence | None,
    losses: LossEvidence | None,
    names: tuple[str, str],
    steps: tuple[int | None, int | None],
) -> str:
    """The verdict and its numbers in plain words.

    names: the data sets of this order and of the other. steps: where the ids and the losses were looked at.
    """
    this, other = names
    told = {
        "this": f"The data fit this order: the model was trained on the rows of {this} as they come.",
        "other": f"The data fit the other order: the model was trained on the rows of {other}, not of {this}.",
        "unknown": f"It cannot be told whether the model was trained in the order of {this} or of {other}.",
    }[verdict]
    if ids is not None:
        told += (
            f" Until step {steps[0]}, of {ids.this_ids:,} ids in rows that this order says were seen, "
            f"{ids.this_unmoved:,} never moved; in the other order {ids.other_unmoved:,} of {ids.other_ids:,}."
        )
    if losses is not None:
        told += (
            f" At step {steps[1]}, rows that come just after it cost {_nats(losses.this)} nats per token more "
            f"than rows just before it; in the other order {_nats(losses.other)}."
        )
    return told


def _nats(interval: Interval) -> str:
    mean, low, high = (
        None if value is None else f"{round(value, 4) + 0.0:.4f}"  # and no minus before zero
        for value in (interval.mean, interval.low, interval.high)
    )
    return f"{mean}" if low is None else f"{mean} ({low} to {high})"
