"""The loss of a training step: rows weighted one by one, and logits in chunks where a vocabulary is large.

A row of 2048 tokens and a vocabulary of 50304 make 412 MB of logits in fp32, and autograd would keep several
copies. The gradients of the summed cross-entropy have a closed form (softmax - one_hot, times what it meets), so
they are made chunk by chunk on the way forward and the logits never lie in memory together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F

from mda.heads.model_scores import positions_at_once
from mda.heads.modules import hidden_states, unembedding

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


def weighted_loss(
    model: GPTNeoXForCausalLM, tokens: torch.Tensor, weights: torch.Tensor, of: int | None = None
) -> torch.Tensor:
    """Mean next-token loss in nats of token ids [B, T + 1], rows weighted [B] and divided by B, or by the `of`
    rows of the step that these are a part of.

    Dividing by B and not by the sum of weights keeps every other row's share of the update unchanged, which
    is what an influence score is a statement about.
    """
    hidden, output, targets = hidden_states(model, tokens[:, :-1]), unembedding(model), tokens[:, 1:]
    count, size = of or len(tokens), positions_at_once(model)
    if targets.numel() <= size:
        losses = F.cross_entropy(output(hidden).float().flatten(0, 1), targets.flatten(), reduction="none")
        return (losses.view_as(targets).mean(1) * weights).sum() / count
    shares = (weights / (count * targets.shape[1]))[:, None].expand_as(targets)
    total = _Chunked.apply(hidden.flatten(0, 1), output.weight, targets.flatten(), shares.flatten(), size)
    return cast(torch.Tensor, total)


class _Chunked(torch.autograd.Function):
    """Sum of next-token losses, each times its share: of hidden states [n, d] and an unembedding [V, d], both
    fp32, with targets int64 [n] and shares [n]."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        shares: torch.Tensor,
        size: int,
    ) -> torch.Tensor:
        by_hidden, by_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        total = hidden.new_zeros(())
        for start in range(0, len(hidden), size):
            part = slice(start, start + size)
            labels, share = targets[part, None], shares[part, None]
            logits = hidden[part] @ weight.T
            normaliser = logits.logsumexp(-1, keepdim=True)
            total += ((normaliser - logits.gather(-1, labels)) * share).sum()
            residual = logits.sub_(normaliser).exp_()
            residual.scatter_add_(-1, labels, torch.full_like(share, -1.0))
            residual.mul_(share)
            by_hidden[part] = residual @ weight
            by_weight.addmm_(residual.T, hidden[part])
        ctx.save_for_backward(by_hidden, by_weight)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None, None]:
        by_hidden, by_weight = ctx.saved_tensors
        return by_hidden * gradient, by_weight * gradient, None, None, None
