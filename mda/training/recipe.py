"""How a model is trained: the settings of the optimizer and of a step, and the demo's model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

if TYPE_CHECKING:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM


# Fields that recipes did not have at first, and the values under which they mean what they always meant.
_LATER = {"min_learning_rate": None, "decay_steps": None, "decay_vectors": True}


class Recipe(BaseModel):
    """Settings of AdamW and of one step. Rows keep their place, so batch size fixes which rows a step sees.

    The learning rate stays flat after the warm-up, or falls along a cosine where `min_learning_rate` and
    `decay_steps` are given (both or neither). Without `decay_vectors`, biases and the gains of layer norms keep
    out of weight decay, as in GPT-NeoX (megatron/model/utils.py, get_params_for_weight_decay_optimization).
    """

    model_config = ConfigDict(frozen=True)

    batch_size: int
    learning_rate: float
    warmup_steps: int = 0
    min_learning_rate: float | None = Field(default=None, ge=0)
    decay_steps: int | None = Field(default=None, ge=1)
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.0
    decay_vectors: bool = True
    clip_norm: float = 1.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.min_learning_rate is None) != (self.decay_steps is None):
            raise ValueError("min_learning_rate and decay_steps come together")
        return self

    @model_serializer(mode="wrap")
    def _without_later(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A recipe that needs no later field is written as it was before them, so that its identity stays."""
        return {name: value for name, value in handler(self).items() if value != _LATER.get(name, ...)}

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the update from checkpoint `step` to `step + 1`.

        Flat: linear warm-up, then `learning_rate`. With a cosine: as GPT-NeoX computed it when Pythia was trained
        (megatron/learning_rates.py). Updates count from 0, so that the first has rate 0 and Pythia's step 1 is its
        step 0 (gpt-neox issue 1373). Past the warm-up the cosine runs towards zero over `decay_steps`, but no
        lower than `min_learning_rate` (gpt-neox pull request 1008, which changed it in August 2023).
        """
        if self.decay_steps is None or self.min_learning_rate is None:
            if step + 1 >= self.warmup_steps:
                return self.learning_rate
            return self.learning_rate * (step + 1) / self.warmup_steps
        if step < self.warmup_steps:
            return self.learning_rate * step / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / self.decay_steps)
        return max(self.min_learning_rate, self.learning_rate * (1 + math.cos(math.pi * done)) / 2)

    def at_rate(self, learning_rate: float) -> Recipe:
        """The same recipe with another learning rate; a schedule keeps its shape."""
        least = self.min_learning_rate
        scaled = None if least is None else least * learning_rate / self.learning_rate
        return self.model_copy(update={"learning_rate": learning_rate, "min_learning_rate": scaled})


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
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if not recipe.decay_vectors:
        matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
        groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        groups,
        lr=recipe.learning_rate,
        betas=(recipe.beta1, recipe.beta2),
        eps=recipe.eps,
        weight_decay=recipe.weight_decay,
    )
