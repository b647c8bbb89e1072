"""One pass of training over rows in their order, as a generator, so that its caller decides when to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mda.errors import UserError
from mda.training.loss import weighted_loss
from mda.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


@dataclass(frozen=True)
class Plan:
    """Which rows each step sees, and with which weight.

    `rows` maps row numbers [n] to token ids [n, T + 1]. Of the rows of a step the first `per_step` are used (None:
    all), and places count the used rows: place p of a study with B rows a step is row p // per_step * B + p %
    per_step, which is row p itself where all are used. Step s sees places [s * per_step, (s + 1) * per_step).
    Where `order` covers place p, the row of place `order[p - first]` is shown there. The row of place p weighs
    `weights[p - first]` where that covers it, wherever it is shown, and 1 elsewhere: 0 removed, 1 + k for k extra
    copies. `at_once` rows go through the model together (None: a whole step); their gradients add up.
    """

    rows: Callable[[np.ndarray], np.ndarray]
    first: int = 0
    order: np.ndarray | None = None
    weights: np.ndarray | None = None
    per_step: int | None = None
    at_once: int | None = None

    def batch(self, step: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers [n] and their weights float32 [n] at one step of a study with so many rows a step."""
        used = self.per_step or batch_size
        places = np.arange(step * used, (step + 1) * used)
        weights = np.ones(used, dtype=np.float32)
        if self.order is not None:
            inside = (places >= self.first) & (places < self.first + len(self.order))
            places[inside] = self.order[places[inside] - self.first]
        if self.weights is not None:
            covered = (places >= self.first) & (places < self.first + len(self.weights))
            weights[covered] = self.weights[places[covered] - self.first]
        return places // used * batch_size + places % used, weights


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
    for step in range(start, stop):
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        value = _add_gradients(model, optimizer, plan, *plan.batch(step, recipe.batch_size))
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm).item()
        if not np.isfinite(value + norm):
            raise UserError(f"Training diverged at step {step + 1} (loss {value}); use a lower learning rate.")
        optimizer.step()
        yield step + 1, value


def _add_gradients(
    model: GPTNeoXForCausalLM,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    numbers: np.ndarray,
    weights: np.ndarray,
) -> float:
    """Leave the gradient of one step's loss in the parameters, a few rows at a time; returns the loss."""
    optimizer.zero_grad()
    total, size = 0.0, plan.at_once or len(numbers)
    for start in range(0, len(numbers), size):
        part = slice(start, start + size)
        tokens = torch.from_numpy(plan.rows(numbers[part]).astype(np.int64)).to(model.device)
        loss = weighted_loss(model, tokens, torch.from_numpy(weights[part]).to(model.device), len(numbers))
        loss.backward()
        total += loss.item()
    return total
