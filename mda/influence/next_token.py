"""The next-token loss and its gradient at the final hidden state, in chunks of logits.

A row of 2048 tokens and a vocabulary of 50304 make 412 MB of logits in fp32, and autograd would keep several
copies. The gradient of the summed cross-entropy with respect to the hidden state has a closed form, (softmax -
one_hot) W_U, so it is made chunk by chunk in place and only the hidden state's gradient is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mda.heads.model_scores import positions_at_once
from mda.heads.modules import unembedding

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


def loss_gradient(
    model: GPTNeoXForCausalLM,
    hidden: torch.Tensor,
    targets: torch.Tensor | None = None,
    uniforms: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses [B, T] in nats and the gradient [B, T, d] of their sum at the final hidden state [B, T, d].

    Labels are the `targets` int64 [B, T], or, for the true Fisher, drawn from the model itself by the inverse
    of its cumulative distribution at `uniforms` [B, T] in [0, 1).
    """
    weight = unembedding(model).weight
    flat = hidden.detach().flatten(0, 1)
    gradient = torch.empty_like(flat)
    losses = torch.empty(len(flat), device=flat.device)
    size = positions_at_once(model)
    for start in range(0, len(flat), size):
        part = slice(start, start + size)
        logits = (flat[part] @ weight.T).float()
        normaliser = logits.logsumexp(-1, keepdim=True)
        if targets is not None:
            labels = targets.flatten()[part, None]
        else:
            assert uniforms is not None
            labels = _draw(logits, normaliser, uniforms.flatten()[part, None])
        losses[part] = (normaliser - logits.gather(-1, labels)).squeeze(-1)
        residual = logits.sub_(normaliser).exp_()
        residual.scatter_add_(-1, labels, torch.full_like(residual[:, :1], -1.0))
        gradient[part] = residual.to(weight.dtype) @ weight
    return losses.view(hidden.shape[:2]), gradient.view_as(hidden)


def _draw(logits: torch.Tensor, normaliser: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Labels [n, 1] from the softmax of logits [n, V] by inversion at uniforms [n, 1]."""
    cumulative = (logits - normaliser).exp_().cumsum_(-1)
    labels = torch.searchsorted(cumulative, uniforms * cumulative[:, -1:])
    return labels.clamp_(max=logits.shape[-1] - 1)


def row_uniforms(seed: int, rows: np.ndarray, length: int, draw: int) -> torch.Tensor:
    """Uniforms float32 [n, length] that depend on seed, row number and draw alone, so that a row's sampled
    labels are the same in any batch, order or shard."""
    return torch.from_numpy(
        np.stack([np.random.default_rng([seed, draw, int(row)]).random(length, dtype=np.float32) for row in rows])
    )
