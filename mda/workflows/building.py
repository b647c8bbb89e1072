"""What building a study of one's own has in common, whatever its text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mda.checkpoints.folder import find_steps, load_model, load_optimizer, save_checkpoint
from mda.training.recipe import Recipe, new_model, new_optimizer

if TYPE_CHECKING:
    from torch.optim import AdamW
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM


def last_checkpoint(
    checkpoints: Path, config: GPTNeoXConfig, recipe: Recipe, seed: int
) -> tuple[GPTNeoXForCausalLM, AdamW, int]:
    """Model, optimizer and step of the last whole checkpoint in a folder; where there is none, `step0` is made
    from the seed first."""
    model = new_model(config, seed)
    optimizer = new_optimizer(model, recipe)
    if not (checkpoints / "step0").exists():
        save_checkpoint(checkpoints / "step0", model, optimizer)
    step, last = list(find_steps(checkpoints).items())[-1]
    model.load_state_dict(load_model(last).state_dict())
    load_optimizer(last, model, optimizer)
    return model, optimizer, step


def config_spec(config: GPTNeoXConfig) -> dict[str, Any]:
    """A configuration as part of a specification: what the model is, and not which version wrote it."""
    spec = config.to_diff_dict()
    spec.pop("transformers_version", None)
    return spec
