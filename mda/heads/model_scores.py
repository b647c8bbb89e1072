"""Model-level scores: induction loss, in-context learning score and validation loss, all in nats per token.

Logits are made in chunks: those of a row of 2048 tokens and a vocabulary of 50304 alone take 412 MB in fp32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from mda.heads.modules import hidden_states, unembedding
from mda.heads.sequences import RepeatedBatch

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

MODEL_SCORES = ("induction_loss", "icl", "validation_loss")


# Logits held at once: 2^24 in fp32 are 64 MB. Larger chunks were not faster.
CHUNK_LOGITS = 2**24


def positions_at_once(model: GPTNeoXForCausalLM) -> int:
    """Positions whose logits are made together, at least one."""
    return max(1, CHUNK_LOGITS // unembedding(model).weight.shape[0])


def losses_at(model: GPTNeoXForCausalLM, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Losses [N] in nats of the targets int64 [N] at final hidden states [N, d]; differentiable.

    Where there are several chunks, the backward pass makes the logits of each once more: autograd would keep
    those of all.
    """
    output, size = unembedding(model), positions_at_once(model)

    def losses(some: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(output(some).float(), wanted, reduction="none")

    if len(hidden) <= size:
        return losses(hidden, targets)
    pieces = zip(hidden.split(size), targets.split(size), strict=True)
    return torch.cat(
        [checkpoint(losses, *piece, use_reentrant=False, preserve_rng_state=False) for piece in pieces]
    )


@torch.no_grad()
def token_losses(model: GPTNeoXForCausalLM, rows: torch.Tensor) -> torch.Tensor:
    """Next-token losses [B, T] in nats of rows [B, T + 1]; column j is the loss of predicting token j + 1."""
    hidden = hidden_states(model, rows[:, :-1])
    return losses_at(model, hidden.flatten(0, 1), rows[:, 1:].flatten().to(model.device)).view(len(rows), -1)


def induction_loss(model: GPTNeoXForCausalLM, batches: Sequence[RepeatedBatch]) -> float:
    """Mean loss of the second copy's tokens but its first, which nothing announces."""
    total, count = 0.0, 0
    for batch in batches:
        # token t is predicted at position t - 1, whose loss is column t - 1
        losses = token_losses(model, batch.tokens)[:, batch.period + 1 :]
        total += losses.cpu().double().sum().item()  # not every device has fp64
        count += losses.numel()
    return total / count


def icl_positions(seq_len: int) -> tuple[int, int]:
    """(early, late) token positions of the ICL score: the 50th and the 500th token as Olsson et al. 2022 take
    them, or an eighth and the whole of a row too short for that."""
    return (50, 500) if seq_len >= 500 else (max(1, seq_len // 8), seq_len)


def held_out_scores(model: GPTNeoXForCausalLM, chunks: Iterator[np.ndarray]) -> dict[str, float]:
    """`validation_loss` and `icl` over chunks of held-out rows [n, T + 1].

    ICL = loss at the late position minus loss at the early one; more negative = more in-context learning. In
    rows shorter than 500 tokens both are means over eight positions that end there, because a few hundred
    held-out rows leave a single position noisy.
    """
    total: torch.Tensor | None = None
    count = 0
    for chunk in chunks:
        losses = token_losses(model, torch.from_numpy(chunk.astype(np.int64))).cpu().double().sum(0)
        total = losses if total is None else total + losses
        count += len(chunk)
    if total is None:
        return {"validation_loss": float("nan"), "icl": float("nan")}
    mean = total / count
    early, late = icl_positions(len(mean))
    width = 1 if len(mean) >= 500 else min(8, early)
    return {
        "validation_loss": mean.mean().item(),
        "icl": (mean[late - width : late].mean() - mean[early - width : early].mean()).item(),
    }
