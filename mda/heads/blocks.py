"""The weight blocks of a head and the two sides of each: what goes in, and the gradient at what comes out.

A block is one linear map of one head: QK [d, 2dh] (Q and K together), V [d, dh], O [dh, d]; biases are left out
(as in Chen et al. 2026, released code). The gradient of a row's loss with respect to a block is sum_t x_t g_t^T,
with x on its input side and g on its output side, so two activations stand for the whole gradient. Sides are
named once and shared: QK and V of all heads of a layer have one input, O of all of them one output.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mda.errors import UserError
from mda.heads.geometry import Geometry, Head
from mda.heads.modules import attention

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

BLOCK_MODES: dict[str, tuple[str, ...]] = {"qk": ("qk",), "qkvo": ("qk", "v", "o")}


@dataclass(frozen=True, order=True)
class Side:
    """One captured activation [B, T, n]. `head` is -1 where all heads of the layer share it.

    `what`: `x` input of query_key_value, `z` head's input of dense, `qk` / `v` gradients at the head's outputs of
    query_key_value, `o` gradient at the output of dense.
    """

    what: str
    layer: int
    head: int = -1


@dataclass(frozen=True, order=True)
class Block:
    """One of a head's blocks, `name` being `qk`, `v` or `o`; written `L1H3.qk`."""

    head: Head
    name: str

    def __str__(self) -> str:
        return f"{self.head}.{self.name}"

    @staticmethod
    def parse(text: str) -> Block:
        """Read `L1H3.qk`."""
        head, _, name = text.partition(".")
        return Block(Head.parse(head), name)

    @property
    def input(self) -> Side:
        """The side that goes in."""
        if self.name == "o":
            return Side("z", self.head.layer, self.head.index)
        return Side("x", self.head.layer)

    @property
    def output(self) -> Side:
        """The side whose gradient comes back."""
        if self.name == "o":
            return Side("o", self.head.layer)
        return Side(self.name, self.head.layer, self.head.index)


def blocks_of(heads: Iterable[Head], mode: str) -> list[Block]:
    """Blocks of the heads in `mode`: `qk`, or `qkvo` for QK, V and O. Raises UserError on another mode."""
    if mode not in BLOCK_MODES:
        raise UserError(f"'{mode}' is not a choice of blocks; use {' or '.join(BLOCK_MODES)}.")
    return [Block(head, name) for head in heads for name in BLOCK_MODES[mode]]


def block_shape(block: Block, sizes: Geometry) -> tuple[int, int]:
    """(inputs, outputs) of a block."""
    d, dh = sizes.d_model, sizes.d_head
    return {"qk": (d, 2 * dh), "v": (d, dh), "o": (dh, d)}[block.name]


def block_weight(model: GPTNeoXForCausalLM, block: Block, sizes: Geometry) -> torch.Tensor:
    """A view [inputs, outputs] of the block inside the model's weights; writing to it changes the model."""
    module = attention(model, block.head.layer)
    first = block.head.index * 3 * sizes.d_head
    if block.name == "qk":
        return module.query_key_value.weight[first : first + 2 * sizes.d_head].T
    if block.name == "v":
        return module.query_key_value.weight[first + 2 * sizes.d_head : first + 3 * sizes.d_head].T
    own = slice(block.head.index * sizes.d_head, (block.head.index + 1) * sizes.d_head)
    return module.dense.weight[:, own].T
