"""Fixtures shared by all tests: a tiny GPT-NeoX whose every quantity can be had by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from mda.training.recipe import new_model

torch.set_num_threads(1)  # tiny tensors: a second thread only waits


def tiny_config(vocab: int = 13, layers: int = 2, heads: int = 2, d_model: int = 16) -> GPTNeoXConfig:
    """A model with 2 layers of 2 heads, d_model 16, a quarter of the dimensions rotary as in Pythia."""
    return GPTNeoXConfig(
        vocab_size=vocab,
        hidden_size=d_model,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * d_model,
        max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5},
        use_parallel_residual=True,
        initializer_range=0.3,  # far from zero, so that no gradient is negligible
        bos_token_id=0,
        eos_token_id=0,
    )


@pytest.fixture
def tiny() -> GPTNeoXForCausalLM:
    """A frozen tiny model in evaluation mode."""
    return new_model(tiny_config(), seed=3).eval().requires_grad_(False)


@pytest.fixture
def tiny_rows() -> np.ndarray:
    """24 rows of 10 + 1 token ids below 13."""
    return np.random.default_rng(5).integers(0, 13, (24, 11))
