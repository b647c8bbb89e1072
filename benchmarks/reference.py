"""Row-at-a-time attribution of one head: three passes, batch 1, gradients of the weights by autograd.

This is how the released script of Chen et al. 2026 goes about it (covariances, eigenvalues, scores), and so the
yardstick of speed and an independent check of the scores. Labels are sampled with the same numbers as ours.

Two variants: `plain` differentiates with respect to every weight, as a script that calls `loss.backward()` does;
otherwise only the head's own layer is, which is as lean as batch 1 gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from transformers import GPTNeoXForCausalLM

from mda.curvature.base import damped
from mda.heads.blocks import Block, block_shape
from mda.heads.geometry import Geometry
from mda.heads.modules import attention


class RowAtATime:
    """Reference attribution of the blocks of one head, on a model whose weights take gradients."""

    def __init__(self, model: GPTNeoXForCausalLM, blocks: Sequence[Block], plain: bool) -> None:
        self.model, self.blocks = model, list(blocks)
        self.sizes = Geometry.of(model.config)
        self.module = attention(model, blocks[0].head.layer)
        own: list[torch.Tensor] = [self.module.query_key_value.weight, self.module.dense.weight]
        others: list[torch.Tensor] = [
            weight for weight in model.parameters() if all(weight is not one for one in own)
        ]
        self.weights = own + (others if plain else [])

    def _slices(self, qkv: torch.Tensor, dense: torch.Tensor) -> dict[Block, torch.Tensor]:
        """The parts of the two weight gradients that belong to the blocks, as [inputs, outputs]."""
        dh, index = self.sizes.d_head, self.blocks[0].head.index
        own = qkv[index * 3 * dh : (index + 1) * 3 * dh]
        parts = {"qk": own[: 2 * dh].T, "v": own[2 * dh :].T, "o": dense[:, index * dh : (index + 1) * dh].T}
        return {block: parts[block.name] for block in self.blocks}

    def _loss(self, row: np.ndarray, uniforms: np.ndarray | None) -> torch.Tensor:
        ids = torch.from_numpy(row.astype(np.int64))[None]
        logits = self.model(ids[:, :-1], use_cache=False).logits[0]
        labels = ids[0, 1:]
        if uniforms is not None:
            cumulative = logits.detach().softmax(-1).cumsum(-1)
            labels = torch.searchsorted(cumulative, torch.from_numpy(uniforms)[:, None] * cumulative[:, -1:])[:, 0]
        return F.cross_entropy(logits, labels, reduction="sum")

    def gradients(self, row: np.ndarray, uniforms: np.ndarray | None = None) -> dict[Block, torch.Tensor]:
        """Gradient of one row's loss with respect to every block."""
        return self._slices(*torch.autograd.grad(self._loss(row, uniforms), self.weights)[:2])

    def covariances(
        self, rows: np.ndarray, uniforms: Sequence[np.ndarray]
    ) -> tuple[dict[Block, torch.Tensor], dict[Block, torch.Tensor]]:
        """Pass 1: eigenvectors of A and S of every block, from inputs and output gradients caught by hooks."""
        caught: dict[str, torch.Tensor] = {}

        def keep(name: str):  # type: ignore[no-untyped-def]
            def hook(module: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> None:
                caught[f"{name} in"] = inputs[0].detach()[0]
                output.register_hook(lambda gradient: caught.update({f"{name} out": gradient[0]}))

            return hook

        handles = [
            self.module.query_key_value.register_forward_hook(keep("qkv")),
            self.module.dense.register_forward_hook(keep("dense")),
        ]
        shapes = {block: block_shape(block, self.sizes) for block in self.blocks}
        A = {block: torch.zeros(n, n) for block, (n, _) in shapes.items()}
        S = {block: torch.zeros(n, n) for block, (_, n) in shapes.items()}
        dh, index = self.sizes.d_head, self.blocks[0].head.index
        for row, numbers in zip(rows, uniforms, strict=True):
            torch.autograd.grad(self._loss(row, numbers), self.weights)
            own = caught["qkv out"][:, index * 3 * dh : (index + 1) * 3 * dh]
            sides = {
                "qk": (caught["qkv in"], own[:, : 2 * dh]),
                "v": (caught["qkv in"], own[:, 2 * dh :]),
                "o": (caught["dense in"][:, index * dh : (index + 1) * dh], caught["dense out"]),
            }
            for block in self.blocks:
                x, g = sides[block.name]
                A[block] += x.T @ x
                S[block] += g.T @ g
        for handle in handles:
            handle.remove()
        tokens = rows.shape[0] * (rows.shape[1] - 1)
        return (
            {block: torch.linalg.eigh((A[block] / tokens).double())[1].float() for block in self.blocks},
            {block: torch.linalg.eigh((S[block] / tokens).double())[1].float() for block in self.blocks},
        )

    def eigenvalues(
        self,
        rows: np.ndarray,
        uniforms: Sequence[np.ndarray],
        QA: Mapping[Block, torch.Tensor],
        QS: Mapping[Block, torch.Tensor],
    ) -> dict[Block, torch.Tensor]:
        """Pass 2: Lambda of every block from per-row gradients."""
        total = {block: torch.zeros(block_shape(block, self.sizes)) for block in self.blocks}
        for row, numbers in zip(rows, uniforms, strict=True):
            for block, gradient in self.gradients(row, numbers).items():
                total[block] += (QA[block].T @ gradient @ QS[block]) ** 2
        return {block: value / len(rows) for block, value in total.items()}

    def scores(
        self,
        rows: np.ndarray,
        probe: Mapping[Block, torch.Tensor],
        QA: Mapping[Block, torch.Tensor],
        QS: Mapping[Block, torch.Tensor],
        eigenvalues: Mapping[Block, torch.Tensor],
    ) -> np.ndarray:
        """Pass 3: - < grad L, (H + damping)^-1 grad f > of every row."""
        directions = {
            b: QA[b] @ ((QA[b].T @ probe[b] @ QS[b]) / damped(eigenvalues[b])) @ QS[b].T for b in self.blocks
        }
        found = []
        for row in rows:
            gradients = self.gradients(row)
            found.append(-sum((gradients[b] * directions[b]).sum().item() for b in self.blocks))
        return np.array(found)
