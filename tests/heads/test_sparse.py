"""Strongest keys against a sort by hand, bytes against their bound, one head's pattern against transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from building import tiny_model_config
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from transformers import GPTNeoXForCausalLM

from mda.errors import UserError
from mda.heads import one_head
from mda.heads.geometry import Geometry, Head
from mda.heads.one_head import block_edges, head_pattern, small_patterns
from mda.heads.sparse import ROUNDING, in_bytes, strongest_keys, triangle_in_bytes
from mda.training.recipe import new_model


def causal(size: int, seed: int = 0, levels: int = 0) -> np.ndarray:
    """A random attention pattern; with few levels many of its weights are equal."""
    drawn = np.random.default_rng(seed).random((size, size)).astype(np.float32)
    if levels:
        drawn = np.ceil(drawn * levels).astype(np.float32)
    drawn = np.tril(drawn)
    return drawn / drawn.sum(1, keepdims=True)


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize(("size", "k"), [(1, 3), (7, 1), (7, 7), (40, 8)])
def test_strongest_keys_are_those_of_a_sort_by_weight_and_then_by_place(size: int, k: int, levels: int) -> None:
    pattern = causal(size, size + k, levels)
    found = strongest_keys(pattern, k)
    assert found.keys.shape == found.weights.shape == (size, min(k, size))
    for query, line in enumerate(pattern):
        expected = sorted(range(query + 1), key=lambda key: (-line[key], key))[:k]
        there = found.keys[query] >= 0
        assert found.keys[query][there].tolist() == expected
        assert there.sum() == min(k, query + 1)
        assert np.array_equal(found.weights[query][there], line[expected])
        assert not found.weights[query][~there].any()
        assert found.share[query] == pytest.approx(line[expected].sum())


def test_all_keys_hold_all_attention_and_more_keys_hold_more() -> None:
    pattern = causal(30)
    assert strongest_keys(pattern, 30).share == pytest.approx(np.ones(30))
    shares = [strongest_keys(pattern, k).share for k in range(1, 31)]
    assert (np.diff(shares, axis=0) >= 0).all()
    assert strongest_keys(pattern, 99).keys.shape == (30, 30)


def test_tiny_weights_keep_their_order() -> None:
    line = np.array([0, 1e-42, 1e-38, 1e-45, 0, 1], np.float32)
    found = strongest_keys(np.tile(line, (6, 1)), 5)
    assert found.keys[0].tolist() == [5, 2, 1, 3, -1]


@given(hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(0, 1, width=32)))
def test_a_weight_in_a_byte_is_off_by_no_more_than_said(weights: np.ndarray) -> None:
    assert np.abs(in_bytes(weights) / 255 - weights).max() <= ROUNDING + 1e-7
    assert (np.diff(in_bytes(np.sort(weights)).astype(int)) >= 0).all()


def test_a_triangle_is_read_query_by_query() -> None:
    pattern = causal(9)
    packed = triangle_in_bytes(pattern)
    assert packed.dtype == np.uint8
    for query in range(9):
        start = query * (query + 1) // 2
        assert np.array_equal(packed[start : start + query + 1], in_bytes(pattern[query, : query + 1]))
    assert len(packed) == 45


def eager(model: GPTNeoXForCausalLM, ids: np.ndarray) -> np.ndarray:
    """Patterns [L, H, T, T] as transformers returns them."""
    former = model.config._attn_implementation
    model.set_attn_implementation("eager")
    found = model(torch.from_numpy(ids)[None], output_attentions=True).attentions
    model.set_attn_implementation(former)
    return torch.cat(found).numpy()


@pytest.mark.parametrize("length", [1, 5, 48, 61])
def test_patterns_of_one_head_are_those_of_transformers(
    tiny: GPTNeoXForCausalLM, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_head, "BLOCK", 16)
    ids = np.random.default_rng(length).integers(0, 13, length)
    expected = eager(tiny, ids)
    for head in Geometry.of(tiny.config).all_heads():
        found = head_pattern(tiny, head, ids)
        np.testing.assert_allclose(found, expected[head.layer, head.index], atol=2e-6)
        assert not np.triu(found, 1).any()


def test_the_model_is_left_as_it_was(tiny: GPTNeoXForCausalLM) -> None:
    """Also where the pass ended early, at the lowest layer."""
    ids = np.random.default_rng(0).integers(0, 13, 20)
    before = eager(tiny, ids)  # transformers leaves hooks of its own
    hooks = [dict(module._forward_hooks) for module in tiny.modules()]
    head_pattern(tiny, Head(0, 1), ids)
    small_patterns(tiny, ids)
    assert [dict(module._forward_hooks) for module in tiny.modules()] == hooks
    assert tiny.config._attn_implementation == "sdpa"
    assert np.array_equal(eager(tiny, ids), before)


def test_a_head_that_is_not_there_is_refused(tiny: GPTNeoXForCausalLM) -> None:
    with pytest.raises(UserError, match="no head L7H0"):
        head_pattern(tiny, Head(7, 0), np.array([1, 2]))


@pytest.mark.parametrize(("length", "side"), [(1, 48), (10, 48), (48, 48), (50, 7), (61, 48)])
def test_small_patterns_are_means_over_blocks(tiny: GPTNeoXForCausalLM, length: int, side: int) -> None:
    ids = np.random.default_rng(1).integers(0, 13, length)
    whole = eager(tiny, ids)
    edges = block_edges(length, side)
    small = small_patterns(tiny, ids, side)
    assert small.shape == (2, 2, min(length, side), min(length, side))
    for i in range(small.shape[2]):
        for j in range(small.shape[3]):
            block = whole[:, :, edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
            np.testing.assert_allclose(small[:, :, i, j], block.mean((2, 3)), atol=2e-6)
    np.testing.assert_allclose((small * np.diff(edges)).sum(-1), 1, atol=1e-5)


def test_long_rows_need_no_more_memory_than_a_block_of_one_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 1,024 tokens and 2 heads a layer's patterns would be 2 million numbers; the largest tensor is a block."""
    model = new_model(tiny_model_config(vocab=13, positions=1024), seed=0).eval().requires_grad_(False)
    ids = np.random.default_rng(0).integers(0, 13, 1024)
    largest = 0
    attend = one_head._attention

    def watched(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        found = attend(queries, keys)
        largest = max(largest, found.numel())
        return found

    monkeypatch.setattr(one_head, "_attention", watched)
    small_patterns(model, ids)
    assert largest <= 2 * 22 * 1024
    head_pattern(model, Head(1, 1), ids)
    assert largest <= 256 * 1024
