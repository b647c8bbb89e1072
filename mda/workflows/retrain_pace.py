"""How long a retrain will take before any arm tells: measured for a moment on random weights and tokens."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import torch

from mda.checkpoints.folder import read_config, save_checkpoint
from mda.device import best_device
from mda.errors import UserError
from mda.influence.at_once import rows_at_once
from mda.training.loop import Plan, train
from mda.training.recipe import Recipe, new_model, new_optimizer
from mda.workflows.head_scores import CheckpointScorer
from mda.workflows.retrain_task import RetrainTask

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig

TRIAL_SECONDS = 1.0  # of steps at least, after a first one that is always slower
_BYTES_PER_WEIGHT = 16  # weight, gradient and two moments in fp32


def trial_pace(task: RetrainTask) -> tuple[float, float]:
    """Seconds of one training step and of one look of this arm, on this machine as busy as it is now.

    A step of many rows is measured on two passes through the model and scaled. Raises UserError where the model
    is too large to be trained in the memory that is free.
    """
    config, facts = read_config(task.study.source.config_folder), task.study.facts
    check_memory(config)
    device = best_device()
    at_once = rows_at_once(config, facts.seq_len, device.type)
    rows = min(task.used_per_step, 2 * at_once)
    tokens = np.random.default_rng(0).integers(0, facts.vocab_size, (rows, facts.seq_len + 1))
    recipe = Recipe(batch_size=rows, learning_rate=0.0)
    model = new_model(config, 0)
    torch.nn.Module.to(model, device)
    optimizer = new_optimizer(model, recipe)
    plan = Plan(lambda numbers: tokens[numbers % rows], at_once=at_once)
    steps = train(model, optimizer, plan, recipe, 0, 1_000_000)
    next(steps)
    times: list[float] = []
    while sum(times) < TRIAL_SECONDS:
        times.append(_seconds(lambda: next(steps)))

    def look(held_out: int) -> float:
        scorer = CheckpointScorer.of(facts.model_copy(update={"held_out": (0, held_out)}), tokens)
        return _seconds(lambda: scorer.score(model))

    heads, losses = look(0), look(rows)
    with tempfile.TemporaryDirectory() as folder:
        saving = _seconds(lambda: save_checkpoint(Path(folder) / "step0", model, optimizer))
    asked = task.look_rows[1] - task.look_rows[0]
    step = float(np.median(times)) * task.used_per_step / rows
    return step, heads + max(0.0, losses - heads) * asked / rows + saving


def check_memory(config: GPTNeoXConfig) -> None:
    """Raises UserError where weights, gradients and moments alone would need more memory than is free."""
    from transformers import GPTNeoXForCausalLM  # takes a second

    with torch.device("meta"):
        weights = sum(parameter.numel() for parameter in GPTNeoXForCausalLM(config).parameters())
    needed, free = _BYTES_PER_WEIGHT * weights / 1e9, psutil.virtual_memory().available / 1e9
    if needed > free:
        raise UserError(
            f"Training this model takes more than {needed:.0f} GB of memory, and {free:.0f} GB are free; use a "
            "smaller model or a larger machine."
        )


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
