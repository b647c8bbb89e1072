"""Synthetic sequences [start, R, R, …] of random tokens, the material of head scores and of probes.

The length of R (the period) varies between batches: with one fixed period a head that merely looks back a
fixed distance would score as an induction head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mda.errors import UserError


@dataclass(frozen=True)
class RepeatedBatch:
    """Sequences of one period p: token ids [B, 1 + kp], k copies; position t >= 1 + p repeats position t - p."""

    tokens: torch.Tensor
    period: int

    @property
    def length(self) -> int:
        """Number of positions, 1 + copies * period."""
        return self.tokens.shape[1]

    @property
    def repeats(self) -> torch.Tensor:
        """Positions of all copies of R but the first: [p] where there are two."""
        return torch.arange(1 + self.period, self.length)


def spread_periods(seq_len: int, distinct: int, count: int = 8) -> tuple[int, ...]:
    """`count` periods spread evenly between short and long, such that 1 + 2p <= seq_len and p <= distinct.

    The longest is at most 100: beyond it the scores change little and the quadratic cost of attention shows.
    """
    longest = min((seq_len - 1) // 2, distinct, 100)
    if longest < 4:
        raise UserError(
            f"Head scores need rows of at least 9 tokens and 4 ordinary token ids; this study has rows of "
            f"{seq_len} tokens and {distinct} ids."
        )
    shortest = max(4, longest // 4)
    return tuple(sorted({int(p) for p in np.linspace(shortest, longest, count).round()}))


def repeated_batches(
    ids: Sequence[int] | np.ndarray,
    start: int,
    periods: Sequence[int],
    sequences: int,
    seed: int,
    copies: int = 2,
) -> list[RepeatedBatch]:
    """`sequences` sequences of `copies` times R after the start, split as evenly as can be over `periods`; seeded.

    R is drawn from `ids` without replacement, so that every token has exactly one earlier place.
    """
    pool = np.asarray(ids)
    batches = []
    for number, period in enumerate(periods):
        count = sequences // len(periods) + (number < sequences % len(periods))
        source = np.random.default_rng([seed, period])
        drawn = [source.choice(pool, period, replace=False) for _ in range(count)]
        if count:
            once = torch.from_numpy(np.stack(drawn).astype(np.int64))
            first = torch.full((count, 1), start, dtype=torch.int64)
            batches.append(RepeatedBatch(torch.cat([first, *[once] * copies], dim=1), period))
    return batches
