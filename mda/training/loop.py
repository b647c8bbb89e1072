"""One pass of training over rows in their order, as a generator, so that its caller decides when to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from mda.errors import UserError
from mda.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


@dataclass(frozen=True)
class Plan:
    """Which rows each step sees, and with which weight.

    `rows` maps row numbers [n] to token ids [n, T + 1]; step s sees positions [s * batch_size, (s + 1) *
    batch_size). Position p holds row `order[p - first]` where `order` covers it, and row p elsewhere. Row r
    weighs `weights[r - first]` where that covers it, and 1 elsewhere: 0 removed, 1 + k for k extra copies.
    """

    rows: Callable[[np.ndarray], np.ndarray]
    first: int = 0
    order: np.ndarray | None = None
    weights: np.ndarray | None = None

    def batch(self, step: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers [batch_size] and their weights float32 [batch_size] at one step."""
        numbers = np.arange(step * batch_size, (step + 1) * batch_size)
        weights = np.ones(batch_size, dtype=np.float32)
        if self.order is not None:
            inside = (numbers >= self.first) & (numbers < self.first + len(self.order))
            numbers[inside] = self.order[numbers[inside] - self.first]
        if self.weights is not None:
            covered = (numbers >= self.first) & (numbers < self.first + len(self.weights))
            weights[covered] = self.weights[numbers[covered] - self.first]
        return numbers, weights


def weighted_loss(model: GPTNeoXForCausalLM, tokens: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean next-token loss in nats of token ids [B, T + 1], rows weighted [B] and divided by B.

    Dividing by B and not by the sum of weights keeps every other row's share of the update unchanged, which
    is what an influence score is a statement about.
    """
    logits = model(tokens[:, :-1], use_cache=False).logits.float()
    losses = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return (losses.view(len(tokens), -1).mean(1) * weights).mean()


def train(
    model: GPTNeoXForCausalLM,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    recipe: Recipe,
    start: int,
    stop: int,
) -> Iterator[tuple[int, float]]:
    """Train from checkpoint `start` to `stop`; yields (step, loss in nats) after every update, step = start + 1 ….

    Raises UserError, before the update, where the loss or its gradient stops being a number: going on would store
    nonsense.
    """
    device = model.device
    for step in range(start, stop):
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        numbers, weights = plan.batch(step, recipe.batch_size)
        tokens = torch.from_numpy(plan.rows(numbers).astype(np.int64)).to(device)
        loss = weighted_loss(model, tokens, torch.from_numpy(weights).to(device))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm).item()
        value = loss.item()
        if not np.isfinite(value + norm):
            raise UserError(f"Training diverged at step {step + 1} (loss {value}); use a lower learning rate.")
        optimizer.step()
        yield step + 1, value
