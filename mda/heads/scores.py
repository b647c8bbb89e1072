"""Head scores: how much a head behaves like X, on sequences [start, R, R].

A[t, s] is the attention from query t to key s. A pattern score maps patterns [B, H, T, T] to a mean per head
[H] and is differentiable, so that a probe can be the very same function. Register a new one in
`PATTERN_SCORES`; tables, command line and pages pick it up from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch

from mda.heads.geometry import Geometry
from mda.heads.modules import attention, final_gain, unembedding
from mda.heads.patterns import recorded_patterns, recorded_projections
from mda.heads.sequences import RepeatedBatch

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

PatternScore = Callable[[torch.Tensor, RepeatedBatch], torch.Tensor]


def prefix_matching(patterns: torch.Tensor, batch: RepeatedBatch) -> torch.Tensor:
    """Mean A[t, s + 1], s the earlier place of token t: attention to what followed it before. [H] in [0, 1].

    Olsson et al. 2022, "In-context Learning and Induction Heads", head activation evaluators; key s + 1, and the
    sum over all earlier places where there are several, as in public implementations of it.
    """
    return _to_earlier_places(patterns, batch, 1)


def previous_token(patterns: torch.Tensor, batch: RepeatedBatch) -> torch.Tensor:
    """Mean A[t, t - 1] over t >= 1. [H] in [0, 1] (Olsson et al. 2022)."""
    return patterns.diagonal(offset=-1, dim1=-2, dim2=-1).mean(dim=(0, 2))


def duplicate_token(patterns: torch.Tensor, batch: RepeatedBatch) -> torch.Tensor:
    """Mean A[t, s], s the earlier place of token t: attention to the earlier occurrence itself. [H] in [0, 1]."""
    return _to_earlier_places(patterns, batch, 0)


def _to_earlier_places(patterns: torch.Tensor, batch: RepeatedBatch, offset: int) -> torch.Tensor:
    """Mean over repeated positions t of the sum of A[t, s + offset] over earlier places s of token t. [H]."""
    repeats = batch.repeats
    total = patterns.new_zeros(patterns.shape[:2])
    for back in range(batch.period, batch.length - 1, batch.period):
        t = repeats[repeats - back >= 1]
        total = total + patterns[:, :, t, t - back + offset].sum(-1)
    return total.mean(0) / len(repeats)


def first_token(patterns: torch.Tensor, batch: RepeatedBatch) -> torch.Tensor:
    """Mean A[t, 0] over t >= 1: the attention sink. [H] in [0, 1]."""
    return patterns[:, :, 1:, 0].mean(dim=(0, 2))


PATTERN_SCORES: dict[str, PatternScore] = {
    "prefix_matching": prefix_matching,
    "previous_token": previous_token,
    "duplicate_token": duplicate_token,
    "first_token": first_token,
}
HEAD_SCORES = (*PATTERN_SCORES, "copying")


def copying(
    model: GPTNeoXForCausalLM, projections: torch.Tensor, layer: int, batch: RepeatedBatch
) -> torch.Tensor:
    """How far a head's OV circuit raises the logit of the token it attends to. [H] in [-1, 1].

    For every position s of R (token a, value v_s of the real residual stream): the direct-path logits
    v_s W_O W_U over the tokens of R, minus their mean, negative parts cut off; the share of what is raised that
    falls on a, averaged over s, rescaled to 2 * share - 1 (Olsson et al. 2022, copying evaluator). -1: attending
    to a token never raises it; 1: it raises only that token. The final layer norm enters through its gain; its
    scale cancels in the share.
    """
    sizes = Geometry.of(model.config)
    value = projections.unflatten(-1, (sizes.heads, 3, sizes.d_head))[
        :, 1 : 1 + batch.period, :, 2
    ]  # [B, p, H, dh]
    dense = attention(model, layer).dense.weight  # [d, d]
    per_head = dense.unflatten(1, (sizes.heads, sizes.d_head))  # [d, H, dh]
    written = torch.einsum("bphk,dhk->bphd", value, per_head)  # what the head writes when it attends to s alone
    written = written - written.mean(-1, keepdim=True)
    unembedded = unembedding(model).weight[batch.tokens[:, 1 : 1 + batch.period].to(written.device)]  # [B, p, d]
    logits = torch.einsum("bshd,bad->bhsa", written * final_gain(model), unembedded)
    raised = (logits - logits.mean(-1, keepdim=True)).relu()
    own = raised.diagonal(dim1=-2, dim2=-1) / raised.sum(-1).clamp(min=1e-12)
    return 2 * own.mean(dim=(0, 2)) - 1


@torch.no_grad()
def head_scores(model: GPTNeoXForCausalLM, batches: Sequence[RepeatedBatch]) -> pd.DataFrame:
    """All scores of all heads: columns layer, head and one per name in `HEAD_SCORES`; one line a head.

    Means are over sequences: batches count by their number of sequences.
    """
    sizes = Geometry.of(model.config)
    totals = {name: torch.zeros(sizes.layers, sizes.heads, dtype=torch.float64) for name in HEAD_SCORES}
    count = 0
    for batch in batches:
        size = len(batch.tokens)
        with (
            recorded_patterns(model, range(sizes.layers)) as patterns,
            recorded_projections(model) as projected,
        ):
            model(batch.tokens.to(model.device), use_cache=False)
        for layer in range(sizes.layers):
            for name, score in PATTERN_SCORES.items():
                totals[name][layer] += size * score(patterns[layer].float(), batch).cpu().double()
            totals["copying"][layer] += size * copying(model, projected[layer], layer, batch).cpu().double()
        count += size
    heads = sizes.all_heads()
    frame = pd.DataFrame({"layer": [h.layer for h in heads], "head": [h.index for h in heads]})
    for name, total in totals.items():
        frame[name] = (total / count).flatten().numpy()
    return frame
