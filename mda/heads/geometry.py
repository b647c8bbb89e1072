"""Names of heads and where a head's weights lie inside Hugging Face's GPT-NeoX.

`attention.query_key_value.weight` is [3d, d] and interleaved per head: head h owns rows h*3*dh … (h+1)*3*dh in
the order Q, K, V. `attention.dense.weight` is [d, d]: head h owns columns h*dh … (h+1)*dh; its bias is shared by
all heads and belongs to none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mda.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True, order=True)
class Head:
    """An attention head, written `L1H3` (layer 1, head 3, both counted from 0)."""

    layer: int
    index: int

    def __str__(self) -> str:
        return f"L{self.layer}H{self.index}"

    @staticmethod
    def parse(text: str) -> Head:
        """Read `L1H3`. Raises UserError on anything else."""
        match = re.fullmatch(r"[Ll](\d{1,4})[Hh](\d{1,4})", text.strip())
        if match is None:
            raise UserError(f"'{text}' is not a head; write layer and head as in L1H3.")
        return Head(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Geometry:
    """Sizes of a model's attention: number of layers, heads per layer, d_model (d) and d_head (dh)."""

    layers: int
    heads: int
    d_model: int
    d_head: int

    @staticmethod
    def of(config: PreTrainedConfig) -> Geometry:
        """Read the sizes from a GPT-NeoX configuration."""
        heads = config.num_attention_heads
        return Geometry(config.num_hidden_layers, heads, config.hidden_size, config.hidden_size // heads)

    def all_heads(self) -> list[Head]:
        """Every head, by layer and then by index."""
        return [Head(layer, index) for layer in range(self.layers) for index in range(self.heads)]

    def check(self, head: Head) -> Head:
        """The head itself. Raises UserError where this model has no such head."""
        if head.layer >= self.layers or head.index >= self.heads:
            last = Head(self.layers - 1, self.heads - 1)
            raise UserError(f"The model has no head {head}; its heads run from L0H0 to {last}.")
        return head

    def parse_heads(self, text: str) -> tuple[Head, ...]:
        """Read `L1H3`, a list such as `L1H2,L1H3`, or `all`; sorted, without repeats."""
        if text.strip().lower() == "all":
            return tuple(self.all_heads())
        return tuple(sorted({self.check(Head.parse(part)) for part in text.split(",")}))


def by_layer(heads: Iterable[Head]) -> dict[int, list[Head]]:
    """The heads grouped by layer, layers ascending."""
    grouped: dict[int, list[Head]] = {}
    for head in sorted(heads):
        grouped.setdefault(head.layer, []).append(head)
    return grouped


def names(heads: Sequence[Head]) -> str:
    """`L1H2,L1H3` for a few heads."""
    return ",".join(str(head) for head in heads)
