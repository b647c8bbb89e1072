"""Captures both sides of head blocks from one forward and one backward pass.

No parameter takes a gradient: the graph starts at the lowest layer that is asked for, and
`torch.autograd.grad` fetches the gradients of the captured outputs. So all heads of all layers cost one pass,
and nothing below the lowest layer is differentiated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import torch

from mda.heads.blocks import Block, Side
from mda.heads.geometry import Geometry
from mda.heads.modules import attention

if TYPE_CHECKING:
    from transformers import GPTNeoXForCausalLM

Sides = Mapping[Side, torch.Tensor]


class Capture:
    """Context manager around forward passes of a frozen model; after each, `sides(output, gradient)`.

    Raises ValueError if a parameter of the model still requires a gradient.
    """

    def __init__(self, model: GPTNeoXForCausalLM, blocks: Sequence[Block]) -> None:
        if any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError("Capture needs a frozen model: call model.requires_grad_(False) first")
        self.model = model
        self.sizes = Geometry.of(model.config)
        self.wanted = {side for block in blocks for side in (block.input, block.output)}
        self.layers = sorted({block.head.layer for block in blocks})
        self._inputs: dict[tuple[str, int], torch.Tensor] = {}
        self._outputs: dict[tuple[str, int], torch.Tensor] = {}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> Capture:
        for layer in self.layers:
            module = attention(self.model, layer)
            self._watch(module.query_key_value, ("qkv", layer))
            if any(side.what in "zo" and side.layer == layer for side in self.wanted):
                self._watch(module.dense, ("dense", layer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._inputs.clear()
        self._outputs.clear()

    def _watch(self, module: torch.nn.Module, key: tuple[str, int]) -> None:
        def hook(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            if not output.requires_grad:  # the lowest layer: the graph starts here
                output.requires_grad_(True)
            self._inputs[key] = inputs[0].detach()
            self._outputs[key] = output

        self._handles.append(module.register_forward_hook(hook))

    def sides(
        self, output: torch.Tensor, gradient: torch.Tensor | None = None, keep: bool = False
    ) -> dict[Side, torch.Tensor]:
        """All wanted sides [B, T, n] in fp32 of the last forward pass.

        `output` is a scalar, or a tensor with its own `gradient` of the same shape. Where the output does not
        depend on a layer its gradients are zero. `keep`: sides of the same pass will be asked for once more.
        """
        keys = list(self._outputs)
        found: Sequence[torch.Tensor | None] = [None] * len(keys)
        if output.requires_grad:  # it does not where it depends on none of the layers
            found = torch.autograd.grad(
                output,
                [self._outputs[key] for key in keys],
                grad_outputs=gradient,
                allow_unused=True,
                retain_graph=keep,
            )
        gradients = {
            key: torch.zeros_like(self._outputs[key]) if g is None else g
            for key, g in zip(keys, found, strict=True)
        }
        sides = {side: self._slice(side, gradients).float() for side in self.wanted}
        if not keep:
            self._outputs.clear()  # lets the graph go before the next pass
        return sides

    def _slice(self, side: Side, gradients: Mapping[tuple[str, int], torch.Tensor]) -> torch.Tensor:
        width = self.sizes.d_head
        if side.what == "x":
            return self._inputs["qkv", side.layer]
        if side.what == "o":
            return gradients["dense", side.layer]
        if side.what == "z":
            return self._inputs["dense", side.layer][..., side.head * width : (side.head + 1) * width]
        first = side.head * 3 * width
        if side.what == "qk":
            return gradients["qkv", side.layer][..., first : first + 2 * width]
        return gradients["qkv", side.layer][..., first + 2 * width : first + 3 * width]


def block_gradient(block: Block, sides: Sides) -> torch.Tensor:
    """Gradient [inputs, outputs] with respect to a block, summed over rows and tokens: sum x g^T."""
    x, g = sides[block.input], sides[block.output]
    return x.flatten(0, 1).T @ g.flatten(0, 1)


def row_gradients(block: Block, sides: Sides) -> torch.Tensor:
    """Gradients [B, inputs, outputs] with respect to a block, one a row."""
    return sides[block.input].transpose(1, 2) @ sides[block.output]
