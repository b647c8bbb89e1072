"""The next-token loss and its gradient at the final hidden state, in chunks of logits.

A row of 2048 tokens and a vocabulary of 50304 make 412 MB of logits in fp32, and autograd would keep several
copies. The gradient of the summed cross-entropy with respect to the hidden state has a closed form, (softmax -
one_hot) W_U, so it is made chunk by chunk in place and only the hidden state's gradient is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from mda.heads.model_scores import positions_at_once
from mda.heads.modules import unembedding

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


def loss_gradient(
    model: GPTNeoXForCausalLM, hidden: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses [B, T] in nats of the targets int64 [B, T], and the gradient [B, T, d] of their sum at the final
    hidden state [B, T, d]."""
    weight = unembedding(model).weight
    flat, wanted = hidden.detach().flatten(0, 1), targets.flatten()
    gradient = torch.empty_like(flat)
    losses = torch.empty(len(flat), device=flat.device)
    size = positions_at_once(model)
    for start in range(0, len(flat), size):
        part = slice(start, start + size)
        labels = wanted[part, None]
        logits = (flat[part] @ weight.T).float()
        normaliser = logits.logsumexp(-1, keepdim=True)
        losses[part] = (normaliser - logits.gather(-1, labels)).squeeze(-1)
        residual = logits.sub_(normaliser).exp_()
        residual.scatter_add_(-1, labels, torch.full_like(residual[:, :1], -1.0))
        gradient[part] = residual.to(weight.dtype) @ weight
    return losses.view(hidden.shape[:2]), gradient.view_as(hidden)


def drawn_gradients(
    model: GPTNeoXForCausalLM, hidden: torch.Tensor, uniforms: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Labels int64 [B, T] drawn from the model itself, for the true Fisher, and the gradients [B, T, d] of their
    summed loss at the final hidden state [B, T, d]: one of both for each of the uniforms [B, T] in [0, 1).

    A label is the inverse of the model's cumulative distribution at its uniform. All share the logits, and with
    E = softmax W_U every gradient is E minus the label's row of W_U.
    """
    weight = unembedding(model).weight
    flat = hidden.detach().flatten(0, 1)
    labels = [torch.empty(len(flat), dtype=torch.int64, device=flat.device) for _ in uniforms]
    gradients = [torch.empty_like(flat) for _ in uniforms]
    size = positions_at_once(model)
    for start in range(0, len(flat), size):
        part = slice(start, start + size)
        chances = (flat[part] @ weight.T).float().softmax(-1)
        expected = chances.to(weight.dtype) @ weight
        cumulative = chances.cumsum_(-1)
        for drawn, gradient, uniform in zip(labels, gradients, uniforms, strict=True):
            drawn[part] = _inverse(cumulative, uniform.flatten()[part])
            gradient[part] = expected - weight[drawn[part]]
    return [drawn.view(hidden.shape[:2]) for drawn in labels], [one.view_as(hidden) for one in gradients]


def _inverse(cumulative: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Labels [n] at uniforms [n] of cumulative distributions [n, V], whose last value is 1 up to rounding."""
    labels = torch.searchsorted(cumulative, uniforms[:, None] * cumulative[:, -1:])
    return labels.clamp_(max=cumulative.shape[-1] - 1).squeeze(-1)


def row_uniforms(seed: int, rows: np.ndarray, length: int, draw: int) -> torch.Tensor:
    """Uniforms float32 [n, length] that depend on seed, row number and draw alone, so that a row's sampled
    labels are the same in any batch, order or shard."""
    return torch.from_numpy(
        np.stack([np.random.default_rng([seed, draw, int(row)]).random(length, dtype=np.float32) for row in rows])
    )
