"""Row and token scores against plain autograd, head by head and block by block."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GPTNeoXForCausalLM

from mda.heads.blocks import Block, block_weight, blocks_of
from mda.heads.geometry import Geometry, Head
from mda.heads.sequences import RepeatedBatch, repeated_batches
from mda.influence.directions import probe_gradients
from mda.influence.score import Scorer
from mda.probes.probes import PROBES, find_probe


def weight_gradient(model: GPTNeoXForCausalLM, value: torch.Tensor, block: Block) -> torch.Tensor:
    """Gradient of a scalar with respect to a block by ordinary autograd on the weights."""
    model.zero_grad()
    value.backward()
    sizes = Geometry.of(model.config)
    attention = model.gpt_neox.layers[block.head.layer].attention
    whole = attention.dense.weight if block.name == "o" else attention.query_key_value.weight
    saved, whole.data = whole.data, whole.grad if whole.grad is not None else torch.zeros_like(whole)
    found = block_weight(model, block, sizes).detach().clone()
    whole.data = saved
    return found


def row_loss(model: GPTNeoXForCausalLM, row: np.ndarray) -> torch.Tensor:
    ids = torch.from_numpy(row.astype(np.int64))[None]
    logits = model(ids[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="sum")


def every_block(model: GPTNeoXForCausalLM) -> list[Block]:
    return blocks_of(Geometry.of(model.config).all_heads(), "qkvo")


def random_directions(model: GPTNeoXForCausalLM) -> dict[Block, torch.Tensor]:
    torch.manual_seed(0)
    sizes = Geometry.of(model.config)
    return {b: torch.randn(block_weight(model, b, sizes).shape) for b in every_block(model)}


def test_scores_equal_inner_products_of_gradients_for_every_block(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray
) -> None:
    directions = random_directions(tiny)
    for block, direction in directions.items():
        with Scorer(tiny, [{block: direction}], [block.head]) as scorer:
            scores = scorer.rows(tiny_rows[:4])[0, 0]
        tiny.requires_grad_(True)
        expected = [
            -(weight_gradient(tiny, row_loss(tiny, row), block) * direction).sum().item() for row in tiny_rows[:4]
        ]
        tiny.requires_grad_(False)
        assert np.abs(expected).min() > 1e-4  # the comparison would mean nothing for zeros
        np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_token_influence_adds_up_to_the_row(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray) -> None:
    with Scorer(tiny, [random_directions(tiny)], Geometry.of(tiny.config).all_heads()) as scorer:
        tokens, rows = scorer.tokens(tiny_rows), scorer.rows(tiny_rows)
    assert tokens.shape == (1, 4, 24, 10)
    np.testing.assert_allclose(tokens.sum(-1), rows, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 5, 24])
def test_batch_size_and_order_do_not_matter(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, size: int) -> None:
    heads = Geometry.of(tiny.config).all_heads()
    order = np.random.default_rng(0).permutation(len(tiny_rows))
    with Scorer(tiny, [random_directions(tiny)], heads) as scorer:
        whole = scorer.rows(tiny_rows)
        parts = [scorer.rows(tiny_rows[order[i : i + size]]) for i in range(0, len(order), size)]
    np.testing.assert_allclose(np.concatenate(parts, axis=2), whole[:, :, order], rtol=1e-4, atol=1e-5)


def test_all_heads_at_once_equal_head_by_head(tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray) -> None:
    directions = random_directions(tiny)
    heads = Geometry.of(tiny.config).all_heads()
    with Scorer(tiny, [directions], heads) as scorer:
        together = scorer.rows(tiny_rows)[0]
    for number, head in enumerate(heads):
        own = {block: p for block, p in directions.items() if block.head == head}
        with Scorer(tiny, [own], [head]) as scorer:
            np.testing.assert_allclose(scorer.rows(tiny_rows)[0, 0], together[number], rtol=1e-4, atol=1e-5)


def sequences() -> list[RepeatedBatch]:
    return repeated_batches(range(1, 13), start=0, periods=(4, 6), sequences=12, seed=1)


@pytest.mark.parametrize("name", PROBES)
def test_probe_gradients_equal_autograd(tiny: GPTNeoXForCausalLM, name: str) -> None:
    """Each head's own probe, all heads in one go, against one backward pass a head on the weights."""
    probe = find_probe(name)
    heads = Geometry.of(tiny.config).all_heads()
    first, second, value = probe_gradients(tiny, probe, sequences(), heads, blocks_of(heads, "qkvo"), own=True)
    tiny.requires_grad_(True)
    values = []
    for head in heads:
        for block in blocks_of([head], "qkvo"):
            total = torch.stack([probe.value(tiny, batch, [head]) for batch in sequences()]).mean()
            expected = weight_gradient(tiny, total, block)
            values.append(total.item())
            if block in first:
                torch.testing.assert_close((first[block] + second[block]) / 2, expected, rtol=1e-3, atol=1e-6)
            else:
                assert not expected.any()  # left out because the probe cannot depend on it
    assert first
    assert value == pytest.approx(np.mean(values), rel=1e-4)


def test_attention_probe_reaches_lower_layers_through_everything_between(tiny: GPTNeoXForCausalLM) -> None:
    """`--through all`: the gradient of a layer-1 probe with respect to layer-0 blocks, V and O included."""
    probe, target = find_probe("prefix_matching"), Head(1, 0)
    blocks = every_block(tiny)
    first, second, _ = probe_gradients(tiny, probe, sequences(), [target], blocks, own=False)
    assert {b.head.layer for b in first} == {0, 1}
    tiny.requires_grad_(True)
    for block in (Block(Head(0, 1), "o"), Block(Head(0, 0), "v"), Block(Head(0, 1), "qk")):
        total = torch.stack([probe.value(tiny, batch, [target]) for batch in sequences()]).mean()
        torch.testing.assert_close(
            (first[block] + second[block]) / 2, weight_gradient(tiny, total, block), rtol=1e-3, atol=1e-6
        )


@pytest.mark.parametrize("name", PROBES)
def test_a_small_sgd_step_changes_the_probe_as_identity_influence_predicts(
    tiny: GPTNeoXForCausalLM, tiny_rows: np.ndarray, name: str
) -> None:
    """Finite difference, sign and size: theta - eta grad L raises f by eta * I(z)."""
    probe, head, eta = find_probe(name), Head(1, 1), 1e-4
    blocks = blocks_of([head], "qkvo")
    first, second, before = probe_gradients(tiny, probe, sequences(), [head], blocks, own=True)
    tiny.double()
    directions = {b: ((first[b] + second[b]) / 2) for b in first}
    for row in tiny_rows[:3]:
        tiny.float()
        with Scorer(tiny, [directions], [head]) as scorer:
            predicted = eta * scorer.rows(row[None])[0, 0, 0]
        tiny.double().requires_grad_(True)
        value = torch.stack([probe.value(tiny, batch, [head]) for batch in sequences()]).mean().item()
        steps = {b: weight_gradient(tiny, row_loss(tiny, row), b) for b in directions}
        tiny.requires_grad_(False)
        sizes = Geometry.of(tiny.config)
        for block, gradient in steps.items():
            block_weight(tiny, block, sizes).sub_(eta * gradient)
        after = torch.stack([probe.value(tiny, batch, [head]) for batch in sequences()]).mean().item()
        for block, gradient in steps.items():
            block_weight(tiny, block, sizes).add_(eta * gradient)
        assert after - value == pytest.approx(predicted, rel=0.02)
    assert before == pytest.approx(value, rel=1e-4)
