"""The copying score on OV circuits whose answer is known, and against a slow loop."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.heads.blocks import Block, block_weight
from mda.heads.geometry import Geometry, Head
from mda.heads.patterns import recorded_projections
from mda.heads.scores import copying, head_scores
from mda.heads.sequences import RepeatedBatch, repeated_batches
from mda.training.recipe import new_model

VOCAB, D, DH = 13, 32, 16


@pytest.fixture
def batch() -> RepeatedBatch:
    return repeated_batches(range(1, VOCAB), start=0, periods=(7,), sequences=3, seed=0)[0]


@pytest.fixture
def one_hot(tiny: GPTNeoXForCausalLM) -> GPTNeoXForCausalLM:
    """Token a is unembedded from dimension a, and every head writes its value's dimension k to dimension k."""
    config = copy.deepcopy(tiny.config)
    config.update({"num_hidden_layers": 1, "hidden_size": D})
    model = new_model(config, seed=0).requires_grad_(False)
    model.get_output_embeddings().weight.copy_(torch.eye(VOCAB, D))
    model.gpt_neox.layers[0].attention.dense.weight.copy_(torch.eye(D, DH).repeat(1, 2))
    return model


def values(batch: RepeatedBatch, *tokens: torch.Tensor) -> torch.Tensor:
    """Projections [B, T, 3d] in which head h's value at each position is one-hot in tokens[h]."""
    heads = [torch.nn.functional.one_hot(t, DH).float() for t in tokens]
    noise = torch.randn(2, 2, *heads[0].shape, generator=torch.Generator().manual_seed(0))  # q and k: no matter
    parts = [part for h, value in enumerate(heads) for part in (noise[h, 0], noise[h, 1], value)]
    return torch.cat(parts, dim=-1)


def test_a_circuit_that_copies_scores_one_and_its_negative_minus_one(
    one_hot: GPTNeoXForCausalLM, batch: RepeatedBatch
) -> None:
    projections = values(batch, batch.tokens, batch.tokens)
    block_weight(one_hot, Block(Head(0, 1), "o"), Geometry.of(one_hot.config)).neg_()
    assert copying(one_hot, projections, 0, batch).tolist() == pytest.approx([1.0, -1.0])


def test_raising_another_token_of_the_sequence_is_no_copying(
    one_hot: GPTNeoXForCausalLM, batch: RepeatedBatch
) -> None:
    """Head 1 raises the token that comes next (the last one's is the first of the second copy)."""
    projections = values(batch, batch.tokens, batch.tokens.roll(-1, dims=1))
    assert copying(one_hot, projections, 0, batch).tolist() == pytest.approx([1.0, -1.0])


def test_raising_two_tokens_alike_scores_zero(one_hot: GPTNeoXForCausalLM, batch: RepeatedBatch) -> None:
    both = values(batch, batch.tokens, batch.tokens) + values(batch, *[batch.tokens.roll(-1, dims=1)] * 2)
    assert copying(one_hot, both, 0, batch).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_head_that_writes_nothing_copies_nothing(one_hot: GPTNeoXForCausalLM, batch: RepeatedBatch) -> None:
    assert copying(one_hot, torch.zeros(*batch.tokens.shape, 3 * D), 0, batch).tolist() == [-1.0, -1.0]


def test_the_size_of_what_is_written_does_not_matter_but_the_gain_of_the_last_norm_does(
    one_hot: GPTNeoXForCausalLM, batch: RepeatedBatch
) -> None:
    projections = values(batch, batch.tokens, batch.tokens)
    assert copying(one_hot, 1e3 * projections, 0, batch).tolist() == pytest.approx([1.0, 1.0])
    one_hot.gpt_neox.final_layer_norm.weight.neg_()
    assert copying(one_hot, projections, 0, batch).tolist() == pytest.approx([-1.0, -1.0])


def test_against_a_loop_over_positions(tiny: GPTNeoXForCausalLM) -> None:
    batches = repeated_batches(range(1, 13), start=0, periods=(5,), sequences=3, seed=2)
    tiny.gpt_neox.final_layer_norm.weight.copy_(torch.linspace(0.5, 2.0, 16))
    sizes, batch = Geometry.of(tiny.config), batches[0]
    gain, unembedding = tiny.gpt_neox.final_layer_norm.weight, tiny.get_output_embeddings().weight
    with recorded_projections(tiny) as projected:
        tiny(batch.tokens)
    expected = []
    for head in sizes.all_heads():
        o = block_weight(tiny, Block(head, "o"), sizes)
        first = (3 * head.index + 2) * sizes.d_head
        shares = []
        for row, tokens in enumerate(batch.tokens):
            for s in range(1, 1 + batch.period):
                written = projected[head.layer][row, s, first : first + sizes.d_head] @ o
                logits = unembedding[tokens[1 : 1 + batch.period]] @ (gain * (written - written.mean()))
                raised = (logits - logits.mean()).clamp(min=0)
                shares.append((raised[s - 1] / raised.sum()).item())
        expected.append(2 * np.mean(shares) - 1)
    np.testing.assert_allclose(head_scores(tiny, batches)["copying"], expected, rtol=1e-4, atol=1e-5)
