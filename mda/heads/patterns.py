"""Attention patterns and per-head values, read while a GPT-NeoX model runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from mda.heads.modules import attention

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM


@contextmanager
def recorded_patterns(model: GPTNeoXForCausalLM, layers: Collection[int]) -> Iterator[dict[int, torch.Tensor]]:
    """While open, every forward pass leaves the attention patterns [B, H, T, T] of `layers` in the yielded dict.

    They stay in the autograd graph. Only the eager implementation returns patterns (the others return None
    without an error), so it is switched on inside and the former one is restored.
    """
    patterns: dict[int, torch.Tensor] = {}
    former = model.config._attn_implementation
    handles = []

    def keep(layer: int):  # type: ignore[no-untyped-def]
        def hook(module: torch.nn.Module, inputs: object, output: tuple) -> None:
            patterns[layer] = output[1]

        return hook

    for layer in layers:
        handles.append(attention(model, layer).register_forward_hook(keep(layer)))
    model.set_attn_implementation("eager")
    try:
        yield patterns
    finally:
        model.set_attn_implementation(former)
        for handle in handles:
            handle.remove()


@contextmanager
def recorded_projections(model: GPTNeoXForCausalLM) -> Iterator[dict[int, torch.Tensor]]:
    """While open, every forward pass leaves the outputs [B, T, 3d] of each layer's query_key_value in the dict."""
    outputs: dict[int, torch.Tensor] = {}
    handles = []

    def keep(layer: int):  # type: ignore[no-untyped-def]
        def hook(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
            outputs[layer] = output

        return hook

    for layer in range(model.config.num_hidden_layers):
        handles.append(attention(model, layer).query_key_value.register_forward_hook(keep(layer)))
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
