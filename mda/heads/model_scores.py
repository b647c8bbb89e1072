"""Model-level scores: induction loss, in-context learning score and validation loss, all in nats per token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from mda.heads.sequences import RepeatedBatch

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

MODEL_SCORES = ("induction_loss", "icl", "validation_loss")


@torch.no_grad()
def token_losses(model: GPTNeoXForCausalLM, rows: torch.Tensor) -> torch.Tensor:
    """Next-token losses [B, T] in nats of rows [B, T + 1]; column j is the loss of predicting token j + 1."""
    logits = model(rows[:, :-1].to(model.device), use_cache=False).logits
    losses = F.cross_entropy(
        logits.flatten(0, 1).float(), rows[:, 1:].flatten().to(model.device), reduction="none"
    )
    return losses.view(len(rows), -1)


def induction_loss(model: GPTNeoXForCausalLM, batches: Sequence[RepeatedBatch]) -> float:
    """Mean loss of the second copy's tokens but its first, which nothing announces."""
    total, count = 0.0, 0
    for batch in batches:
        # token t is predicted at position t - 1, whose loss is column t - 1
        losses = token_losses(model, batch.tokens)[:, batch.period + 1 :]
        total += losses.double().sum().item()
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
        losses = token_losses(model, torch.from_numpy(chunk.astype(np.int64))).double().sum(0).cpu()
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
