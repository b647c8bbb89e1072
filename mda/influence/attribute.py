"""An attribution at one step: from a model, a probe and rows to directions that score rows.

Two choices are kept apart: whose behaviour the probe measures (`heads`) and through whose parameters influence
runs (`through`). With the same heads on both sides every head gets its own probe and its own column; otherwise
the probe is the sum over `heads` and every head of `through` gets a column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mda.curvature.registry import find_curvature
from mda.heads.blocks import Block, blocks_of
from mda.heads.geometry import Head
from mda.heads.sequences import RepeatedBatch
from mda.influence.directions import (
    Directions,
    RowChunks,
    fit_curvature,
    mean_of,
    probe_gradients,
    solved,
)
from mda.probes.probes import find_probe

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

# The second fit, for reliability alone, draws its labels from another seed.
OTHER_LABELS = 1_000_003


@dataclass(frozen=True)
class Question:
    """What an attribution asks: probe, heads measured, heads that carry it, blocks, curvature and label seed."""

    probe: str
    heads: tuple[Head, ...]
    through: tuple[Head, ...]
    blocks: str
    curvature: str
    seed: int

    @property
    def own(self) -> bool:
        """Whether every head is asked about itself."""
        return self.heads == self.through

    def carriers(self) -> list[Block]:
        """The blocks that may carry influence."""
        return blocks_of(self.through, self.blocks)


@dataclass(frozen=True)
class Answer:
    """Directions of one step: the main ones, and three more that only measure reliability.

    `probe_halves` come from each half of the probe's sequences, `other_labels` from a curvature fitted on other
    sampled labels (equal to `main` where the curvature samples none). `probe_value` is f at this step.
    """

    main: Directions
    probe_halves: tuple[Directions, Directions]
    other_labels: Directions
    probe_value: float


def answer(
    model: GPTNeoXForCausalLM,
    question: Question,
    sequences: Sequence[RepeatedBatch],
    fit_rows: RowChunks,
    advance: Callable[[int], None] = lambda rows: None,
    timed: Callable[[str], AbstractContextManager[None]] = lambda part: nullcontext(),
) -> Answer:
    """Directions for a question at the model's step. `fit_rows()` iterates over the rows of the curvature fit;
    `timed("probe")` and `timed("fit")`, twice, enclose their part of the work."""
    with timed("probe"):
        first, second, value = probe_gradients(
            model, find_probe(question.probe), sequences, question.heads, question.carriers(), question.own
        )
    if not first:
        return Answer({}, ({}, {}), {}, value)
    kind = find_curvature(question.curvature)
    with timed("fit"):
        curvature = fit_curvature(model, kind(list(first)), fit_rows, question.seed, advance)
    halves = solved(curvature, first), solved(curvature, second)
    main = mean_of(*halves)
    if kind.passes == 0:
        return Answer(main, halves, main, value)
    with timed("fit"):
        other = fit_curvature(model, kind(list(first)), fit_rows, question.seed + OTHER_LABELS, advance)
    return Answer(main, halves, solved(other, mean_of(first, second)), value)


def fit_sample(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A seeded random subset [min(count, N)] of row numbers for the curvature fit, sorted."""
    source = np.random.default_rng([seed, 1])
    return np.sort(source.choice(rows, min(count, len(rows)), replace=False))
