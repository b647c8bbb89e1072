"""The attention pattern of one head on one sequence, and small pictures of all heads on it.

Patterns come from each layer's queries and keys, a block of queries at a time, so that no layer's patterns of all
heads [H, T, T] ever exist: at 2,048 tokens and 16 heads those alone take 268 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mda.heads.geometry import Geometry, Head
from mda.heads.modules import attention, hidden_states

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

BLOCK = 256  # queries at a time
SIDE = 48  # blocks along each side of a small picture

See = Callable[[int, torch.Tensor, torch.Tensor], None]  # layer, queries and keys [H, T, dh]


class _Seen(Exception):  # noqa: N818
    """Ends a forward pass whose last wanted layer was seen: the layers above it change nothing below."""


def head_pattern(model: GPTNeoXForCausalLM, head: Head, ids: np.ndarray) -> np.ndarray:
    """Attention [T, T] float32 of one head on token ids [T]: from query (line) to key (column), lines sum to 1.

    Raises UserError where the model has no such head.
    """
    Geometry.of(model.config).check(head)
    pattern = np.zeros((len(ids), len(ids)), np.float32)

    def see(layer: int, queries: torch.Tensor, keys: torch.Tensor) -> None:
        for first in range(0, len(ids), BLOCK):
            last = min(first + BLOCK, len(ids))
            pattern[first:last, :last] = _attention(
                queries[head.index, first:last], keys[head.index, :last]
            ).numpy()

    _visit(model, ids, [head.layer], see)
    return pattern


def small_patterns(model: GPTNeoXForCausalLM, ids: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Attention of all heads [L, H, n, n] float32 on token ids [T], averaged over blocks; n = min(T, side).

    Block (i, j) is the mean over queries edges[i]:edges[i + 1] and keys edges[j]:edges[j + 1], see `block_edges`;
    keys after their query count as 0, so that lines weighted by their blocks' widths sum to 1.
    """
    sizes = Geometry.of(model.config)
    edges = block_edges(len(ids), side)
    pictures = np.zeros((sizes.layers, sizes.heads, len(edges) - 1, len(edges) - 1), np.float32)

    def see(layer: int, queries: torch.Tensor, keys: torch.Tensor) -> None:
        for line, (first, last) in enumerate(pairwise(edges)):
            mean = _attention(queries[:, first:last], keys[:, :last]).mean(1).numpy()  # [H, last]
            blocks = np.add.reduceat(mean, edges[: line + 1], axis=1)
            pictures[layer, :, line, : line + 1] = blocks / np.diff(edges[: line + 2])

    _visit(model, ids, range(sizes.layers), see)
    return pictures


def block_edges(length: int, side: int) -> np.ndarray:
    """Edges [n + 1] of n = min(length, side) blocks of 0:length whose widths differ by one at most."""
    blocks = min(length, side)
    return np.arange(blocks + 1) * length // blocks


@torch.no_grad()
def _visit(model: GPTNeoXForCausalLM, ids: np.ndarray, layers: Collection[int], see: See) -> None:
    """Run one sequence and show `see` the rotated queries, scaled, and keys [H, T, dh] of each wanted layer."""
    # imported here: it takes seconds, and pages that only show what is kept need none of it
    from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

    handles = []
    place = torch.arange(len(ids), device=model.device)[None]

    def watch(layer: int) -> Callable[[torch.nn.Module, Any, torch.Tensor], None]:
        def hook(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
            per_head = output.unflatten(-1, (Geometry.of(model.config).heads, -1)).transpose(1, 2)
            queries, keys, _ = per_head.chunk(3, dim=-1)  # [1, H, T, dh]
            queries, keys = apply_rotary_pos_emb(queries, keys, *model.gpt_neox.rotary_emb(output, place))
            see(layer, (queries[0] * attention(model, layer).scaling).cpu(), keys[0].cpu())
            if layer == max(layers):
                raise _Seen

        return hook

    try:
        for layer in layers:
            handles.append(attention(model, layer).query_key_value.register_forward_hook(watch(layer)))
        hidden_states(model, torch.from_numpy(np.asarray(ids, np.int64))[None])
    except _Seen:
        pass
    finally:
        for handle in handles:
            handle.remove()


def _attention(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Causal attention [..., n, m] of the last n of m positions to all m; queries are scaled."""
    scores = queries @ keys.transpose(-1, -2)
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1 + scores.shape[-1] - scores.shape[-2])
    return scores.masked_fill(later, float("-inf")).softmax(-1)
