"""An attribution at one step: from a model, a probe and rows to directions that score rows.

Two choices are kept apart: whose behaviour the probe measures (`heads`) and through whose parameters influence
runs (`through`). With the same heads on both sides every head gets its own probe and its own column; otherwise
the probe is the sum over `heads` and every head of `through` gets a column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mda.curvature.registry import find_curvature
from mda.heads.blocks import Block, blocks_of
from mda.heads.geometry import Head
from mda.heads.sequences import RepeatedBatch
from mda.influence.directions import (
    Directions,
    RowChunks,
    fit_together,
    mean_of,
    probe_gradients,
    solved,
)
from mda.probes.probes import find_probe

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

State = Mapping[str, torch.Tensor]

_HALVES = ("first/", "second/")
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
    begun: State | None = None,
    keep: Callable[[Callable[[], State]], None] = lambda state: None,
) -> Answer:
    """Directions for a question at the model's step. `fit_rows()` iterates over the rows of the curvature fit;
    `timed("probe")` and `timed("fit")` enclose their part of the work.

    Now and then `keep` is offered the state so far; given as `begun`, the same question is taken up from there.
    """
    if begun is None:
        with timed("probe"):
            begun = _probed(model, question, sequences)
        probed = begun
        keep(lambda: probed)
    value = float(begun["probe_value"])
    first, second = (
        {Block.parse(name): gradient for name, gradient in _under(begun, half).items()} for half in _HALVES
    )
    if not first:
        return Answer({}, ({}, {}), {}, value)
    kind = find_curvature(question.curvature)
    seeds = [question.seed, question.seed + OTHER_LABELS][: 2 if kind.passes else 1]
    fits = {f"fit{seed}/": kind(list(first)) for seed in seeds}
    for name, fit in fits.items():
        if f"{name}counts" in begun:
            fit.restore(_under(begun, name))

    def state(number: int, rows: int) -> State:
        sums = {name + key: value for name, fit in fits.items() for key, value in fit.state().items()}
        return {**begun, **sums, "done": torch.tensor([number, rows])}

    with timed("fit"):
        fit_together(
            model,
            list(fits.values()),
            seeds,
            fit_rows,
            advance,
            done_of(begun),
            lambda number, rows: keep(lambda: state(number, rows)),
        )
    fitted, *others = fits.values()
    halves = solved(fitted, first), solved(fitted, second)
    main = mean_of(*halves)
    return Answer(main, halves, solved(others[0], mean_of(first, second)) if others else main, value)


def done_of(state: State) -> tuple[int, int]:
    """The pass of the fit that a state was taken in, and how many of its rows had passed."""
    number, rows = state["done"].tolist()
    return number, rows


def _probed(model: GPTNeoXForCausalLM, question: Question, sequences: Sequence[RepeatedBatch]) -> State:
    *halves, value = probe_gradients(
        model, find_probe(question.probe), sequences, question.heads, question.carriers(), question.own
    )
    gradients = {
        f"{name}{block}": gradient
        for name, half in zip(_HALVES, halves, strict=True)
        for block, gradient in half.items()
    }
    return {"done": torch.tensor([0, 0]), "probe_value": torch.tensor(value, dtype=torch.float64), **gradients}


def _under(state: State, prefix: str) -> dict[str, torch.Tensor]:
    """The tensors of a state whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def fit_sample(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A seeded random subset [min(count, N)] of row numbers for the curvature fit, sorted."""
    source = np.random.default_rng([seed, 1])
    return np.sort(source.choice(rows, min(count, len(rows)), replace=False))
