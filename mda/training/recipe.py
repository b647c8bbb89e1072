"""How a model is trained: the settings of the optimizer and of a step, and the demo's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM


class Recipe(BaseModel):
    """Settings of AdamW and of one step. Rows keep their place, so batch size fixes which rows a step sees."""

    model_config = ConfigDict(frozen=True)

    batch_size: int
    learning_rate: float
    warmup_steps: int = 0
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.0
    clip_norm: float = 1.0

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the update from checkpoint `step` to `step + 1`: linear warm-up, then flat."""
        if step + 1 >= self.warmup_steps:
            return self.learning_rate
        return self.learning_rate * (step + 1) / self.warmup_steps


# What gives an induction head within a few minutes on 2 cores. In a prototype, a vocabulary of 1024, or the usual
# initial spread .02 with rotary on a quarter of the dimensions, gave none in the same budget.
DEMO_RECIPE = Recipe(batch_size=32, learning_rate=3e-3, warmup_steps=50, beta2=0.99)


def demo_config(vocab_size: int, seq_len: int) -> GPTNeoXConfig:
    """Pythia's architecture at demo size: 2 layers of 4 heads, d_model 64."""
    from transformers import GPTNeoXConfig  # takes a second, and recipes are read without it

    return GPTNeoXConfig(
        vocab_size=vocab_size,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=2 * seq_len,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 1.0},
        use_parallel_residual=True,
        tie_word_embeddings=False,
        initializer_range=0.06,
        bos_token_id=0,
        eos_token_id=0,
    )


def new_model(config: GPTNeoXConfig, seed: int) -> GPTNeoXForCausalLM:
    """A freshly initialised model in fp32; the same seed gives the same weights, and no global state is left."""
    from transformers import GPTNeoXForCausalLM  # likewise

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPTNeoXForCausalLM._from_config(config, attn_implementation="sdpa", dtype=torch.float32)


def new_optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over all parameters as the recipe says."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(recipe.beta1, recipe.beta2),
        eps=recipe.eps,
        weight_decay=recipe.weight_decay,
    )
