"""Directions: what a row's gradient is compared with, P = (H + damping)^-1 grad f, one matrix a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from mda.curvature.base import Curvature
from mda.heads.blocks import Block, block_shape
from mda.heads.geometry import Geometry, Head, by_layer
from mda.heads.modules import hidden_states
from mda.heads.sequences import RepeatedBatch
from mda.influence.at_once import rows_at_once
from mda.influence.capture import Capture, block_gradient
from mda.influence.next_token import drawn_gradients, row_uniforms
from mda.probes.probes import Probe

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

Directions = Mapping[Block, torch.Tensor]
RowChunks = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]

# Sequences of a probe that run at once, where memory allows as many.
PROBE_BATCH = 32


def probe_gradients(
    model: GPTNeoXForCausalLM,
    probe: Probe,
    batches: Sequence[RepeatedBatch],
    heads: Sequence[Head],
    blocks: Sequence[Block],
    own: bool,
) -> tuple[dict[Block, torch.Tensor], dict[Block, torch.Tensor], float]:
    """Gradients of the probe on each half of its sequences, and its value (mean over sequences and heads).

    With `own`, every block's gradient is that of its own head's probe; otherwise of the sum over `heads`.
    The whole probe's gradient is the mean of the two halves. Blocks [inputs, outputs] that the probe cannot
    depend on are left out: they would carry zeros through everything that follows.

    One backward pass a layer serves all its heads: a head's attention depends on no other head of its layer,
    so the gradient of their sum with respect to a head's own blocks is the gradient of its own probe.
    """
    sizes = Geometry.of(model.config)
    halves = [{b: torch.zeros(block_shape(b, sizes)) for b in blocks} for _ in range(2)]
    counts = [sum(len(half.tokens) for half in side) for side in zip(*map(_halved, batches), strict=True)]
    total = 0.0
    for target, mine in probe_targets(probe, heads, blocks, own):
        with Capture(model, mine) as capture:
            for batch in batches:
                for side, half in enumerate(_halved(batch)):
                    for piece in probe_pieces(model, half):
                        value, gradients = piece_gradients(capture, probe, piece, target, mine)
                        weight = len(piece.tokens) / counts[side]
                        total += value * weight / 2
                        for block, gradient in gradients.items():
                            halves[side][block] += weight * gradient
    alive = [block for block in blocks if halves[0][block].any() or halves[1][block].any()]
    measured = len(heads) if probe.of_head else 1
    return {b: halves[0][b] for b in alive}, {b: halves[1][b] for b in alive}, total / measured


def probe_targets(
    probe: Probe, heads: Sequence[Head], blocks: Sequence[Block], own: bool
) -> list[tuple[list[Head], list[Block]]]:
    """The heads that are probed together, and the blocks that a gradient is taken for, one pair a pass."""
    if not (own and probe.of_head):
        return [(list(heads), list(blocks))]
    return [(target, [b for b in blocks if b.head in target]) for target in by_layer(heads).values()]


def piece_gradients(
    capture: Capture, probe: Probe, piece: RepeatedBatch, heads: Sequence[Head], blocks: Sequence[Block]
) -> tuple[float, dict[Block, torch.Tensor]]:
    """The probe's value on a piece of a batch, and its gradients on the CPU."""
    value = probe.value(capture.model, piece, heads)
    sides = capture.sides(value)
    return value.item(), {block: block_gradient(block, sides).cpu() for block in blocks}


def _halved(batch: RepeatedBatch) -> tuple[RepeatedBatch, RepeatedBatch]:
    middle = len(batch.tokens) // 2
    return (
        RepeatedBatch(batch.tokens[:middle], batch.period),
        RepeatedBatch(batch.tokens[middle:], batch.period),
    )


def probe_pieces(model: GPTNeoXForCausalLM, batch: RepeatedBatch) -> list[RepeatedBatch]:
    """The batch in pieces that run at once; attention patterns are kept, [B, H, T, T] a layer."""
    size = min(PROBE_BATCH, rows_at_once(model.config, batch.length, model.device.type, patterns=True))
    return [RepeatedBatch(tokens, batch.period) for tokens in batch.tokens.split(size)]


def fit_curvature(
    model: GPTNeoXForCausalLM,
    curvature: Curvature,
    chunks: RowChunks,
    seed: int,
    advance: Callable[[int], None] = lambda rows: None,
) -> Curvature:
    """Fit a curvature on rows with labels sampled from the model (true Fisher), seeded per row and pass.

    `chunks()` starts an iteration over (row numbers [B], token ids [B, T + 1]); `advance` is told the rows done.
    """
    fit_together(model, [curvature], [seed], chunks, advance)
    return curvature


def fit_together(
    model: GPTNeoXForCausalLM,
    curvatures: Sequence[Curvature],
    seeds: Sequence[int],
    chunks: RowChunks,
    advance: Callable[[int], None] = lambda rows: None,
    done: tuple[int, int] = (0, 0),
    keep: Callable[[int, int], None] = lambda number, rows: None,
) -> None:
    """Fit curvatures of one kind and the same blocks on the same rows, each with labels of its own seed, in one
    forward pass a row.

    `keep(number, rows)` is called after every chunk with the pass and its rows so far; where the curvatures were
    restored to what they were then, `done` goes on from there.
    """
    for number in range(done[0]):
        for curvature in curvatures:
            curvature.end_pass(number)
    with Capture(model, curvatures[0].blocks) as capture:
        for number in range(done[0], curvatures[0].passes):
            skip, seen = done[1] if number == done[0] else 0, 0
            for rows, tokens in chunks():
                seen += len(rows)
                if seen > skip:
                    observe_rows(capture, curvatures, seeds, number, rows, tokens)
                    advance(len(rows))
                    keep(number, seen)
            for curvature in curvatures:
                curvature.end_pass(number)


def observe_rows(
    capture: Capture,
    curvatures: Sequence[Curvature],
    seeds: Sequence[int],
    number: int,
    rows: np.ndarray,
    tokens: np.ndarray,
) -> None:
    """Let curvatures take in rows [B] with token ids [B, T + 1] in pass `number`."""
    model = capture.model
    hidden = hidden_states(model, torch.from_numpy(tokens[:, :-1].astype(np.int64)))
    uniforms = [row_uniforms(seed, rows, hidden.shape[1], number).to(model.device) for seed in seeds]
    _, gradients = drawn_gradients(model, hidden, uniforms)
    for curvature, gradient in zip(curvatures, gradients, strict=True):
        curvature.observe(number, capture.sides(hidden, gradient, keep=curvature is not curvatures[-1]))


def solved(curvature: Curvature, gradients: Directions) -> dict[Block, torch.Tensor]:
    """(H + damping)^-1 applied to every block's gradient."""
    return {block: curvature.solve(block, gradient) for block, gradient in gradients.items()}


def mean_of(first: Directions, second: Directions) -> dict[Block, torch.Tensor]:
    """The mean of two sets of directions over the same blocks."""
    return {block: (first[block] + second[block]) / 2 for block in first}
