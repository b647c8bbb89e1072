"""Names of heads, and the blocks as views of the weights that the attention module really uses."""

from __future__ import annotations

import pytest
import torch
from transformers import GPTNeoXForCausalLM
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from mda.errors import UserError
from mda.heads.blocks import Block, Side, block_shape, block_weight, blocks_of
from mda.heads.geometry import Geometry, Head, by_layer, names

SIZES = Geometry(layers=2, heads=3, d_model=12, d_head=4)


@pytest.mark.parametrize("head", SIZES.all_heads())
def test_names_are_read_as_they_are_written(head: Head) -> None:
    assert Head.parse(str(head)) == head
    assert Head.parse(f" {str(head).lower()} ") == head


@pytest.mark.parametrize("text", ["", "L1", "H3", "L1H", "1.3", "L-1H0", "L1H3x", "all"])
def test_other_text_is_no_head(text: str) -> None:
    with pytest.raises(UserError, match="L1H3"):
        Head.parse(text)


def test_lists_of_heads_are_sorted_and_checked() -> None:
    assert SIZES.parse_heads("all") == tuple(SIZES.all_heads())
    assert SIZES.parse_heads("L1H2, L0H1,L1H2") == (Head(0, 1), Head(1, 2))
    assert names(SIZES.parse_heads("L1H2,L0H1")) == "L0H1,L1H2"
    for missing in ("L2H0", "L0H3"):
        with pytest.raises(UserError, match="from L0H0 to L1H2"):
            SIZES.parse_heads(f"L0H0,{missing}")


def test_heads_by_layer() -> None:
    assert by_layer([Head(1, 1), Head(0, 2), Head(1, 0)]) == {0: [Head(0, 2)], 1: [Head(1, 0), Head(1, 1)]}


def test_blocks_and_their_shared_sides() -> None:
    blocks = blocks_of([Head(0, 1), Head(0, 2)], "qkvo")
    assert [str(block) for block in blocks] == ["L0H1.qk", "L0H1.v", "L0H1.o", "L0H2.qk", "L0H2.v", "L0H2.o"]
    assert {block.input for block in blocks if block.name != "o"} == {Side("x", 0)}
    assert {block.output for block in blocks if block.name == "o"} == {Side("o", 0)}
    assert len({block.output for block in blocks if block.name != "o"}) == 4
    assert blocks_of([Head(0, 1)], "qk") == [Block(Head(0, 1), "qk")]
    with pytest.raises(UserError, match="qk or qkvo"):
        blocks_of([Head(0, 1)], "vo")


def test_blocks_tile_the_weights_and_are_views(tiny: GPTNeoXForCausalLM) -> None:
    """Doubling every block in place doubles both weight matrices exactly once everywhere."""
    sizes = Geometry.of(tiny.config)
    attention = tiny.gpt_neox.layers[1].attention
    before = [attention.query_key_value.weight.clone(), attention.dense.weight.clone()]
    for block in blocks_of([Head(1, h) for h in range(sizes.heads)], "qkvo"):
        view = block_weight(tiny, block, sizes)
        assert view.shape == block_shape(block, sizes)
        view.mul_(2)
    assert torch.equal(attention.query_key_value.weight, 2 * before[0])
    assert torch.equal(attention.dense.weight, 2 * before[1])


@pytest.mark.parametrize("layer", [0, 1])
def test_attention_made_of_blocks_equals_the_module(tiny: GPTNeoXForCausalLM, layer: int) -> None:
    """q, k, v and o of each head, taken from its blocks, give the attention module's output."""
    sizes = Geometry.of(tiny.config)
    dh, length = sizes.d_head, 9
    attention = tiny.gpt_neox.layers[layer].attention
    x = torch.randn(3, length, sizes.d_model, generator=torch.Generator().manual_seed(0))
    rotary = tiny.gpt_neox.rotary_emb(x, position_ids=torch.arange(length)[None])
    causal = torch.full((length, length), -torch.inf).triu(1)
    expected, _ = attention(x, attention_mask=causal[None, None], position_embeddings=rotary)

    output = attention.dense.bias.expand_as(x)
    for index in range(sizes.heads):
        qk, v, o = (block_weight(tiny, block, sizes) for block in blocks_of([Head(layer, index)], "qkvo"))
        bias = attention.query_key_value.bias[3 * index * dh : 3 * (index + 1) * dh]
        q, k = (x @ qk + bias[: 2 * dh]).split(dh, dim=-1)
        q, k = apply_rotary_pos_emb(q[:, None], k[:, None], *rotary)
        pattern = ((q @ k.transpose(-1, -2))[:, 0] / dh**0.5 + causal).softmax(-1)
        output = output + pattern @ (x @ v + bias[2 * dh :]) @ o
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
